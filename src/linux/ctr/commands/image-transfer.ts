// ctr images pull, push, import, export, tag: carried out by containerd's transfer service.
import { bool, int, list, string } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { ImageStore } from "../../../common/gen/containerd/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../../../common/gen/containerd/transfer/importexport.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { parseReference } from "../../../common/reference.ts";
import { Fd, O, open, writeAll } from "../../sys/fs.ts";
import { type Ctr, command, need, usage } from "../ctr.ts";
import { REGISTRY, SNAPSHOTTER } from "../flags.ts";
import { HOST, openImage, platformOf } from "../image.ts";
import { labelsOf } from "../labels.ts";
import { ProgressDisplay } from "../progress.ts";
import { registryOf } from "../registry.ts";
import { receiveTar, sendStream, transfer } from "../transfer.ts";

const PLATFORMS = {
  platform: list("Platform, may be given again", { type: "OS/ARCH" }),
  "all-platforms": bool("All platforms"),
} as const;

/** Accepted for the original's sake: all is done by the daemon. */
const LOCAL = { local: bool("As without it: the daemon does it all", { hidden: true }) } as const;

function wire(platform: Platform) {
  return { os: platform.os, architecture: platform.architecture, variant: platform.variant ?? "", osVersion: "" };
}

/** The platforms asked for; none means all. */
function chosen(flags: { platform: readonly string[]; "all-platforms": boolean }, initial: readonly Platform[]) {
  if (flags["all-platforms"] && flags.platform.length > 0)
    throw usage("--platform and --all-platforms exclude each other");
  if (flags["all-platforms"]) return [];
  return (flags.platform.length > 0 ? flags.platform.map(platformOf) : initial).map(wire);
}

async function shown(ctr: Ctr, source: Parameters<typeof transfer>[1], target: Parameters<typeof transfer>[2]) {
  const display = new ProgressDisplay();
  await transfer(ctr, source, target, display.take);
  display.done();
}

export const pull = command({
  name: "pull",
  summary: "Pull an image, unpacked and ready to run",
  usage: "IMAGE",
  flags: {
    ...REGISTRY,
    ...SNAPSHOTTER,
    ...PLATFORMS,
    ...LOCAL,
    label: list("Label of the image", { type: "KEY=VALUE" }),
    "skip-metadata": bool("Leave out the metadata of platforms that are not wanted"),
    "all-metadata": bool("Metadata of all platforms", { hidden: true }),
    "print-chainid": bool("Say the name of the image's topmost snapshot"),
    "max-concurrent-downloads": int("Downloads at a time; the daemon decides", { hidden: true }),
    "sync-fs": bool("Write the files to disk while unpacking", { hidden: true }),
  },
  examples: [{ what: "From a registry on this machine", line: "images pull --plain-http localhost:5000/app:1" }],
  run: async (ctr, { flags, args }) => {
    const name = need(args, 0, "an image");
    const platforms = chosen(flags, [HOST]);
    const store = packAny(ImageStore, {
      name,
      labels: labelsOf(flags.label),
      platforms,
      allMetadata: !flags["skip-metadata"],
      unpacks: platforms.map((platform) => ({ platform, snapshotter: flags.snapshotter })),
    });
    await shown(ctr, await registryOf(ctr, name, flags), store);
    if (flags["print-chainid"]) ctr.line(`image chain ID: ${(await openImage(ctr, name)).chain.at(-1)}`);
    return 0;
  },
});

export const push = command({
  name: "push",
  summary: "Push an image to a registry",
  usage: "REMOTE [LOCAL]",
  flags: {
    ...REGISTRY,
    ...LOCAL,
    platform: PLATFORMS.platform,
    manifest: list("Manifest to push instead of the image", { type: "DIGEST", hidden: true }),
    "manifest-type": list("Its media type", { hidden: true }),
    "max-concurrent-uploaded-layers": int("Uploads at a time; the daemon decides", { hidden: true }),
    "allow-non-distributable-blobs": bool("Push layers that are not meant to be", { hidden: true }),
  },
  run: async (ctr, { flags, args }) => {
    const remote = need(args, 0, "where to push to");
    if (flags.manifest.length > 0) throw usage("--manifest is not supported: tag what is to be pushed");
    const local = args[1] ?? remote;
    const store = packAny(ImageStore, { name: local, platforms: flags.platform.map(platformOf).map(wire) });
    await shown(ctr, store, await registryOf(ctr, remote, flags));
    return 0;
  },
});

export const importImages = command({
  name: "import",
  summary: "Import images from an archive: OCI or docker save",
  usage: "FILE|-",
  flags: {
    ...PLATFORMS,
    ...SNAPSHOTTER,
    ...LOCAL,
    "base-name": string("Name for images that the archive names by a tag only"),
    digests: bool("Name images by their digests too"),
    "skip-digest-for-named": bool("No such name for those that have another"),
    "index-name": string("Name for the archive's whole index"),
    "no-unpack": bool("Do not unpack"),
    "discard-unpacked-layers": bool("Drop layers that are unpacked", { hidden: true }),
    "compress-blobs": bool("Compress layers that are not"),
    label: list("Label of the images", { type: "KEY=VALUE" }),
    "sync-fs": bool("Write the files to disk while unpacking", { hidden: true }),
  },
  run: async (ctr, { flags, args }) => {
    const path = need(args, 0, "an archive");
    using file = new Fd(
      path === "-" ? open("/proc/self/fd/0", O.RDONLY | O.CLOEXEC) : open(path, O.RDONLY | O.CLOEXEC),
    );
    const platforms = chosen(flags, [HOST]);
    const prefix = flags["base-name"] || `import-${new Date().toISOString().slice(0, 10)}`;
    const digests = { addDigest: flags.digests, skipNamedDigest: flags["skip-digest-for-named"] };
    const reference = { name: prefix, isPrefix: true, allowOverwrite: flags["base-name"] === "", ...digests };
    const store = packAny(ImageStore, {
      name: flags["index-name"],
      labels: labelsOf(flags.label),
      platforms,
      allMetadata: flags["all-platforms"],
      extraReferences: [reference],
      unpacks: flags["no-unpack"]
        ? []
        : (platforms.length > 0 ? platforms : [wire(HOST)]).map((platform) => ({
            platform,
            snapshotter: flags.snapshotter,
          })),
    });
    const stream = await sendStream(ctr, file.value);
    await shown(ctr, packAny(ImageImportStream, { stream, forceCompress: flags["compress-blobs"] }), store);
    return 0;
  },
});

export const exportImages = command({
  name: "export",
  summary: "Export images as an archive: an OCI layout that docker load reads too",
  usage: "FILE|- IMAGE [IMAGE...]",
  flags: {
    ...PLATFORMS,
    ...LOCAL,
    "skip-manifest-json": bool("Without what docker load reads"),
    "skip-non-distributable": bool("Without layers that are not to be distributed"),
  },
  run: async (ctr, { flags, args }) => {
    const path = need(args, 0, "where to write to");
    const names = args.slice(1);
    need(names, 0, "an image");
    // an image that is not there is found out before a file is made
    for (const name of names) await ctr.images.get({ name });
    using file = new Fd(
      open(
        path === "-" ? "/proc/self/fd/1" : path,
        O.WRONLY | (path === "-" ? 0 : O.CREAT | O.TRUNC) | O.CLOEXEC,
        0o644,
      ),
    );
    const { id, rest } = await receiveTar(ctr, (piece) => writeAll(file.value, piece));
    const target = packAny(ImageExportStream, {
      stream: id,
      platforms: flags.platform.map(platformOf).map(wire),
      allPlatforms: flags["all-platforms"],
      skipCompatibilityManifest: flags["skip-manifest-json"],
      skipNonDistributable: flags["skip-non-distributable"],
    });
    const store = packAny(ImageStore, { extraReferences: names.map((name) => ({ name })) });
    if (path === "-") await transfer(ctr, store, target);
    else await shown(ctr, store, target);
    await rest();
    return 0;
  },
});

export const tag = command({
  name: "tag",
  summary: "Give an image further names",
  usage: "IMAGE NAME [NAME...]",
  flags: {
    ...LOCAL,
    force: bool("Replace images of these names"),
    "skip-reference-check": bool("Take any name"),
  },
  run: async (ctr, { flags, args }) => {
    const source = need(args, 0, "an image");
    need(args, 1, "a new name");
    for (const name of args.slice(1)) {
      if (!flags["skip-reference-check"]) parseReference(name);
      if (flags.force) {
        await ctr.images.get({ name: source });
        await ctr.images.delete({ name }).catch((error: unknown) => {
          if (!isCode(error, "NotFound")) throw error;
        });
      }
      await transfer(ctr, packAny(ImageStore, { name: source }), packAny(ImageStore, { name }));
      ctr.line(name);
    }
    return 0;
  },
});
