/** What a pull or push tells while it goes on, one event a change of a layer's state. */

import type { Digest } from "../../common/digest.ts";
import type { Descriptor } from "../../common/oci/image.ts";

export type LayerStatus =
  /** Waits for its turn. */
  | "waiting"
  /** Was there before. */
  | "exists"
  | "downloading"
  /** Waits before it tries again: `retryIn` milliseconds, because of `error`. */
  | "retrying"
  | "downloaded"
  | "extracting"
  /** Unpacked, and a part of the image. */
  | "complete"
  | "pushing"
  | "pushed"
  /** The registry took it from another repository of its own. */
  | "mounted";

export type TransferEvent =
  /** The reference stands for this index or manifest. */
  | { kind: "resolved"; reference: string; descriptor: Descriptor }
  /** The manifest chosen for the platform: its layers, from the base up, and its config when that is an image's. */
  | { kind: "layers"; manifest: Descriptor; config?: Descriptor | undefined; layers: readonly Descriptor[] }
  /** The image has this name in the store now. */
  | { kind: "saved"; name: string }
  | {
      kind: "layer";
      id: Digest;
      status: LayerStatus;
      /** Bytes done and in all of the compressed layer. */
      current?: number;
      total?: number;
      retryIn?: number;
      error?: Error;
    };

export type LayerEvent = Extract<TransferEvent, { kind: "layer" }>;

/** Milliseconds between events that only count bytes. */
const INTERVAL = 100;

/**
 * Passes on events of one layer: every change of status, and the counting ones now and then. Unpacking is told of when the
 * download is over, though it goes on beside it; a layer that was there stays that.
 */
export function throttled(emit: (event: LayerEvent) => void): (event: LayerEvent) => void {
  let status: LayerStatus | undefined;
  let last = 0;
  let whole = false;
  return (event) => {
    if (event.status === "downloaded" || event.status === "exists") whole = true;
    if (event.status === "extracting" && !whole) return;
    if (event.status === "complete" && status === "exists") return;
    const now = performance.now();
    const counting = event.status === status && event.current !== undefined && event.current !== event.total;
    if (counting && now - last < INTERVAL) return;
    status = event.status;
    last = now;
    emit(event);
  };
}
