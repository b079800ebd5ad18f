// ctr images convert: Docker's media types to OCI's, compressed layers to plain ones, fewer platforms.
import { bool, list } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import type { Descriptor, Manifest } from "../../../common/oci/image.ts";
import { isIndexType, OCI } from "../../../common/oci/media-types.ts";
import { platformMatches } from "../../../common/oci/platform.ts";
import { decompressor, sniff } from "../../sys/decompress.ts";
import { Sha256, sha256 } from "../../sys/hash.ts";
import { BlobWriter, PIECE, writeBlob } from "../content-write.ts";
import { type Ctr, command, need } from "../ctr.ts";
import { getImage, HOST, platformOf, readBlob } from "../image.ts";
import { goDocument } from "../image-json.ts";

interface Wanted {
  oci: boolean;
  uncompress: boolean;
  keep: (descriptor: Descriptor) => boolean;
}

const OCI_OF: Readonly<Record<string, string>> = {
  "application/vnd.docker.distribution.manifest.list.v2+json": OCI.index,
  "application/vnd.docker.distribution.manifest.v2+json": OCI.manifest,
  "application/vnd.docker.container.image.v1+json": OCI.config,
  "application/vnd.docker.image.rootfs.diff.tar.gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.foreign.diff.tar": "application/vnd.oci.image.layer.nondistributable.v1.tar",
};
const UNCOMPRESSED = "containerd.io/uncompressed";

/** Writes a blob's bytes uncompressed, as they come; undefined when they are so already. */
async function uncompressed(ctr: Ctr, layer: Descriptor): Promise<Descriptor | undefined> {
  const mediaType = layer.mediaType.replace(/[.+](gzip|zstd)$/, "");
  if (mediaType === layer.mediaType) return undefined;
  const blob = await readBlob(ctr, layer.digest);
  const compression = sniff(blob, 0, blob.length);
  if (compression === "none") return undefined;
  const { [UNCOMPRESSED]: _, ...labels } = (await ctr.content.info({ digest: layer.digest })).info!.labels;
  const writer = new BlobWriter(ctr, { ref: `convert-uncompress-from-${layer.digest}`, labels });
  const hash = new Sha256();
  const engine = decompressor(compression);
  const output = new Uint8Array(PIECE);
  let size = 0;
  for (let at = 0; ; ) {
    const { taken, made } = engine.step(native.address(blob) + at, blob.length - at, native.address(output), PIECE);
    at += taken;
    const piece = output.slice(0, made);
    hash.update(piece, piece.length);
    if (made > 0) await writer.write(piece);
    size += made;
    if (taken === 0 && made === 0) break;
  }
  engine.end();
  await writer.commit().catch((error: unknown) => {
    if (!isCode(error, "AlreadyExists")) throw error;
  });
  return { ...layer, mediaType, digest: hash.digest() as Descriptor["digest"], size };
}

/** A blob's new descriptor, with what it names written down; the same one where nothing changes. */
async function converted(ctr: Ctr, target: Descriptor, wanted: Wanted): Promise<Descriptor> {
  const typed = (one: Descriptor) => {
    const mediaType = wanted.oci ? (OCI_OF[one.mediaType] ?? one.mediaType) : one.mediaType;
    return mediaType === one.mediaType ? one : { ...one, mediaType };
  };
  const bytes = await readBlob(ctr, target.digest);
  const document = JSON.parse(native.utf8(bytes)) as Manifest & { manifests?: Descriptor[] };
  const { labels } = (await ctr.content.info({ digest: target.digest })).info!;
  let changed = document.mediaType !== undefined && typed(target).mediaType !== document.mediaType;
  const replace = (label: string, before: Descriptor, now: Descriptor | undefined) => {
    if (before === now) return;
    changed = true;
    for (const [key, value] of Object.entries(labels)) {
      if (value === before.digest && key.startsWith("containerd.io/gc.ref.content")) delete labels[key];
    }
    if (now) labels[`containerd.io/gc.ref.content.${label}`] = now.digest;
  };
  if (isIndexType(target.mediaType)) {
    const manifests: Descriptor[] = [];
    for (const [at, one] of (document.manifests ?? []).entries()) {
      const now = wanted.keep(one) ? await converted(ctr, one, wanted) : undefined;
      replace(`m.${at}`, one, now);
      if (now) manifests.push(now);
    }
    document.manifests = manifests;
  } else {
    for (const [at, layer] of document.layers.entries()) {
      const now = typed((wanted.uncompress ? await uncompressed(ctr, layer) : undefined) ?? layer);
      replace(`l.${at}`, layer, now);
      document.layers[at] = now;
    }
    const config = typed(document.config);
    replace("config", document.config, config);
    document.config = config;
  }
  const now = typed(target);
  if (!changed) return now;
  if (document.mediaType !== undefined) document.mediaType = now.mediaType;
  const text = native.bytes(goDocument(document));
  const digest = `sha256:${sha256(text)}` as Descriptor["digest"];
  await writeBlob(ctr, { ref: `convert-${digest}`, digest, labels }, text);
  return { ...now, digest, size: text.length };
}

export const convert = command({
  name: "convert",
  summary: "Make a converted copy of an image",
  usage: "IMAGE NAME",
  flags: {
    uncompress: bool("Layers are not compressed"),
    oci: bool("Docker's media types become OCI's"),
    platform: list("Platform, may be given again", { type: "OS/ARCH" }),
    "all-platforms": bool("All platforms"),
  },
  run: async (ctr, { flags, args }) => {
    const source = need(args, 0, "an image");
    const name = need(args, 1, "a name for the copy");
    const platforms = flags.platform.length > 0 ? flags.platform.map(platformOf) : [HOST];
    const keep = ({ platform }: Descriptor) =>
      flags["all-platforms"] || !platform || platforms.some((one) => platformMatches(one, platform));
    const digest = await ctr.leased(async () => {
      const { target, labels } = await getImage(ctr, source);
      const made = await converted(ctr, target, { oci: flags.oci, uncompress: flags.uncompress, keep });
      await ctr.images.delete({ name }).catch((error: unknown) => {
        if (!isCode(error, "NotFound")) throw error;
      });
      await ctr.images.create({ image: { name, target: made, labels } });
      return made.digest;
    });
    ctr.line(digest);
    return 0;
  },
});
