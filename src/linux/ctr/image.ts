// Reading an image out of the content store: documents, the manifest for a platform, sizes, what is missing, unpacking.
import type { Digest } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import type { Image } from "../../common/gen/containerd/services/images.ts";
import {
  chainIds,
  configPlatform,
  type Descriptor,
  type ImageConfig,
  isImage,
  type Manifest,
  parseImageConfig,
  parseImageDocument,
} from "../../common/oci/image.ts";
import { isIndexType, isLayerType, isManifestType } from "../../common/oci/media-types.ts";
import { type Platform, parsePlatform, selectPlatform } from "../../common/oci/platform.ts";
import { sha256 } from "../sys/hash.ts";
import { type Ctr, DEFAULT_SNAPSHOTTER } from "./ctr.ts";

export const HOST: Platform = { os: "linux", architecture: "amd64" };

export function platformOf(text: string): Platform {
  return text === "" ? HOST : parsePlatform(text, HOST);
}

/** A blob's bytes, piece by piece. NotFound. */
export async function eachPiece(ctr: Ctr, digest: string, take: (piece: Uint8Array) => void): Promise<void> {
  for await (const { data } of ctr.content.read({ digest })) take(data);
}

export async function readBlob(ctr: Ctr, digest: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await eachPiece(ctr, digest, (piece) => void pieces.push(piece.slice()));
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function readText(ctr: Ctr, digest: string): Promise<string> {
  return native.utf8(await readBlob(ctr, digest));
}

interface Found {
  manifest: Descriptor;
  platform: Platform | undefined;
}

/** Manifests below a descriptor with their platforms, as far as they are here; the chosen one first. */
export async function manifestsOf(ctr: Ctr, target: Descriptor): Promise<Found[]> {
  if (!isIndexType(target.mediaType)) return [{ manifest: target, platform: undefined }];
  const document = parseImageDocument(await readText(ctr, target.digest), target.mediaType, target.digest);
  if (document.kind !== "index") return [{ manifest: target, platform: undefined }];
  const found: Found[] = [];
  for (const one of document.index.manifests) {
    if (isManifestType(one.mediaType)) found.push({ manifest: one, platform: one.platform });
    else if (isIndexType(one.mediaType) && (await hasBlob(ctr, one.digest)))
      found.push(...(await manifestsOf(ctr, one)));
  }
  return found;
}

export interface OpenImage {
  name: string;
  /** Of its record. */
  labels: Readonly<Record<string, string>>;
  target: Descriptor;
  manifestDescriptor: Descriptor;
  manifest: Manifest;
  config: ImageConfig;
  chain: Digest[];
  /** The documents down to the manifest. */
  path: readonly Descriptor[];
}

export type StoredImage = Image & { target: Descriptor };

export async function getImage(ctr: Ctr, name: string): Promise<StoredImage> {
  const { image } = await ctr.images.get({ name });
  if (!image?.target) throw new WharfError("Internal", `image ${JSON.stringify(name)} has no target`);
  return image as StoredImage;
}

/** Images that one of the filters takes; all without filters. */
export async function listImages(ctr: Ctr, filters: readonly string[] = []): Promise<StoredImage[]> {
  return (await ctr.images.list({ filters })).images.filter(({ target }) => target !== undefined) as StoredImage[];
}

/** The image for a platform. NotFound when it is not for it, or not here. */
export async function openImage(ctr: Ctr, name: string, platform: Platform = HOST): Promise<OpenImage> {
  const { target, labels } = await getImage(ctr, name);
  return { name, labels, ...(await openTarget(ctr, target, platform)) };
}

type OpenTarget = Omit<OpenImage, "name" | "labels">;

async function openTarget(ctr: Ctr, target: Descriptor, platform: Platform): Promise<OpenTarget> {
  const path = await pathTo(ctr, target, platform);
  const descriptor = path.at(-1);
  if (!descriptor)
    throw new WharfError("NotFound", `the image has nothing for ${platform.os}/${platform.architecture}`);
  const document = parseImageDocument(await readText(ctr, descriptor.digest), descriptor.mediaType, descriptor.digest);
  if (document.kind !== "manifest") throw new WharfError("InvalidArgument", `${descriptor.digest} is no manifest`);
  const { manifest } = document;
  if (!isImage(manifest)) throw new WharfError("InvalidArgument", "it is an artifact, not an image that can run");
  const config = parseImageConfig(await readText(ctr, manifest.config.digest), manifest.config.digest);
  const chain = chainIds(config.rootfs.diff_ids, (text) => `sha256:${sha256(text)}` as Digest);
  return { target, manifestDescriptor: descriptor, manifest, config, chain, path };
}

/** The documents from an index, or an index in an index, down to the manifest for a platform; none when there is none. */
async function pathTo(ctr: Ctr, target: Descriptor, platform: Platform): Promise<Descriptor[]> {
  if (!isIndexType(target.mediaType)) return [target];
  const document = parseImageDocument(await readText(ctr, target.digest), target.mediaType, target.digest);
  if (document.kind !== "index") return [];
  const { manifests } = document.index;
  const chosen = selectPlatform(
    platform,
    manifests.filter((one) => !isIndexType(one.mediaType)),
  );
  if (chosen) return [target, chosen];
  for (const one of manifests.filter(({ mediaType }) => isIndexType(mediaType))) {
    const path = await pathTo(ctr, one, platform);
    if (path.length > 0) return [target, ...path];
  }
  return [];
}

/**
 * An image's documents for a platform, the blobs that they name, and of these what is here; `available`: the documents are.
 */
export async function checkImage(ctr: Ctr, target: Descriptor, platform = HOST) {
  let documents: readonly Descriptor[] = [target];
  const required: Descriptor[] = [];
  const present: Descriptor[] = [];
  let available = true;
  try {
    const opened = await openTarget(ctr, target, platform);
    documents = opened.path;
    required.push(opened.manifest.config, ...opened.manifest.layers);
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
    available = false;
  }
  for (const descriptor of required) if (await hasBlob(ctr, descriptor.digest)) present.push(descriptor);
  return { available, documents, required, present };
}

async function hasBlob(ctr: Ctr, digest: string): Promise<boolean> {
  try {
    await ctr.content.info({ digest });
    return true;
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}

/** The platforms an image has manifests for here. */
export async function platformsOf(ctr: Ctr, target: Descriptor): Promise<Platform[]> {
  const found: Platform[] = [];
  for (const { manifest, platform } of await manifestsOf(ctr, target)) {
    if (!(await hasBlob(ctr, manifest.digest))) continue;
    if (platform) {
      found.push(platform);
      continue;
    }
    const document = parseImageDocument(await readText(ctr, manifest.digest), manifest.mediaType, manifest.digest);
    if (document.kind !== "manifest" || !isImage(document.manifest)) continue;
    const { digest } = document.manifest.config;
    found.push(configPlatform(parseImageConfig(await readText(ctr, digest), digest)));
  }
  return found;
}

export async function isUnpacked(ctr: Ctr, { chain }: OpenImage, snapshotter: string): Promise<boolean> {
  try {
    await ctr.snapshots.stat({ snapshotter: snapshotter || DEFAULT_SNAPSHOTTER, key: chain.at(-1) ?? "" });
    return true;
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}

/** Applies the layers that are not there yet, one on the other, as snapshots named by their chain ids. */
export async function unpack(ctr: Ctr, image: OpenImage, snapshotter: string): Promise<void> {
  const name = snapshotter || DEFAULT_SNAPSHOTTER;
  const layers = image.manifest.layers.filter(({ mediaType }) => isLayerType(mediaType));
  for (const [at, key] of image.chain.entries()) {
    const parent = image.chain[at - 1] ?? "";
    if (await snapshotThere(ctr, name, key)) continue;
    const active = `extract-${at}-${Date.now()} ${key}`;
    const { mounts } = await ctr.snapshots.prepare({ snapshotter: name, key: active, parent });
    try {
      await ctr.diff.apply({ diff: layers[at]!, mounts });
      await ctr.snapshots.commit({ snapshotter: name, name: key, key: active });
    } catch (error) {
      await ctr.undo(`the snapshot ${active}`, ctr.snapshots.remove({ snapshotter: name, key: active }));
      if (!isCode(error, "AlreadyExists")) throw error;
    }
  }
  const { digest } = image.manifest.config;
  const labels = { [`containerd.io/gc.ref.snapshot.${name}`]: image.chain.at(-1) ?? "" };
  await ctr.content.update({
    info: { digest, labels },
    updateMask: { paths: Object.keys(labels).map((key) => `labels.${key}`) },
  });
}

async function snapshotThere(ctr: Ctr, snapshotter: string, key: string): Promise<boolean> {
  try {
    await ctr.snapshots.stat({ snapshotter, key });
    return true;
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}
