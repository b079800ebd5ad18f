// ctr images convert: Docker's media types to OCI's, compressed layers to plain ones.
import { bool, list } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Descriptor, Manifest } from "../../../common/oci/image.ts";
import { isIndexType, OCI } from "../../../common/oci/media-types.ts";
import { platformMatches } from "../../../common/oci/platform.ts";
import { decompressor, sniff } from "../../sys/decompress.ts";
import { sha256 } from "../../sys/hash.ts";
import { BlobWriter, PIECE, writeBlob } from "../content-write.ts";
import { type Ctr, command, need } from "../ctr.ts";
import { getImage, HOST, platformOf, readBlob } from "../image.ts";

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
};

/** Writes a blob's bytes uncompressed, as they come. */
async function uncompressed(ctr: Ctr, layer: Descriptor): Promise<Descriptor> {
  const blob = await readBlob(ctr, layer.digest);
  const compression = sniff(blob, 0, blob.length);
  if (compression === "none") return layer;
  const writer = new BlobWriter(ctr, { ref: `convert-uncompress-from-${layer.digest}` });
  const engine = decompressor(compression);
  const output = new Uint8Array(PIECE);
  let size = 0;
  for (let at = 0; ; ) {
    const { taken, made } = engine.step(native.address(blob) + at, blob.length - at, native.address(output), PIECE);
    at += taken;
    if (made > 0) await writer.write(output.slice(0, made));
    size += made;
    if (taken === 0 && made === 0) break;
  }
  engine.end();
  const digest = await writer.commit();
  return {
    ...layer,
    mediaType: layer.mediaType.replace(/[.+](gzip|zstd)$/, ""),
    digest: digest as Descriptor["digest"],
    size,
  };
}

/** The converted document, written down, with what it refers to. */
async function converted(ctr: Ctr, target: Descriptor, wanted: Wanted): Promise<Descriptor> {
  const document = JSON.parse(native.utf8(await readBlob(ctr, target.digest))) as Manifest & {
    manifests?: Descriptor[];
  };
  const typeOf = (type: string) => (wanted.oci ? (OCI_OF[type] ?? type) : type);
  const labels: Record<string, string> = {};
  if (isIndexType(target.mediaType)) {
    const manifests: Descriptor[] = [];
    for (const one of document.manifests!.filter(wanted.keep)) manifests.push(await converted(ctr, one, wanted));
    document.manifests = manifests;
    for (const [at, { digest }] of manifests.entries()) labels[`containerd.io/gc.ref.content.m.${at}`] = digest;
  } else {
    const layers: Descriptor[] = [];
    for (const layer of document.layers) {
      const done = wanted.uncompress ? await uncompressed(ctr, layer) : layer;
      layers.push({ ...done, mediaType: typeOf(done.mediaType) });
    }
    document.layers = layers;
    document.config = { ...document.config, mediaType: typeOf(document.config.mediaType) };
    labels["containerd.io/gc.ref.content.config"] = document.config.digest;
    for (const [at, { digest }] of layers.entries()) labels[`containerd.io/gc.ref.content.l.${at}`] = digest;
  }
  const mediaType = typeOf(target.mediaType);
  const bytes = native.bytes(JSON.stringify({ ...document, mediaType }));
  const digest = `sha256:${sha256(bytes)}` as Descriptor["digest"];
  await writeBlob(ctr, { ref: `convert-${digest}`, digest, labels }, bytes);
  return { ...target, mediaType, digest, size: bytes.length };
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
      if (made.digest === target.digest && !flags.oci && !flags.uncompress) {
        throw new WharfError("InvalidArgument", "nothing to convert", { hint: "say --oci or --uncompress" });
      }
      await ctr.images.delete({ name }).catch(() => {});
      await ctr.images.create({ image: { name, target: made, labels } });
      return made.digest;
    });
    ctr.line(digest);
    return 0;
  },
});
