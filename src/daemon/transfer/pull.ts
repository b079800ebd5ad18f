/** Pull: a reference in a registry becomes an image in the store, unpacked and ready to run. */

import { availableParallelism } from "node:os";
import type { Digest } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import {
  chainIds,
  configPlatform,
  type Descriptor,
  type ImageConfig,
  isImage,
  type Manifest,
  parseImageDocument,
} from "../../common/oci/image.ts";
import { isIndexType, isManifestType } from "../../common/oci/media-types.ts";
import { formatPlatform, type Platform, platformMatches } from "../../common/oci/platform.ts";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../../common/reference.ts";
import type { Labels } from "../containerd/api/types.ts";
import { type Containerd, DEFAULT_SNAPSHOTTER } from "../containerd/api.ts";
import type { Registry, Repository, Way } from "../registry/client.ts";
import type { CredentialSource, Credentials } from "../registry/credentials.ts";
import { sha256 } from "../registry/sha256.ts";
import { isDiskFull } from "../store/errors.ts";
import { withSpan } from "../trace/trace.ts";
import { nextTurn } from "../turn.ts";
import { addLabels, fetchConfig, type SharedContext, takeDocument } from "./fetch.ts";
import { Flights, Limiter } from "./flights.ts";
import { ingestRef, snapshotRefLabel } from "./labels.ts";
import { type LayerPlan, pullLayers } from "./layers.ts";
import { SharedLease } from "./lease.ts";
import { hostPlatform } from "./platform.ts";
import type { TransferEvent } from "./progress.ts";
import { type ChosenManifest, choosePlatform, fetchMetadata, otherPlatforms } from "./select.ts";
import { ensureUnpacked } from "./stored.ts";
import { checkLayerType, hasSnapshot } from "./unpack.ts";
import type { VerifyImage } from "./verify.ts";

export interface PullOptions {
  /** The namespace's services. */
  client: Containerd;
  /** The host's by default. */
  platform?: Platform | undefined;
  /** Other platforms to fetch as well, packed: for pushing and saving the whole. */
  also?: readonly Platform[] | "all" | undefined;
  /** Manifests and configs of all other platforms, too. */
  allMetadata?: boolean | undefined;
  /** Images at most, of several platforms. */
  limit?: number | undefined;
  /** Name in the store; the reference's full form by default, null for none but the further ones. */
  name?: string | null | undefined;
  furtherNames?: ((target: Descriptor) => readonly string[]) | undefined;
  /** The configuration's by default. */
  credentials?: Credentials | CredentialSource | undefined;
  /** How the registry is spoken to. */
  way?: Way | undefined;
  /** For unpacking; `overlayfs` by default, null to leave the layers packed. */
  snapshotter?: string | null | undefined;
  /** To be unpacked as well: other platforms, or for other snapshotters. */
  unpacks?: readonly { platform: Platform; snapshotter: string }[] | undefined;
  /** What is no container image is fetched as it is, too, instead of being refused; there is nothing to unpack then. */
  artifacts?: boolean | undefined;
  /** Of the image. */
  labels?: Labels | undefined;
  progress?: ((event: TransferEvent) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface PulledImage {
  /** Its name in the store. */
  name: string;
  /** What the name stands for: an index, or the manifest itself. */
  target: Descriptor;
  manifest: Descriptor;
  config: Descriptor;
  platform: Platform;
  /** The top snapshot; empty when it was not unpacked or has no layers. */
  chainId: string;
  /** False when the name stood for the same before. */
  changed: boolean;
}

export interface PullerOptions {
  registry: Registry;
  /** Layers downloaded at a time, over all pulls. */
  downloads?: number;
  /** Layers unpacked at a time, over all pulls. */
  unpacks?: number;
  /** Asked about each image before more than its manifest is fetched. */
  verify?: VerifyImage | undefined;
}

/** Pulls images; what several pulls want is fetched and unpacked once. */
export class Puller {
  readonly #registry: Registry;
  readonly #flights = new Flights();
  readonly #downloads: Limiter;
  readonly #unpacks: Limiter;
  readonly #verify: VerifyImage | undefined;

  constructor(options: PullerOptions) {
    this.#registry = options.registry;
    this.#downloads = new Limiter(options.downloads ?? 4);
    this.#unpacks = new Limiter(options.unpacks ?? Math.max(2, availableParallelism()));
    this.#verify = options.verify;
  }

  /**
   * Pulls `text` (a familiar or full name). NotFound, Unauthenticated, DataLoss, Canceled … A failed or canceled pull leaves nothing
   * but the beginnings of blobs, which the next one takes up.
   */
  async pull(text: string, options: PullOptions): Promise<PulledImage> {
    const reference = storedReference(parseReference(text));
    const name = options.name ?? formatReference(reference);
    try {
      return await withSpan("pull", () => this.#leased(reference, name, options), { image: name });
    } catch (error) {
      const { code, message, hint, errno } = WharfError.from(error);
      throw new WharfError(code, message, { operation: "pull image", subject: name, hint, errno, cause: error });
    }
  }

  #leased(reference: Reference, name: string, options: PullOptions): Promise<PulledImage> {
    const { client, signal } = options;
    return SharedLease.during(client, async (lease) => {
      const repository = this.#registry.repository(reference, options.credentials, options.way);
      const pending: Promise<unknown>[] = [];
      const context: SharedContext = {
        ...{ client: lease.client, repository, signal, lease, flights: this.#flights },
        documents: new Map(),
        pending,
      };
      try {
        return await this.#pull(context, reference, name, options);
      } finally {
        await Promise.allSettled(pending);
      }
    });
  }

  /** In steps, each in a turn of its own: the first pull's are long. */
  async #pull(context: SharedContext, reference: Reference, name: string, options: PullOptions): Promise<PulledImage> {
    const { client, progress, signal } = options;
    const { lease, pending } = context;
    const known = await client.images.get(name).catch((error: unknown) => {
      if (isCode(error, "NotFound")) return undefined;
      throw error;
    });
    await nextTurn();
    const target = await withSpan("resolve", () => this.#resolve(context, reference, known?.target));
    await nextTurn();
    await this.#verify?.(formatReference(reference), target, signal);
    progress?.({ kind: "resolved", reference: name, descriptor: target });
    const metadata = options.allMetadata ? fetchMetadata(context, target) : undefined;
    if (metadata) pending.push(metadata);
    const main = await this.#main(context, target, options);
    await nextTurn();
    const { manifest, descriptor } = main;
    if (!isImage(manifest) && !options.artifacts) throw artifact(manifest);
    const { platform, chainId } = isImage(manifest)
      ? await this.#fetchImage(context, reference, main, options)
      : await this.#fetchPacked(context, main, options).then(() => ({ platform: hostPlatform(), chainId: "" }));
    const most = (options.limit ?? Number.POSITIVE_INFINITY) - 1;
    const others = await otherPlatforms(context, target, options.also, { besides: descriptor, most });
    for (const other of others) await this.#fetchPacked(context, other, options);
    for (const one of options.unpacks ?? []) await this.#unpack(context, target, one, options);
    await metadata;
    await Promise.all(pending);
    if (chainId !== "") {
      await addLabels(context, manifest.config, { [snapshotRefLabel(snapshotterOf(options)!)]: chainId });
    }
    const changed = known?.target.digest !== target.digest;
    if (options.name !== null) {
      if (changed || options.labels) await setImage(lease.client, name, target, options.labels, known !== undefined);
      progress?.({ kind: "saved", name });
    }
    for (const further of options.furtherNames?.(target) ?? []) {
      await setImage(lease.client, further, target, options.labels, false);
      progress?.({ kind: "saved", name: further });
    }
    return {
      name,
      target,
      manifest: descriptor,
      config: manifest.config,
      platform,
      chainId,
      changed,
    };
  }

  /** Fetches and unpacks an image; answers with its top snapshot, "" when it is not unpacked. */
  async #fetchImage(
    context: SharedContext,
    reference: Reference,
    { manifest, descriptor }: ChosenManifest,
    options: PullOptions,
  ): Promise<{ platform: Platform; chainId: string }> {
    const snapshotter = snapshotterOf(options);
    if (snapshotter !== null) for (const layer of manifest.layers) checkLayerType(layer);
    const { config: own, layers } = manifest;
    options.progress?.({ kind: "layers", manifest: descriptor, config: own, layers });
    // Layers are downloaded while the config that says what to make of them is still on its way.
    const configured = fetchConfig(context, manifest.config).then((config) => {
      checkConfig(config, manifest, options.platform);
      const diffIds = config.rootfs.diff_ids;
      const image = { reference: formatReference(reference), manifest: descriptor.digest };
      return { config, diffIds, chain: snapshotter === null ? [] : chainIds(diffIds, sha256), image };
    });
    await this.#layers(context, manifest.layers, snapshotter, configured, options);
    const { config, chain } = await configured;
    return { platform: configPlatform(config), chainId: chain.at(-1) ?? "" };
  }

  /** The image that is told of as the result: for the platform, or where all are wanted and none is unpacked the host's or any. */
  async #main(context: SharedContext, target: Descriptor, options: PullOptions): Promise<ChosenManifest> {
    const any = options.platform === undefined && options.also === "all" && options.snapshotter === null;
    try {
      return await choosePlatform(context, target, options.platform ?? hostPlatform());
    } catch (error) {
      if (!any || !isCode(error, "NotFound")) throw error;
      const [first] = await otherPlatforms(context, target, "all", { most: 1 });
      if (!first) throw error;
      return first;
    }
  }

  /** Unpacks what is fetched for a further platform or snapshotter. */
  async #unpack(
    context: SharedContext,
    target: Descriptor,
    { platform, snapshotter }: { platform: Platform; snapshotter: string },
    options: PullOptions,
  ): Promise<void> {
    const chosen = await choosePlatform(context, target, platform);
    const { manifest } = chosen;
    if (!isImage(manifest)) {
      if (options.artifacts) return;
      throw artifact(manifest);
    }
    await this.#fetchPacked(context, chosen, options);
    const config = await fetchConfig(context, manifest.config);
    checkConfig(config, manifest, platform);
    const chain = chainIds(config.rootfs.diff_ids, sha256);
    await Promise.all(context.pending);
    const image = { id: manifest.config.digest, manifest, config, chain, chainId: chain.at(-1) ?? "" };
    await ensureUnpacked(context.client, image, snapshotter);
  }

  /** Fetches an image without unpacking it. */
  async #fetchPacked(
    context: SharedContext,
    { manifest, descriptor }: ChosenManifest,
    options: PullOptions,
  ): Promise<void> {
    const configured = isImage(manifest) ? fetchConfig(context, manifest.config) : Promise.resolve();
    const layers = isImage(manifest) ? manifest.layers : [manifest.config, ...manifest.layers];
    const plan = configured.then(() => ({
      diffIds: [],
      chain: [],
      image: { reference: "", manifest: descriptor.digest },
    }));
    const config = isImage(manifest) ? manifest.config : undefined;
    options.progress?.({ kind: "layers", manifest: descriptor, config, layers });
    await this.#layers(context, layers, null, plan, options);
  }

  async #layers(
    context: SharedContext,
    layers: readonly Descriptor[],
    snapshotter: string | null,
    plan: Promise<LayerPlan>,
    { progress, signal }: PullOptions,
  ): Promise<void> {
    const { lease } = context;
    const shared = { flights: this.#flights, downloads: this.#downloads, unpacks: this.#unpacks };
    try {
      await pullLayers({ ...shared, lease, context, snapshotter, layers, plan, progress, signal });
    } catch (error) {
      if (isDiskFull(error)) await dropBeginnings(lease.base, layers);
      throw error;
    }
  }

  /** What the reference stands for now. Asks the registry unless a digest says it and the store has it. */
  async #resolve(context: SharedContext, reference: Reference, known: Descriptor | undefined): Promise<Descriptor> {
    const { repository, client } = context;
    if (reference.digest !== undefined)
      return known ?? (await storedDescriptor(client, reference.digest)) ?? (await first(context, repository));
    // Asking for the head alone costs a round trip more when something has changed, and saves the rest when not.
    const current = known ? await repository.resolve(context) : undefined;
    if (current && (isIndexType(current.mediaType) || isManifestType(current.mediaType))) return current;
    return await first(context, repository);
  }
}

function snapshotterOf({ snapshotter = DEFAULT_SNAPSHOTTER }: PullOptions): string | null {
  return snapshotter;
}

/** On a full disk the beginnings of blobs, otherwise kept to be taken up again, would keep it full. Those another pull is writing stay. */
async function dropBeginnings(client: Containerd, layers: readonly Descriptor[]): Promise<void> {
  await Promise.allSettled(layers.map((layer) => client.content.abort(ingestRef(layer, "layer"))));
}

/** The descriptor of a manifest or index that the store has. */
async function storedDescriptor(client: Containerd, digest: Digest): Promise<Descriptor | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await client.content.read({ digest });
  } catch (error) {
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  }
  const { mediaType } = parseImageDocument(Buffer.from(bytes).toString("utf8"), undefined, digest);
  return { mediaType, digest, size: bytes.byteLength };
}

/** Fetches the reference's own manifest or index in one round trip, and stores it. */
async function first(context: SharedContext, repository: Repository): Promise<Descriptor> {
  const fetched = await repository.manifest(undefined, context);
  takeDocument(context, fetched);
  return fetched.descriptor;
}

/** With a digest the tag says nothing more. */
function storedReference(reference: Reference): Reference {
  if (reference.digest === undefined) return withDefaultTag(reference);
  return { domain: reference.domain, path: reference.path, digest: reference.digest };
}

function artifact(manifest: Manifest): WharfError {
  const type = manifest.artifactType ?? manifest.config.mediaType;
  return new WharfError(
    "FailedPrecondition",
    `it is no container image but an artifact of type ${JSON.stringify(type)}`,
    {
      operation: "pull image",
      hint: "fetch it with the tool that made it, for example helm or oras",
    },
  );
}

/** The config must belong to the manifest, and to the platform that was asked for. */
function checkConfig(config: ImageConfig, manifest: Manifest, asked: Platform | undefined): void {
  const { diff_ids } = config.rootfs;
  if (diff_ids.length !== manifest.layers.length) {
    throw new WharfError(
      "InvalidArgument",
      `the manifest has ${manifest.layers.length} layers, the config has ${diff_ids.length} diff ids`,
      {
        operation: "read image",
        subject: manifest.config.digest,
      },
    );
  }
  const own = configPlatform(config);
  if (asked && own.os !== "" && !platformMatches(asked, own)) {
    throw new WharfError("NotFound", `the image is for ${formatPlatform(own)}, not for ${formatPlatform(asked)}`, {
      operation: "choose platform",
    });
  }
}

async function setImage(
  client: Containerd,
  name: string,
  target: Descriptor,
  labels: Labels | undefined,
  exists: boolean,
): Promise<void> {
  const { mediaType, digest, size, annotations } = target;
  const image = {
    name,
    target: { mediaType, digest, size, ...(annotations ? { annotations } : {}) },
    ...(labels ? { labels } : {}),
  };
  const fields = ["target", ...Object.keys(labels ?? {}).map((key) => `labels.${key}`)];
  for (let update = exists; ; update = !update) {
    try {
      if (update) await client.images.update(image, fields);
      else await client.images.create(image);
      return;
    } catch (error) {
      // Made or deleted by another since we looked.
      if (!isCode(error, update ? "NotFound" : "AlreadyExists")) throw error;
    }
  }
}

/** True when the image of this name is there for the platform, unpacked, so that nothing need be pulled to run it. */
export async function isUnpacked(
  client: Containerd,
  config: Descriptor,
  snapshotter: string = DEFAULT_SNAPSHOTTER,
): Promise<boolean> {
  try {
    const { labels } = await client.content.info(config.digest);
    const top = labels[snapshotRefLabel(snapshotter)];
    return top !== undefined && (await hasSnapshot(client, snapshotter, top));
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}
