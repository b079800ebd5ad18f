// ctr install: an image's programs into a folder of the host.
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { isLayerType } from "../../../common/oci/media-types.ts";
import { basename, dirname, join } from "../../../common/path.ts";
import { writeContent } from "../../layer/content.ts";
import { cleanName } from "../../layer/paths.ts";
import type { Entry } from "../../layer/tar/entry.ts";
import { TarReader } from "../../layer/tar/reader.ts";
import { PulledSource } from "../../layer/tar/source.ts";
import { sys } from "../../sys/call.ts";
import { decompressor, sniff } from "../../sys/decompress.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  absolute,
  chown,
  Fd,
  mkdirs,
  O,
  open,
  statIfThere,
  symlink,
  unlink,
  writeAll,
} from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { PIECE } from "../content-write.ts";
import { type Ctr, command, need } from "../ctr.ts";
import { openImage, readBlob } from "../image.ts";

/** A layer's tar as an unnamed file. */
async function plainLayer(ctr: Ctr, digest: string): Promise<Fd> {
  const blob = await readBlob(ctr, digest);
  const file = new Fd(sys("memfd_create", undefined, NR.memfd_create, "layer", 1));
  const compression = sniff(blob, 0, blob.length);
  if (compression === "none") writeAll(file.value, blob);
  else {
    const engine = decompressor(compression);
    const output = new Uint8Array(PIECE);
    for (let at = 0; ; ) {
      const { taken, made } = engine.step(native.address(blob) + at, blob.length - at, native.address(output), PIECE);
      at += taken;
      if (made > 0) writeAll(file.value, output.subarray(0, made));
      if (taken === 0 && made === 0) break;
    }
    engine.end();
  }
  sys("lseek", undefined, NR.lseek, file.value, 0, 0);
  return file;
}

interface Choice {
  folders: ReadonlySet<string>;
  target: string;
  replace: boolean;
}

/** Only the name itself is looked at: a folder of the archive is never a link of its own, for these two are made here. */
function installOne(entry: Entry, name: string, reader: TarReader, { target, replace }: Choice): void {
  const path = join(target, name);
  using folder = new Fd(open(dirname(path), O.PATH | O.DIRECTORY | O.NOFOLLOW));
  const base = basename(path);
  if (statIfThere(base, AT_SYMLINK_NOFOLLOW, folder.value)) {
    if (!replace) {
      const hint = "--replace replaces what is there";
      throw new WharfError("AlreadyExists", `cannot replace ${name} in ${target}`, { hint });
    }
    unlink(base, 0, folder.value);
  }
  if (entry.type === "symlink") symlink(entry.linkName, base, folder.value);
  else if (entry.type === "link") {
    const other = cleanName(entry.linkName);
    sys("link", path, NR.linkat, -100, join(target, other), folder.value, base, 0);
    return;
  } else {
    using file = new Fd(open(base, O.WRONLY | O.CREAT | O.EXCL, 0o600, folder.value));
    writeContent(entry, path, file.value, reader);
    sys("chown", path, NR.fchown, file.value, entry.uid, entry.gid);
    sys("chmod", path, NR.fchmod, file.value, entry.mode & 0o7777);
    return;
  }
  chown(base, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW, folder.value);
}

function installLayer(layer: Fd, choice: Choice): void {
  const reader = new TarReader(
    new PulledSource((address, length) => sys("read", undefined, NR.read, layer.value, address, length)),
  );
  for (let entry = reader.next(); entry; entry = reader.next()) {
    const name = cleanName(entry.name);
    if (!choice.folders.has(dirname(name)) || basename(name).startsWith(".wh.")) continue;
    if (entry.type === "file" || entry.type === "symlink" || entry.type === "link") {
      mkdirs(join(choice.target, dirname(name)));
      installOne(entry, name, reader, choice);
    }
  }
}

/** Where the server has programs installed. */
async function managedFolder(ctr: Ctr): Promise<string> {
  const { plugins } = await ctr.introspection.plugins({ filters: ["id==opt"] });
  const path = plugins[0]?.exports.path;
  if (path) return path;
  throw new WharfError("FailedPrecondition", "the server has no folder for installed programs", {
    hint: "--path names one",
  });
}

export const install = command({
  name: "install",
  summary: "Install the programs of an image",
  usage: "IMAGE",
  flags: {
    libs: bool("Its libraries, too", { short: "l" }),
    replace: bool("Replace what is there", { short: "r" }),
    path: string("Folder to install into, below bin and lib", { type: "DIR" }),
  },
  run: async (ctr, { flags, args }) => {
    const { manifest } = await openImage(ctr, need(args, 0, "an image"));
    const target = flags.path ? absolute(flags.path) : await managedFolder(ctr);
    const choice = { folders: new Set(["bin", ...(flags.libs ? ["lib"] : [])]), target, replace: flags.replace };
    for (const { digest } of manifest.layers.filter(({ mediaType }) => isLayerType(mediaType))) {
      using layer = await plainLayer(ctr, digest);
      installLayer(layer, choice);
    }
    return 0;
  },
});
