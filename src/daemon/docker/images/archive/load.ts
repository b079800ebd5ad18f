/**
 * POST /images/load: an OCI layout or a docker archive, packed or not. Every file goes into the content store while it
 * arrives, under a lease; what turns out to belong to no image is collected afterwards.
 */

import { posix } from "node:path";
import { type Digest, isDigest } from "../../../../common/digest.ts";
import { isCode, WharfError } from "../../../../common/errors.ts";
import { configPlatform, type Descriptor, type Manifest, parseImageConfig } from "../../../../common/oci/image.ts";
import { DOCKER, isIndexType, isManifestType, OCI } from "../../../../common/oci/media-types.ts";
import { normalizePlatform, type Platform } from "../../../../common/oci/platform.ts";
import {
  familiarReference,
  formatReference,
  type Reference,
  referenceObject,
  tryParseReference,
  withDefaultTag,
} from "../../../../common/reference.ts";
import type { Containerd } from "../../../containerd/api.ts";
import { readDocument } from "../../../transfer/documents.ts";
import { childLabels, UNCOMPRESSED } from "../../../transfer/labels.ts";
import { SharedLease } from "../../../transfer/lease.ts";
import { ensureUnpacked } from "../../../transfer/stored.ts";
import type { Engine } from "../../engine.ts";
import { keepImage, nameImage } from "../tag.ts";
import { addBlobLabels, type StoredBlob, storeBlob, storeCompressed, storeDocument } from "./blobs.ts";
import { compressionOf, decompressed } from "./decompress.ts";
import { readTar } from "./tar-read.ts";

/** Bytes of index.json or manifest.json. */
const MAX_JSON = 8 << 20;

/** An image of the archive and the names it is to have. */
export interface FoundImage {
  target: Descriptor;
  references: Reference[];
  /** Of a docker archive's image: what its config says. */
  platform?: Platform;
}

type Files = ReadonlyMap<string, StoredBlob>;

/** Tells each image as it is loaded. InvalidArgument for what is no image archive, DataLoss for a damaged one. */
export async function loadImages(
  engine: Engine,
  body: AsyncIterable<Uint8Array>,
  platform: Platform | undefined,
  tell: (line: { stream: string }) => void,
): Promise<void> {
  await SharedLease.during(engine.client, async (lease) => {
    for (const { target, references } of await readArchive(lease.client, body)) {
      const image = await engine.images.load(target, platform);
      await ensureUnpacked(lease.client, image);
      for (const reference of references) await nameImage(engine, reference, target, lease.client);
      if (references.length === 0) await keepImage(lease.client, target);
      for (const reference of references) tell({ stream: `Loaded image: ${familiarReference(reference)}\n` });
      if (references.length === 0) tell({ stream: `Loaded image ID: ${image.id}\n` });
      engine.events.emit("image", "load", image.id, { name: image.id });
    }
  });
}

/** Puts all of an archive into the content store, and tells the images it holds. `client` has a lease. */
export async function readArchive(client: Containerd, body: AsyncIterable<Uint8Array>): Promise<FoundImage[]> {
  const found = await findImages(client, await storeFiles(client, body));
  for (const { target } of found) await labelTree(client, target);
  return found;
}

/** What an archive holds, as containerd sees it: an index, for a docker archive made here, and its parts with their annotations. */
export interface ArchiveIndex {
  index: Descriptor;
  manifests: readonly Descriptor[];
}

/**
 * As `readArchive`, for those who name the index and its parts themselves. `client` has a lease. With `compress` a docker archive's plain layers
 * are compressed.
 */
export async function readArchiveIndex(
  client: Containerd,
  body: AsyncIterable<Uint8Array>,
  compress = false,
): Promise<ArchiveIndex> {
  const files = await storeFiles(client, body);
  const layout = files.has("oci-layout") ? files.get("index.json") : undefined;
  const index = layout
    ? { mediaType: OCI.index, digest: layout.digest, size: layout.size }
    : await indexOf(client, await findImages(client, files, compress));
  await labelTree(client, index);
  const { document } = await readDocument(client, index);
  if (document.kind !== "index") throw new WharfError("InvalidArgument", "index.json of the archive is no index");
  return { index, manifests: document.index.manifests };
}

/** To the letter what containerd makes of a docker archive, so that the digests are the same. */
async function indexOf(client: Containerd, images: readonly FoundImage[]): Promise<Descriptor> {
  const manifests = images.flatMap(({ target, references, platform }) => {
    if (references.length === 0) return [{ ...target, platform }];
    return references.map((reference) => ({
      ...target,
      annotations: {
        "io.containerd.image.name": formatReference(reference),
        "org.opencontainers.image.ref.name": referenceObject(reference),
      },
      platform,
    }));
  });
  return await storeDocument(client, OCI.index, { schemaVersion: 2, manifests }, {});
}

async function storeFiles(client: Containerd, body: AsyncIterable<Uint8Array>): Promise<Files> {
  const files = new Map<string, StoredBlob>();
  const links = new Map<string, string>();
  for await (const entry of readTar(decompressed(body))) {
    const name = posix.normalize(entry.name);
    if (entry.type === "link") {
      // Old docker archives hold a layer that several images share once.
      links.set(name, posix.normalize(entry.symbolic ? posix.join(posix.dirname(name), entry.target) : entry.target));
    } else if (entry.type === "file") {
      const [, algorithm, hex] = /^blobs\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
      const digest = `${algorithm}:${hex}`;
      const checked = algorithm === "sha256" && isDigest(digest);
      files.set(name, await storeBlob(client, entry.data, checked ? digest : undefined));
    }
  }
  for (const [name, to] of links) {
    const blob = files.get(to) ?? files.get(links.get(to) ?? "");
    if (blob) files.set(name, blob);
  }
  return files;
}

async function findImages(client: Containerd, files: Files, compress = false): Promise<FoundImage[]> {
  const index = files.get("index.json");
  if (index && files.has("oci-layout")) return await imagesOfLayout(client, index);
  const list = files.get("manifest.json");
  if (list) return await imagesOfArchive(client, list, files, compress);
  throw new WharfError("InvalidArgument", "the archive holds no images: neither index.json nor manifest.json", {
    operation: "load image",
    hint: files.size > 0 ? "a container's files are taken by import" : undefined,
  });
}

async function readJson(client: Containerd, blob: StoredBlob, name: string): Promise<unknown> {
  const text = Buffer.from(await client.content.read(blob, MAX_JSON)).toString("utf8");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${name} of the archive is no JSON`, { operation: "load image", cause });
  }
}

async function imagesOfLayout(client: Containerd, index: StoredBlob): Promise<FoundImage[]> {
  const { document } = await readDocument(client, { ...index, mediaType: OCI.index });
  if (document.kind !== "index") throw new WharfError("InvalidArgument", "index.json of the archive is no index");
  const byDigest = new Map<string, FoundImage>();
  for (const { annotations = {}, ...descriptor } of document.index.manifests) {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) continue;
    const found: FoundImage = byDigest.get(descriptor.digest) ?? { target: descriptor, references: [] };
    byDigest.set(descriptor.digest, found);
    const short = annotations["org.opencontainers.image.ref.name"] ?? "";
    // A bare tag says nothing without the name that belongs to it.
    const name = annotations["io.containerd.image.name"] ?? (/[/:]/.test(short) ? short : undefined);
    const reference = name === undefined ? undefined : tryParseReference(name);
    if (reference) found.references.push(withDefaultTag(reference));
  }
  return [...byDigest.values()];
}

interface ArchiveEntry {
  Config: string;
  RepoTags?: string[] | null;
  Layers: string[];
}

async function imagesOfArchive(
  client: Containerd,
  list: StoredBlob,
  files: Files,
  compress: boolean,
): Promise<FoundImage[]> {
  const entries = (await readJson(client, list, "manifest.json")) as ArchiveEntry[];
  if (!Array.isArray(entries)) throw new WharfError("InvalidArgument", "manifest.json of the archive is no list");
  const found: FoundImage[] = [];
  for (const { Config, Layers, RepoTags } of entries) {
    if (typeof Config !== "string" || !Array.isArray(Layers))
      throw new WharfError("InvalidArgument", "manifest.json of the archive names no config and layers");
    const config = fileOf(files, Config);
    const text = Buffer.from(await client.content.read(config)).toString("utf8");
    const parsed = parseImageConfig(text, Config);
    const { rootfs } = parsed;
    if (rootfs.diff_ids.length !== Layers.length) {
      throw new WharfError(
        "InvalidArgument",
        `${Config} speaks of ${rootfs.diff_ids.length} layers, manifest.json of ${Layers.length}`,
      );
    }
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: DOCKER.manifest,
      config: { mediaType: DOCKER.config, digest: config.digest, size: config.size },
      layers: [],
    };
    for (const [at, path] of Layers.entries()) {
      const file = fileOf(files, path);
      const plain = compressionOf(file.first) === "none";
      const { digest, size, first } = compress && plain ? await storeCompressed(client, file) : file;
      const packed = compressionOf(first);
      const mediaType = packed === "gzip" ? DOCKER.layerGzip : packed === "zstd" ? DOCKER.layerZstd : DOCKER.layer;
      manifest.layers.push({ mediaType, digest, size });
      await addBlobLabels(client, digest, { [UNCOMPRESSED]: rootfs.diff_ids[at]! });
    }
    const target = await storeDocument(client, DOCKER.manifest, manifest, {});
    const references = (RepoTags ?? []).map((tag) => tryParseReference(tag)).filter((one) => one !== undefined);
    const { architecture, os, ...more } = normalizePlatform(configPlatform(parsed));
    found.push({ target, references: references.map(withDefaultTag), platform: { architecture, os, ...more } });
  }
  return found;
}

function fileOf(files: Files, path: string): StoredBlob {
  const file = files.get(posix.normalize(path));
  if (file) return file;
  throw new WharfError("InvalidArgument", `the archive does not have ${JSON.stringify(path)}, which it names`, {
    operation: "load image",
    subject: path,
  });
}

/** Labels by which the collector finds what belongs to an image. Parts of an index that are not there are left out. */
async function labelTree(client: Containerd, descriptor: Descriptor): Promise<void> {
  const { document } = await readDocument(client, descriptor);
  await addBlobLabels(client, descriptor.digest as Digest, childLabels(document));
  if (document.kind !== "index") return;
  for (const one of document.index.manifests) {
    if (!isIndexType(one.mediaType) && !isManifestType(one.mediaType)) continue;
    await labelTree(client, one).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
  }
}
