/** Sizes of images, from what was counted when their layers were unpacked: no directory is walked. */

import { isCode } from "../../../common/errors.ts";
import type { Containerd } from "../../containerd/api.ts";
import type { LocalImage } from "./store.ts";

/** Bytes of a layer's snapshot; committed ones do not change. */
const sizes = new Map<string, number>();

/** Bytes that the unpacked layers take; layers that are not unpacked count with their packed size. */
export async function imageSize(client: Containerd, image: LocalImage): Promise<number> {
  const snapshots = client.snapshots();
  let total = 0;
  for (const [at, chainId] of image.chain.entries()) {
    let size = sizes.get(chainId);
    if (size === undefined) {
      try {
        size = (await snapshots.usage(chainId)).size;
        sizes.set(chainId, size);
      } catch (error) {
        if (!isCode(error, "NotFound")) throw error;
        size = image.manifest.layers[at]?.size ?? 0;
      }
    }
    total += size;
  }
  return total;
}
