/**
 * Layers into snapshots: each is unpacked by itself, without waiting for those below it nor for the end of its download;
 * then they are committed from the base up, each on its parent, under their chain ids.
 */

import { randomBytes } from "node:crypto";
import type { Digest } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { layerCompression } from "../../common/oci/media-types.ts";
import type { Applied } from "../containerd/api/diff.ts";
import type { Mount } from "../containerd/api/types.ts";
import type { Containerd } from "../containerd/api.ts";
import type { Growth } from "./flights.ts";
import { ingestRef, SNAPSHOT_REF, UNCOMPRESSED } from "./labels.ts";

export interface LayerToUnpack {
  client: Containerd;
  snapshotter: string;
  descriptor: Descriptor;
  diffId: Digest;
  chainId: Digest;
  signal?: AbortSignal | undefined;
  /** Bytes of the compressed layer that are unpacked. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Called when it is unpacked, or could not be; its blob may still be on its way to the disk. */
  onUnpacked?: (() => void) | undefined;
}

/** A layer's download as the unpacker sees it. */
export interface Download {
  growth: Growth;
  /** Resolves when the blob is in the store. */
  done: Promise<unknown>;
  /** Aborted when the content turned out wrong and comes again from its start. */
  restarted: AbortSignal;
}

/** An unpacked layer that is not committed yet. */
export interface Unpacked {
  key: string;
  /** Undefined where snapshots have their parents from the start: then the commit unpacks, too. */
  applied: Applied | undefined;
}

/** Throws FailedPrecondition when the layer is nothing that can be unpacked. */
export function checkLayerType(descriptor: Descriptor): void {
  if (layerCompression(descriptor.mediaType) !== undefined) return;
  throw new WharfError(
    "FailedPrecondition",
    `a layer has the type ${JSON.stringify(descriptor.mediaType)}, which is no file-system layer`,
    {
      operation: "unpack layer",
      subject: descriptor.digest,
      hint: /encrypted/.test(descriptor.mediaType) ? "encrypted images are not supported" : undefined,
    },
  );
}

/** True when the snapshot of this name is there. */
export async function hasSnapshot(client: Containerd, snapshotter: string, name: string): Promise<boolean> {
  try {
    return (await client.snapshots(snapshotter).stat(name)).kind === "committed";
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}

/**
 * Unpacks a layer into a snapshot of its own without parent, or where that cannot be waits for its download. Undefined when its chain's snapshot has come into being
 * meanwhile. DataLoss when the tar's digest is not the diff id. A failure leaves no snapshot.
 */
export async function unpackLayer(layer: LayerToUnpack, download: Download): Promise<Unpacked | undefined> {
  const { client, snapshotter, chainId, signal } = layer;
  const snapshots = client.snapshots(snapshotter);
  if (!snapshots.rebases) {
    await download.done;
    return { key: "", applied: undefined };
  }
  for (;;) {
    const key = `extract-${randomBytes(6).toString("hex")} ${chainId}`;
    let mounts: Mount[];
    try {
      mounts = await snapshots.prepare(key, "", { labels: { [SNAPSHOT_REF]: chainId } });
    } catch (error) {
      if (isCode(error, "AlreadyExists") && (await hasSnapshot(client, snapshotter, chainId))) return undefined;
      throw error;
    }
    try {
      const applied = await apply(layer, mounts, download);
      checkDiffId(layer, applied);
      return { key, applied };
    } catch (error) {
      await snapshots.remove(key).catch(ignoreNotFound);
      if (signal?.aborted || isCode(error, "ResourceExhausted", "PermissionDenied")) throw error;
      // Bytes that cannot be unpacked may be wrong ones, which the download notices at its end and fetches again.
      await download.done;
      if (!download.restarted.aborted) throw error;
      download = { ...download, restarted: new AbortController().signal };
    }
  }
}

function checkDiffId({ diffId, descriptor }: LayerToUnpack, { applied }: Applied): void {
  if (applied.digest === diffId) return;
  throw new WharfError("DataLoss", `diff id mismatch: the config says ${diffId}, the layer has ${applied.digest}`, {
    operation: "unpack layer",
    subject: descriptor.digest,
    hint: "the image was put together wrongly: its config does not belong to its layers",
  });
}

/** Unpacks a layer on its parent. Undefined when its chain's snapshot has come into being meanwhile. */
async function unpackOn(layer: LayerToUnpack, parent: string): Promise<string | undefined> {
  const { client, snapshotter, chainId, descriptor, signal, onProgress: progress } = layer;
  const snapshots = client.snapshots(snapshotter);
  const key = `extract-${randomBytes(6).toString("hex")} ${chainId}`;
  let mounts: Mount[];
  try {
    mounts = await snapshots.prepare(key, parent, { labels: { [SNAPSHOT_REF]: chainId } });
  } catch (error) {
    if (isCode(error, "AlreadyExists") && (await hasSnapshot(client, snapshotter, chainId))) return undefined;
    throw error;
  }
  try {
    checkDiffId(layer, await client.diff.apply(descriptor, mounts, { signal, progress }));
    return key;
  } catch (error) {
    await snapshots.remove(key).catch(ignoreNotFound);
    throw error;
  }
}

/** Resolves when there is something to unpack: sooner, a place among the unpackers would stand empty. */
export async function hasBegun(download: Download): Promise<void> {
  for await (const size of download.growth) if (size > 0) return;
}

async function apply(layer: LayerToUnpack, mounts: Mount[], download: Download): Promise<Applied> {
  const { client, descriptor, signal, onProgress: progress } = layer;
  const whole = { signal, progress };
  if (download.growth.whole) return await client.diff.apply(descriptor, mounts, whole);
  const either = signal ? AbortSignal.any([signal, download.restarted]) : download.restarted;
  const growing = { ref: ingestRef(descriptor, "layer"), grown: download.growth };
  const [applied, downloaded] = await Promise.allSettled([
    client.diff.apply(descriptor, mounts, { ...whole, signal: either, growing }).finally(layer.onUnpacked),
    download.done,
  ]);
  if (downloaded.status === "rejected") throw downloaded.reason;
  if (applied.status === "fulfilled") return applied.value;
  // Committed between our look and its opening: then it is in the store.
  if (isCode(applied.reason, "NotFound")) return await client.diff.apply(descriptor, mounts, whole);
  throw applied.reason;
}

/**
 * Commits an unpacked layer on its parent (the chain id below, empty for the base). Answers when the chain id is there for good; `onWritten`
 * may hear of it before.
 */
export async function commitLayer(
  layer: LayerToUnpack,
  unpacked: Unpacked,
  parent: string,
  onWritten?: () => void,
): Promise<void> {
  const { client, snapshotter, chainId, descriptor, diffId } = layer;
  const snapshots = client.snapshots(snapshotter);
  const { applied } = unpacked;
  const key = applied ? unpacked.key : await unpackOn(layer, parent);
  const { usage, missingParents } = applied ?? {};
  const inherit = parent === "" ? undefined : missingParents;
  const labelled = client.content.update({ digest: descriptor.digest, labels: { [UNCOMPRESSED]: diffId } }, [
    `labels.${UNCOMPRESSED}`,
  ]);
  labelled.catch(() => {});
  try {
    const labels = { [SNAPSHOT_REF]: chainId };
    const rebased = applied ? { parent, usage, inherit } : {};
    if (key !== undefined) await snapshots.commit(chainId, key, { ...rebased, labels, onWritten });
  } catch (error) {
    await snapshots.remove(key!).catch(ignoreNotFound);
    if (!isCode(error, "AlreadyExists")) throw error;
  }
  await labelled;
}

export function ignoreNotFound(error: unknown): void {
  if (!isCode(error, "NotFound")) throw error;
}
