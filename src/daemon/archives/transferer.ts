/** Import, export and tag as transfers: between archives and the store, and between names of the store. */

import { createHash } from "node:crypto";
import type { Digest } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { chainIds, type Descriptor, type Manifest, parseImageConfig } from "../../common/oci/image.ts";
import { type Platform, parsePlatform } from "../../common/oci/platform.ts";
import { formatReference, type Reference } from "../../common/reference.ts";
import type { ArchiveStream, ImageReference, StoredImage, TransferOptions } from "../containerd/api/transfer.ts";
import { type Containerd, DEFAULT_SNAPSHOTTER, type Transferer } from "../containerd/api.ts";
import { readArchive } from "../docker/images/archive/load.ts";
import { type Saved, saveImages } from "../docker/images/archive/save.ts";
import { ensureUnpacked } from "../docker/images/unpack.ts";
import { choose, readDocument } from "../transfer/documents.ts";
import { SharedLease } from "../transfer/lease.ts";
import { hostPlatform } from "../transfer/platform.ts";

/** To be given to `ContainerdCore.addTransferer`. */
export const archiveTransferer: Transferer = (client, source, destination, options) => {
  if (source.type === "image-store" && destination.type === "image-store") return tag(client, source, destination);
  if (source.type === "archive" && source.read && destination.type === "image-store")
    return importImages(client, source.read, destination, options);
  if (source.type === "image-store" && destination.type === "archive" && destination.write)
    return exportImages(client, source, destination, options);
  return undefined;
};

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
  read: AsyncIterable<Uint8Array>,
  destination: StoredImage,
  { progress }: TransferOptions,
): Promise<void> {
  const lease = await SharedLease.create(client);
  try {
    progress?.({ event: "Importing", name: "" });
    let stored = 0;
    for (const { target, references } of await readArchive(lease.client, read)) {
      const names = namesOf(references, target, destination);
      for (const { platform, snapshotter } of names.length > 0 ? (destination.unpacks ?? []) : []) {
        await unpack(lease.client, target, platform, snapshotter);
      }
      for (const name of names) {
        await setImage(lease.client, name, target, destination.labels);
        progress?.({ event: "saved", name, desc: target });
      }
      stored += names.length;
    }
    if (stored === 0) {
      throw new WharfError("NotFound", "no image name found", {
        operation: "import",
        hint: "the images of the archive have no names that fit: choose names by digest",
      });
    }
    progress?.({ event: "Completed import", name: "" });
  } finally {
    await lease.release();
  }
}

/** Names for an image of the archive (containerd, core/transfer/image, Store). */
function namesOf(references: readonly Reference[], target: Descriptor, destination: StoredImage): string[] {
  const names = new Set<string>();
  if (destination.name !== "") names.add(destination.name);
  for (const prefix of destination.extraReferences ?? []) {
    if (!prefix.isPrefix) {
      names.add(prefix.addDigest ? `${prefix.name}@${target.digest}` : prefix.name);
      continue;
    }
    const fitting = references.map(formatReference).filter((name) => fits(name, prefix));
    for (const name of fitting) names.add(name);
    const digested = prefix.addDigest && !(fitting.length > 0 && prefix.skipNamedDigest);
    if (digested) names.add(`${prefix.name}@${target.digest}`);
  }
  return [...names];
}

function fits(name: string, { name: prefix, allowOverwrite }: ImageReference): boolean {
  return allowOverwrite === true || name.startsWith(`${prefix}:`) || name.startsWith(`${prefix}@`) || name === prefix;
}

async function unpack(client: Containerd, target: Descriptor, platform: string | undefined, snapshotter: string) {
  if (snapshotter !== DEFAULT_SNAPSHOTTER) {
    throw new WharfError("InvalidArgument", `snapshotter not loaded: ${snapshotter}`, { subject: snapshotter });
  }
  const host = hostPlatform();
  const wanted = platform === undefined ? host : parsePlatform(platform, host);
  const manifest = await manifestFor(client, target, wanted);
  const text = Buffer.from(await client.content.read(manifest.config)).toString("utf8");
  const config = parseImageConfig(text, manifest.config.digest);
  const chain = chainIds(config.rootfs.diff_ids, sha256);
  await ensureUnpacked(client, { id: manifest.config.digest, manifest, config, chain, chainId: chain.at(-1) ?? "" });
}

async function manifestFor(client: Containerd, target: Descriptor, platform: Platform): Promise<Manifest> {
  const { descriptor } = await choose(client, target, platform);
  const { document } = await readDocument(client, descriptor);
  if (document.kind === "manifest") return document.manifest;
  throw new WharfError("Unimplemented", "an index within an index is not taken apart", { subject: descriptor.digest });
}

async function exportImages(
  client: Containerd,
  source: StoredImage,
  destination: ArchiveStream,
  { signal }: TransferOptions,
): Promise<void> {
  const host = hostPlatform();
  const [wanted, ...more] = (destination.platforms ?? []).map((one) => parsePlatform(one, host));
  if (more.length > 0) throw new WharfError("Unimplemented", "an export is for one platform, or for all");
  const saved: Saved[] = [];
  for (const name of [source.name, ...(source.extraReferences ?? []).map((extra) => extra.name)]) {
    if (name === "") continue;
    const { target } = await client.images.get(name);
    const { descriptor } = await choose(client, target, wanted);
    // What docker's part of the archive tells is one platform's.
    const manifest = await manifestFor(client, target, wanted ?? host);
    saved.push({ image: { manifest }, names: [name], descriptor });
  }
  await saveImages({ client }, saved, destination.write!, signal ?? new AbortController().signal);
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

function sha256(text: string): Digest {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
