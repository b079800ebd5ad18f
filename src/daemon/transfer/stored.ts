/** Makes sure that an image's layers are unpacked: one that came by another way than a pull may not be. */

import type { Digest } from "../../common/digest.ts";
import {
  chainIds,
  type Descriptor,
  type ImageConfig,
  type Manifest,
  parseImageConfig,
} from "../../common/oci/image.ts";
import type { Platform } from "../../common/oci/platform.ts";
import { type Containerd, DEFAULT_SNAPSHOTTER } from "../containerd/api.ts";
import { sha256 } from "../registry/sha256.ts";
import { withSpan } from "../trace/trace.ts";
import { choose, readDocument } from "./documents.ts";
import { Growth } from "./flights.ts";
import { snapshotRefLabel } from "./labels.ts";
import { SharedLease } from "./lease.ts";
import { commitLayer, type Download, hasSnapshot, unpackLayer } from "./unpack.ts";

export interface UnpackableImage {
  /** Digest of the config. */
  id: Digest;
  manifest: Manifest;
  config: ImageConfig;
  chain: readonly Digest[];
  /** The top of the chain; empty when there are no layers. */
  chainId: string;
}

/** What the store has of an image for a platform, however deep in indexes. NotFound when it is not there as a whole. */
export async function readStored(client: Containerd, target: Descriptor, platform: Platform): Promise<UnpackableImage> {
  const { descriptor } = await choose(client, target, platform);
  const { document } = await readDocument(client, descriptor);
  if (document.kind === "index") return await readStored(client, descriptor, platform);
  const { manifest } = document;
  const { digest: id } = manifest.config;
  const config = parseImageConfig(Buffer.from(await client.content.read(manifest.config)).toString("utf8"), id);
  const chain = chainIds(config.rootfs.diff_ids, sha256);
  return { id, manifest, config, chain, chainId: chain.at(-1) ?? "" };
}

/** NotFound when a layer's blob is missing. */
export async function ensureUnpacked(
  client: Containerd,
  image: UnpackableImage,
  snapshotter: string = DEFAULT_SNAPSHOTTER,
): Promise<void> {
  const { chain, chainId } = image;
  if (chainId === "" || (await hasSnapshot(client, snapshotter, chainId))) return;
  await SharedLease.during(client, async (lease) => {
    await withSpan("unpack image", async () => {
      for (const at of chain.keys()) await unpackOne(lease.client, image, at, snapshotter);
      const label = snapshotRefLabel(snapshotter);
      await lease.client.content.update({ digest: image.id, labels: { [label]: chainId } }, [`labels.${label}`]);
    });
  });
}

async function unpackOne(
  client: Containerd,
  { chain, manifest, config }: UnpackableImage,
  at: number,
  snapshotter: string,
): Promise<void> {
  const chainId = chain[at]!;
  if (await hasSnapshot(client, snapshotter, chainId)) return;
  const descriptor = manifest.layers[at]!;
  await client.content.info(descriptor.digest);
  const layer = { client, snapshotter, descriptor, diffId: config.rootfs.diff_ids[at]!, chainId };
  const unpacked = await unpackLayer(layer, wholeBlob());
  if (unpacked) await commitLayer(layer, unpacked, chain[at - 1] ?? "");
}

/** A download that is over: the blob is in the store. */
function wholeBlob(): Download {
  const growth = new Growth();
  growth.end();
  return { growth, done: Promise.resolve(), restarted: new AbortController().signal };
}
