/** All layers of an image: downloads, unpacks that follow them, and commits in order, side by side as far as they go. */

import type { Digest } from "../../common/digest.ts";
import type { WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { throwIfCanceled } from "../registry/retry.ts";
import { type FetchContext, fetchBlob } from "./fetch.ts";
import { type Flights, Growth, type Limiter } from "./flights.ts";
import type { SharedLease } from "./lease.ts";
import { type LayerEvent, type TransferEvent, throttled } from "./progress.ts";
import {
  commitLayer,
  type Download,
  hasBegun,
  hasSnapshot,
  ignoreNotFound,
  type LayerToUnpack,
  type Unpacked,
  unpackLayer,
} from "./unpack.ts";

export interface LayersRequest {
  lease: SharedLease;
  context: FetchContext;
  /** Null: layers are only fetched. */
  snapshotter: string | null;
  /** From the base up, with their diff ids and (when unpacked) chain ids. */
  layers: readonly Descriptor[];
  diffIds: readonly Digest[];
  chain: readonly Digest[];
  flights: Flights;
  downloads: Limiter;
  unpacks: Limiter;
  progress?: ((event: TransferEvent) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What a download shares with all who wait for it. */
interface FetchState {
  event: LayerEvent;
  download: Download;
}

/** Resolves when every layer is stored and every snapshot of the chain is there. The first failure ends the others. */
export async function pullLayers(request: LayersRequest): Promise<void> {
  const { layers, chain, snapshotter, lease, context } = request;
  const controller = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, controller.signal]) : controller.signal;
  const done = await unpackedSoFar(request);
  const emitters = layers.map(() => throttled((event) => request.progress?.(event)));
  const committed = layers.map(() => Promise.withResolvers<void>());
  for (const { promise } of committed) promise.catch(() => {});
  const one = async (descriptor: Descriptor, at: number): Promise<void> => {
    const emit = emitters[at]!;
    const parent = at === 0 ? undefined : committed[at - 1]!.promise;
    try {
      if (snapshotter === null || at < done) {
        await fetchShared(request, descriptor, signal, emit);
      } else {
        const chainId = chain[at]!;
        await lease.add({ id: chainId, type: `snapshots/${snapshotter}` });
        await request.flights.run<void, LayerEvent>(
          ["unpack", context.client.namespace, snapshotter, chainId].join(" "),
          async (own, tell) => {
            using held = holding(lease);
            await pullLayer({ ...request, signal: own }, at, parent, tell);
            await held.release();
          },
          { signal, listen: emit },
        );
      }
      await parent;
      committed[at]!.resolve();
      if (snapshotter !== null) emit({ kind: "layer", id: descriptor.digest, status: "complete" });
    } catch (error) {
      committed[at]!.reject(error);
      controller.abort(error);
      throw error;
    }
  };
  // The largest first: what takes longest should not begin last.
  const order = [...layers.keys()].sort((a, b) => layers[b]!.size - layers[a]!.size);
  const results = await Promise.allSettled(order.map((at) => one(layers[at]!, at)));
  throwIfCanceled(request.signal);
  // The one that ended the others, not those that were ended.
  if (controller.signal.aborted) throw controller.signal.reason;
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** How many layers from the base up are unpacked already. */
async function unpackedSoFar({ chain, snapshotter, lease, context }: LayersRequest): Promise<number> {
  if (snapshotter === null) return 0;
  // From the top: an image that is there is recognised by one look.
  for (let at = chain.length; at > 0; at--) {
    if (!(await hasSnapshot(context.client, snapshotter, chain[at - 1]!))) continue;
    await lease.add({ id: chain[at - 1]!, type: `snapshots/${snapshotter}` });
    return at;
  }
  return 0;
}

/** Downloads, unpacks and commits one layer. */
async function pullLayer(
  request: LayersRequest,
  at: number,
  parent: Promise<void> | undefined,
  emit: (event: LayerEvent) => void,
): Promise<void> {
  const { context, snapshotter, layers, diffIds, chain, signal } = request;
  const descriptor = layers[at]!;
  const id = descriptor.digest;
  const layer: LayerToUnpack = {
    client: context.client,
    snapshotter: snapshotter!,
    descriptor,
    diffId: diffIds[at]!,
    chainId: chain[at]!,
    signal,
    onProgress: (bytes) => emit({ kind: "layer", id, status: "extracting", current: bytes, total: descriptor.size }),
  };
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let unpacking: Promise<Unpacked | undefined> | undefined;
  const begin = async (download: Download): Promise<Unpacked | undefined> => {
    await hasBegun(download);
    using _ = await request.unpacks.enter(either);
    return await unpackLayer({ ...layer, signal: either }, download);
  };
  let unpacked: Unpacked | undefined;
  try {
    await fetchShared(request, descriptor, either, emit, (download) => {
      unpacking = begin(download);
      unpacking.catch(() => stop.abort());
    });
    unpacked = await unpacking!;
    await parent;
  } catch (error) {
    stop.abort(error);
    // A layer unpacked in vain goes at once. Of two failures the unpacker's is the cause when it came first.
    const outcome = await Promise.allSettled([unpacking]);
    const kept = outcome[0]?.status === "fulfilled" ? outcome[0].value : undefined;
    if (kept) await layer.client.snapshots(layer.snapshotter).remove(kept.key).catch(ignoreNotFound);
    throw outcome[0]?.status === "rejected" && !signal?.aborted && isCancel(error) ? outcome[0].reason : error;
  }
  if (unpacked) await commitLayer(layer, unpacked, at === 0 ? "" : chain[at - 1]!);
}

function isCancel(error: unknown): boolean {
  return (error as Partial<WharfError>)?.code === "Canceled";
}

/**
 * Fetches a layer's blob, together with all others who want it. `begun` is told of the download as soon as there is
 * something to follow.
 */
async function fetchShared(
  request: LayersRequest,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
  emit: (event: LayerEvent) => void,
  begun?: (download: Download) => void,
): Promise<void> {
  const { context, lease } = request;
  const id = descriptor.digest;
  const key = ["fetch", context.client.namespace, id].join(" ");
  await lease.add({ id, type: "content" });
  let told = false;
  const listen = (state: FetchState): void => {
    emit(state.event);
    if (told || state.event.status === "waiting") return;
    told = true;
    begun?.(state.download);
  };
  await request.flights.run<void, FetchState>(
    key,
    async (own, tell) => {
      using held = holding(lease);
      const growth = new Growth();
      const restart = new AbortController();
      const done = Promise.withResolvers<void>();
      done.promise.catch(() => {});
      const download: Download = { growth, done: done.promise, restarted: restart.signal };
      const event = (status: LayerEvent["status"], more: Partial<LayerEvent> = {}): void =>
        tell({ event: { kind: "layer", id, status, ...more }, download });
      try {
        event("waiting");
        using _ = await request.downloads.enter(own);
        const counting = (current: number): void => event("downloading", { current, total: descriptor.size });
        const outcome = await fetchBlob(
          {
            ...context,
            client: lease.base,
            signal: own,
            onRetry: ({ delay, error }) => event("retrying", { retryIn: delay, error }),
          },
          descriptor,
          {
            growth,
            onProgress: counting,
            onRestart: (error) => {
              restart.abort(error);
              event("retrying", { retryIn: 0, error });
            },
          },
        );
        done.resolve();
        event(outcome === "exists" ? "exists" : "downloaded");
      } catch (error) {
        growth.fail(error);
        done.reject(error);
        throw error;
      }
      await held.release();
    },
    { signal, listen },
  );
}

/** Holds the lease for work that may outlast the pull that began it. */
function holding(lease: SharedLease): Disposable & { release(): Promise<void> } {
  lease.hold();
  let held = true;
  const release = async (): Promise<void> => {
    if (!held) return;
    held = false;
    await lease.release();
  };
  return { release, [Symbol.dispose]: () => void release().catch(() => {}) };
}
