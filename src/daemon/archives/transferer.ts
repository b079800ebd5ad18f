/** Import, export and tag as transfers: between archives and the store, and between names of the store. */

import { isCode, WharfError } from "../../common/errors.ts";
import type { Descriptor, Manifest } from "../../common/oci/image.ts";
import { isForeignLayer } from "../../common/oci/media-types.ts";
import {
  formatPlatform,
  normalizePlatform,
  type Platform,
  parsePlatform,
  selectPlatform,
} from "../../common/oci/platform.ts";
import type { ArchiveStream, ImageReference, StoredImage, TransferOptions } from "../containerd/api/transfer.ts";
import type { Containerd, Transferer } from "../containerd/api.ts";
import { readArchiveIndex } from "../docker/images/archive/load.ts";
import { type SavedPart, saveImages } from "../docker/images/archive/save.ts";
import { readDocument } from "../transfer/documents.ts";
import { SharedLease } from "../transfer/lease.ts";
import { hostPlatform } from "../transfer/platform.ts";
import { ensureUnpacked, readStored } from "../transfer/stored.ts";

/** To be given to `ContainerdCore.addTransferer`. */
export const archiveTransferer: Transferer = (client, source, destination, options) => {
  if (source.type === "image-store" && destination.type === "image-store") return tag(client, source, destination);
  if (source.type === "archive" && source.read && destination.type === "image-store")
    return importImages(client, source, source.read, destination, options);
  if (source.type === "image-store" && destination.type === "archive" && destination.write)
    return exportImages(client, source, destination, options);
  if (source.type === "archive" && source.read && destination.type === "archive" && destination.write)
    return echo(source.read, destination.write);
  return undefined;
};

/** From one stream of the client's to another: what containerd has to try streams with. */
async function echo(read: AsyncIterable<Uint8Array>, write: (data: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of read) await write(chunk);
}

async function tag(client: Containerd, source: StoredImage, destination: StoredImage): Promise<void> {
  const { target, labels } = await client.images.get(source.name);
  const extra = (destination.extraReferences ?? []).filter(({ isPrefix }) => !isPrefix);
  const names = [
    destination.name,
    ...extra.map(({ name, addDigest }) => (addDigest ? `${name}@${target.digest}` : name)),
  ];
  for (const name of names) if (name !== "") await setImage(client, name, target, destination.labels ?? labels);
}

async function importImages(
  client: Containerd,
  { forceCompress }: ArchiveStream,
  read: AsyncIterable<Uint8Array>,
  destination: StoredImage,
  { progress }: TransferOptions,
): Promise<void> {
  await SharedLease.during(client, async (lease) => {
    progress?.({ event: "Importing", name: "" });
    const { index, manifests } = await readArchiveIndex(lease.client, read, forceCompress);
    const images = [{ target: index, names: indexNames(index, destination) }];
    for (const target of manifests) images.push({ target, names: partNames(target, destination) });
    const named = images.filter(({ names }) => names.length > 0);
    // All of an index that has a name, else the parts that have one.
    const whole = named[0]?.target === index ? manifests : named.map(({ target }) => target);
    for (const target of whole) {
      for (const { platform, snapshotter } of destination.unpacks ?? []) {
        await unpack(lease.client, target, platform, snapshotter);
      }
    }
    for (const { target, names } of named) {
      for (const name of names) {
        await setImage(lease.client, name, target, destination.labels);
        progress?.({ event: "saved", name, desc: target });
      }
    }
    if (named.length === 0) {
      throw new WharfError("NotFound", "no image name found", {
        operation: "import",
        hint: "the images of the archive have no names that fit: choose names by digest",
      });
    }
    progress?.({ event: "Completed import", name: "" });
  });
}

/** Names of the archive as a whole: the image's own and full references (containerd, core/transfer/image, Store). */
function indexNames({ digest }: Descriptor, { name, extraReferences = [] }: StoredImage): string[] {
  const whole = extraReferences.filter(({ isPrefix }) => !isPrefix);
  const names = whole.map((extra) => (extra.addDigest ? `${extra.name}@${digest}` : extra.name));
  return name === "" ? names : [name, ...names];
}

/** Names of one image in it, by what the archive calls it. */
function partNames({ digest, annotations = {} }: Descriptor, { extraReferences = [] }: StoredImage): string[] {
  const names = new Set<string>();
  for (const prefix of extraReferences.filter(({ isPrefix }) => isPrefix)) {
    const name = nameIn(annotations, prefix);
    if (name !== undefined) names.add(name);
    if (prefix.addDigest && !(name !== undefined && prefix.skipNamedDigest)) names.add(`${prefix.name}@${digest}`);
  }
  return [...names];
}

function nameIn(annotations: Record<string, string>, prefix: ImageReference): string | undefined {
  const full = annotations["io.containerd.image.name"];
  if (full) return fits(full, prefix) ? full : undefined;
  const short = annotations["org.opencontainers.image.ref.name"];
  if (!short || prefix.name === "") return undefined;
  // A bare tag gets the name that belongs before it.
  if (!/[/:@]/.test(short)) return `${prefix.name}:${short}`;
  return fits(short, prefix) ? short : undefined;
}

/** A full reference with the prefix, which ends where a part of the name does. */
function fits(name: string, { name: prefix, allowOverwrite }: ImageReference): boolean {
  if (prefix === "" || !/[/:@]/.test(name)) return false;
  return allowOverwrite === true || name === prefix || ["/", ":", "@"].some((end) => name.startsWith(prefix + end));
}

async function unpack(client: Containerd, target: Descriptor, platform: string | undefined, snapshotter: string) {
  const host = hostPlatform();
  const wanted = platform === undefined ? host : parsePlatform(platform, host);
  if (target.platform && !selectPlatform(wanted, [target])) return;
  await ensureUnpacked(client, await readStored(client, target, wanted), snapshotter);
}

/** An index goes out as it is, with the images for the platforms; one that is not there is NotFound. */
async function exportImages(
  client: Containerd,
  source: StoredImage,
  destination: ArchiveStream,
  { signal, progress }: TransferOptions,
): Promise<void> {
  progress?.({ event: "Exporting", name: "" });
  const host = hostPlatform();
  const all = destination.platforms === undefined;
  const named = (destination.platforms ?? []).map((one) => parsePlatform(one, host));
  const wanted = named.length > 0 ? named : [host];
  const saved: SavedPart[] = [];
  for (const { name, isPrefix } of [{ name: source.name, isPrefix: false }, ...(source.extraReferences ?? [])]) {
    if (isPrefix)
      throw new WharfError("Unimplemented", "images are not looked up by a prefix", { operation: "export" });
    if (name === "") continue;
    const { target } = await client.images.get(name);
    const manifest = await exported(client, target, wanted);
    if (!manifest && !all) {
      const list = wanted.map(formatPlatform).join(", ");
      throw new WharfError("NotFound", `no image for ${list} to export`, { operation: "export", subject: name });
    }
    saved.push({ names: [name], descriptor: target, ...(manifest ? { image: { manifest } } : {}) });
  }
  const keep = ({ mediaType, platform }: Descriptor) => {
    if (destination.skipNonDistributable && isForeignLayer(mediaType)) return false;
    return all || !platform || wanted.some((one) => samePlatform(one, platform));
  };
  const options = { keep, skipDocker: destination.skipDockerManifest };
  await saveImages({ client }, saved, destination.write!, signal ?? new AbortController().signal, options);
  progress?.({ event: "Completed export", name: "" });
}

/** The image that docker's part of the archive tells of: the first for one of the platforms, in their order. */
async function exported(
  client: Containerd,
  target: Descriptor,
  wanted: readonly Platform[],
): Promise<Manifest | undefined> {
  const { document } = await readDocument(client, target);
  if (document.kind === "manifest") return document.manifest;
  const { manifests } = document.index;
  const found = wanted
    .map((one) => manifests.find(({ platform }) => platform && samePlatform(one, platform)))
    .find((one) => one !== undefined);
  const descriptor = found ?? manifests.find(({ platform }) => !platform);
  return descriptor && (await exported(client, descriptor, wanted));
}

function samePlatform(one: Platform, other: Platform): boolean {
  return formatPlatform(normalizePlatform(one)) === formatPlatform(normalizePlatform(other));
}

async function setImage(client: Containerd, name: string, target: Descriptor, labels: StoredImage["labels"]) {
  const image = { name, target, labels };
  try {
    await client.images.create(image);
  } catch (error) {
    if (!isCode(error, "AlreadyExists")) throw error;
    await client.images.update(image);
  }
}
