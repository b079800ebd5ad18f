/** Makes sure that an image's layers are unpacked: one that came by another way than a pull may not be. */

import { type Containerd, DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import { withSpan } from "../../trace/trace.ts";
import { Growth } from "../../transfer/flights.ts";
import { snapshotRefLabel } from "../../transfer/labels.ts";
import { SharedLease } from "../../transfer/lease.ts";
import { commitLayer, type Download, hasSnapshot, unpackLayer } from "../../transfer/unpack.ts";
import type { LocalImage } from "./store.ts";

export type UnpackableImage = Pick<LocalImage, "id" | "manifest" | "config" | "chain" | "chainId">;

/** NotFound when a layer's blob is missing. */
export async function ensureUnpacked(client: Containerd, image: UnpackableImage): Promise<void> {
  const { chain, chainId } = image;
  if (chainId === "" || (await hasSnapshot(client, DEFAULT_SNAPSHOTTER, chainId))) return;
  const lease = await SharedLease.create(client);
  try {
    await withSpan("unpack image", async () => {
      for (const at of chain.keys()) await unpackOne(lease.client, image, at);
      const label = snapshotRefLabel(DEFAULT_SNAPSHOTTER);
      await lease.client.content.update({ digest: image.id, labels: { [label]: chainId } }, [`labels.${label}`]);
    });
  } finally {
    await lease.release();
  }
}

async function unpackOne(client: Containerd, { chain, manifest, config }: UnpackableImage, at: number): Promise<void> {
  const chainId = chain[at]!;
  if (await hasSnapshot(client, DEFAULT_SNAPSHOTTER, chainId)) return;
  const descriptor = manifest.layers[at]!;
  await client.content.info(descriptor.digest);
  const layer = { client, snapshotter: DEFAULT_SNAPSHOTTER, descriptor, diffId: config.rootfs.diff_ids[at]!, chainId };
  const unpacked = await unpackLayer(layer, wholeBlob());
  if (unpacked) await commitLayer(layer, unpacked, chain[at - 1] ?? "");
}

/** A download that is over: the blob is in the store. */
function wholeBlob(): Download {
  const growth = new Growth();
  growth.end();
  return { growth, done: Promise.resolve(), restarted: new AbortController().signal };
}
