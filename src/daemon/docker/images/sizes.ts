/** Sizes of images, from what was counted when their layers were unpacked: no directory is walked. */

import { isCode } from "../../../common/errors.ts";
import type { Containerd } from "../../containerd/api.ts";
import type { LocalImage } from "./store.ts";

/** Bytes of a layer's snapshot; committed ones do not change. */
const sizes = new Map<string, number>();

/** Bytes that the unpacked layers take; layers that are not unpacked count with their packed size. */
export async function imageSize(client: Containerd, image: LocalImage): Promise<number> {
  let total = 0;
  for (const at of image.chain.keys()) total += await layerSizeOf(client, image, at);
  return total;
}

/** Bytes of one layer, the base being 0. */
export async function layerSizeOf(client: Containerd, image: LocalImage, at: number): Promise<number> {
  return (await layerSize(client, image.chain[at]!)) ?? image.manifest.layers[at]?.size ?? 0;
}

/** Bytes of an unpacked layer; undefined where it is not. */
export async function layerSize(client: Containerd, chainId: string): Promise<number | undefined> {
  const known = sizes.get(chainId);
  if (known !== undefined) return known;
  try {
    const { size } = await client.snapshots().usage(chainId);
    sizes.set(chainId, size);
    return size;
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
    return undefined;
  }
}

/** Bytes of all layers, each counted once; and by image id the bytes of those that other images have as well. */
export async function layerUsage(
  { client }: { client: Containerd },
  images: readonly LocalImage[],
): Promise<{ total: number; shared: Map<string, number> }> {
  const users = new Map<string, number>();
  const bytes = new Map<string, number>();
  for (const image of images) {
    for (const [at, chainId] of image.chain.entries()) {
      users.set(chainId, (users.get(chainId) ?? 0) + 1);
      if (!bytes.has(chainId)) bytes.set(chainId, await layerSizeOf(client, image, at));
    }
  }
  const sharedBy = ({ chain }: LocalImage) =>
    chain.reduce((sum, one) => sum + (users.get(one)! > 1 ? bytes.get(one)! : 0), 0);
  return {
    total: bytes.values().reduce((sum, size) => sum + size, 0),
    shared: new Map(images.map((image) => [image.id as string, sharedBy(image)])),
  };
}
