/** All layers of an image: downloads, unpacks that follow them, and commits in order, side by side as far as they go. */

import type { Digest } from "../../common/digest.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { throwIfCanceled } from "../registry/retry.ts";
import { withSpan } from "../trace/trace.ts";
import { nextTurn } from "../turn.ts";
import { type FetchContext, fetchBlob } from "./fetch.ts";
import { type Flights, Growth, type Limiter } from "./flights.ts";
import type { SharedLease } from "./lease.ts";
import { type ImageSource, offeredLayers } from "./offered.ts";
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

/** What the image's config says of its layers, from the base up. */
export interface LayerPlan {
  diffIds: readonly Digest[];
  /** Chain ids; empty when the layers are only fetched. */
  chain: readonly Digest[];
  /** Whose layers they are, for a snapshotter that fetches by itself. */
  image: ImageSource;
}

export interface LayersRequest {
  lease: SharedLease;
  context: FetchContext;
  /** Null: layers are only fetched. */
  snapshotter: string | null;
  layers: readonly Descriptor[];
  /** Still to come when the downloads begin. */
  plan: Promise<LayerPlan>;
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
  const { layers, snapshotter } = request;
  const controller = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, controller.signal]) : controller.signal;
  const ready = request.plan.then(async (plan) => ({ ...plan, done: await there(request, plan) }));
  ready.catch(() => {});
  const committed = layers.map(() => Promise.withResolvers<void>());
  for (const { promise } of committed) promise.catch(() => {});
  const one = async (descriptor: Descriptor, at: number): Promise<void> => {
    const emit = throttled((event) => request.progress?.(event));
    const parent = at === 0 ? undefined : committed[at - 1]!.promise;
    const download = Promise.withResolvers<Download>();
    download.promise.catch(() => {});
    const fetch = async () => {
      await nextTurn();
      return await fetchShared(request, descriptor, signal, emit, download.resolve);
    };
    const fetching = mayBeRemote(request) ? ready.then(({ done }) => (at < done ? undefined : fetch())) : fetch();
    fetching.catch(download.reject);
    try {
      const { chain, diffIds, done } = await ready;
      await nextTurn();
      if (snapshotter !== null && at >= done) {
        const layer = {
          client: request.context.client,
          snapshotter,
          descriptor,
          diffId: diffIds[at]!,
          chainId: chain[at]!,
        };
        await unpackShared(request, layer, signal, emit, download.promise, {
          parent,
          id: chain[at - 1] ?? "",
          onWritten: committed[at]!.resolve,
        });
      }
      await fetching;
      await parent;
      committed[at]!.resolve();
      if (snapshotter !== null) emit({ kind: "layer", id: descriptor.digest, status: "complete" });
    } catch (error) {
      committed[at]!.reject(error);
      controller.abort(error);
      await Promise.allSettled([fetching]);
      throw error;
    }
  };
  // The largest first: what takes longest should not begin last.
  const order = [...layers.keys()].sort((a, b) => layers[b]!.size - layers[a]!.size);
  const results = await Promise.allSettled([ready, ...order.map((at) => one(layers[at]!, at))]);
  throwIfCanceled(request.signal);
  // The one that ended the others, not those that were ended.
  if (controller.signal.aborted) throw controller.signal.reason;
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** As with containerd, a layer that the snapshotter has by itself is not fetched. */
function mayBeRemote({ snapshotter, context }: LayersRequest): boolean {
  return snapshotter !== null && context.client.snapshots(snapshotter).mayBeRemote;
}

/** How many layers from the base up need no unpacking. */
async function there(request: LayersRequest, plan: LayerPlan): Promise<number> {
  const { snapshotter, layers, lease, context } = request;
  const done = await unpackedSoFar(request, plan);
  if (snapshotter === null || !mayBeRemote(request)) return done;
  return await offeredLayers({ client: context.client, snapshotter, lease, layers, ...plan }, done);
}

/** How many layers from the base up are unpacked already. */
async function unpackedSoFar({ snapshotter, lease, context }: LayersRequest, { chain }: LayerPlan): Promise<number> {
  if (snapshotter === null) return 0;
  // From the top: an image that is there is recognised by one look.
  for (let at = chain.length; at > 0; at--) {
    if (!(await hasSnapshot(context.client, snapshotter, chain[at - 1]!))) continue;
    await lease.add({ id: chain[at - 1]!, type: `snapshots/${snapshotter}` });
    return at;
  }
  return 0;
}

/** The layer below: its chain id, empty for none, and when it is committed. */
interface Parent {
  id: string;
  parent: Promise<void> | undefined;
  /** Told when the layer itself can be built upon. */
  onWritten: () => void;
}

/** Unpacks and commits a layer, together with all others who want it. */
async function unpackShared(
  request: LayersRequest,
  layer: LayerToUnpack,
  signal: AbortSignal,
  emit: (event: LayerEvent) => void,
  download: Promise<Download>,
  below: Parent,
): Promise<void> {
  const { lease, flights } = request;
  const { snapshotter, chainId, client } = layer;
  await lease.add({ id: chainId, type: `snapshots/${snapshotter}` });
  await flights.run<void, LayerEvent>(
    ["unpack", client.namespace, snapshotter, chainId].join(" "),
    async (own, tell) => {
      using held = holding(lease);
      const { digest: id, size: total } = layer.descriptor;
      const onProgress = (current: number): void => tell({ kind: "layer", id, status: "extracting", current, total });
      await unpackOne({ ...layer, signal: own, onProgress }, await download, request.unpacks, below);
      await held.release();
    },
    { signal, listen: emit },
  );
}

async function unpackOne(layer: LayerToUnpack, download: Download, unpacks: Limiter, below: Parent): Promise<void> {
  let unpacked: Unpacked | undefined;
  try {
    await hasBegun(download);
    {
      using place = await unpacks.enter(layer.signal);
      const attributes = { digest: layer.descriptor.digest };
      // Unpacked, it may still wait for the disk to have its blob.
      const leaving = { ...layer, onUnpacked: () => place[Symbol.dispose]() };
      unpacked = await withSpan("unpack layer", () => unpackLayer(leaving, download), attributes);
    }
    await below.parent;
  } catch (error) {
    // A layer unpacked in vain goes at once.
    if (unpacked) await layer.client.snapshots(layer.snapshotter).remove(unpacked.key).catch(ignoreNotFound);
    throw error;
  }
  const done = unpacked;
  const { id, onWritten } = below;
  const commit = () => commitLayer(layer, done!, id, onWritten);
  if (done) await withSpan("commit snapshot", commit, { chainId: layer.chainId });
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
        using place = await request.downloads.enter(own);
        const counting = (current: number): void => event("downloading", { current, total: descriptor.size });
        const outcome = await withSpan(
          "download layer",
          () =>
            fetchBlob(
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
                onFetched: () => place[Symbol.dispose](),
                onRestart: (error) => {
                  restart.abort(error);
                  event("retrying", { retryIn: 0, error });
                },
              },
            ),
          { digest: id, bytes: descriptor.size },
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
