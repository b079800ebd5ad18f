/** Push: an image of the store goes to a registry, with everything it refers to that is not there yet. */

import { isCode, WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { isForeignLayer, isIndexType, isManifestType } from "../../common/oci/media-types.ts";
import { type Platform, platformMatches } from "../../common/oci/platform.ts";
import { formatReference, parseReference, withDefaultTag } from "../../common/reference.ts";
import type { Containerd } from "../containerd/api.ts";
import type { Registry, Repository, Way } from "../registry/client.ts";
import type { CredentialSource, Credentials } from "../registry/credentials.ts";
import type { Uploader, UploadOptions } from "../registry/upload.ts";
import { withSpan } from "../trace/trace.ts";
import { choose, readDocument } from "./documents.ts";
import { addLabels, quiet } from "./fetch.ts";
import { Limiter } from "./flights.ts";
import { sourcesOf } from "./labels.ts";
import { type LayerEvent, type TransferEvent, throttled } from "./progress.ts";

/** Repositories to try a mount from; more is not worth the questions. */
const MOUNT_SOURCES = 3;
/** Bytes below which a blob is small. */
const SMALL = 64 << 10;

export interface PushOptions {
  client: Containerd;
  /** The image in the store, when it has another name than the reference. */
  image?: string | undefined;
  /** Only the manifest for it, instead of a whole index. */
  platform?: Platform | undefined;
  /** Only these of a whole index; one is as `platform`. */
  platforms?: readonly Platform[] | undefined;
  credentials?: Credentials | CredentialSource | undefined;
  /** How the registry is spoken to. */
  way?: Way | undefined;
  /** The blobs' labels say that they lie there, too, as dockerd notes it; containerd's transfer does not. */
  noteSource?: boolean | undefined;
  /** Bytes of one piece of an upload; whole by default. */
  chunkSize?: number | undefined;
  progress?: ((event: TransferEvent) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What the registry has now under the name. */
export interface PushedImage {
  name: string;
  descriptor: Descriptor;
  /** The image is an index of which the store has only this part, so that only this was pushed. */
  partial: boolean;
}

interface Push {
  options: PushOptions;
  repository: Repository;
  uploader: Uploader;
  /** By digest, so that what several manifests share goes once. */
  done: Map<string, Promise<void>>;
  /** Of where things are now, being written. */
  labels: Promise<void>[];
}

/** Pushes images. */
export class Pusher {
  readonly #registry: Registry;
  readonly #uploads: Limiter;
  /** Of blobs that take no time but their round trips: they do not wait for the others. */
  readonly #small: Limiter;

  /** `uploads`: blobs uploaded at a time, over all pushes. */
  constructor({ registry, uploads = 8 }: { registry: Registry; uploads?: number }) {
    this.#registry = registry;
    this.#uploads = new Limiter(uploads);
    this.#small = new Limiter(uploads);
  }

  /** Pushes `text` (a familiar or full name, with a tag or without). NotFound, Unauthenticated, PermissionDenied, Canceled … */
  async push(text: string, options: PushOptions): Promise<PushedImage> {
    const reference = withDefaultTag(parseReference(text));
    const name = formatReference(reference);
    try {
      if (reference.digest !== undefined)
        throw new WharfError("InvalidArgument", "a digest cannot be pushed to", { hint: "give a tag instead" });
      const { target } = await options.client.images.get(options.image ?? name);
      const several = (options.platforms?.length ?? 0) > 1;
      const { descriptor, partial } = several
        ? { descriptor: target, partial: false }
        : await choose(options.client, target, options.platform ?? options.platforms?.[0]);
      const repository = this.#registry.repository(reference, options.credentials, options.way);
      const uploader = await repository.uploader();
      const push: Push = { options, repository, uploader, done: new Map(), labels: [] };
      options.progress?.({ kind: "resolved", reference: name, descriptor });
      await withSpan("push", () => this.#document(push, descriptor, reference.tag), { image: name });
      return { name, descriptor, partial };
    } catch (error) {
      const { code, message, hint, errno } = WharfError.from(error);
      throw new WharfError(code, message, { operation: "push image", subject: name, hint, errno, cause: error });
    }
  }

  /** Pushes what a manifest or index refers to, then itself. */
  async #document(push: Push, descriptor: Descriptor, tag: string | undefined): Promise<void> {
    const { client, signal, progress } = push.options;
    const { bytes, document } = await readDocument(client, descriptor);
    const controller = new AbortController();
    const either = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
    let work: Promise<void>[];
    if (document.kind === "index") {
      work = document.index.manifests.filter(wantedBy(push.options)).map((one) => {
        const inner = { ...push, options: { ...push.options, signal: either } };
        return isIndexType(one.mediaType) || isManifestType(one.mediaType)
          ? this.#once(push, one, () => this.#document(inner, one, undefined))
          : this.#once(push, one, () => this.#blob(push, one, either));
      });
    } else {
      const { config, layers } = document.manifest;
      progress?.({ kind: "layers", manifest: descriptor, config, layers });
      // The largest first: what takes longest should not begin last. The config is nothing, and waits for none of them.
      const largest = layers.filter((one) => !isForeignLayer(one.mediaType)).sort((a, b) => b.size - a.size);
      const blobs = [config, ...largest];
      work = blobs.map((one) => this.#once(push, one, () => this.#blob(push, one, either)));
    }
    for (const one of work) one.catch((error: unknown) => controller.abort(error));
    await Promise.allSettled(work);
    if (controller.signal.aborted) throw controller.signal.reason;
    await push.uploader.manifest({ ...descriptor, mediaType: document.mediaType }, bytes, tag, { signal });
    this.#note(push, descriptor);
    await Promise.all(push.labels);
  }

  /** Beside what follows: the image is pushed when they are there. */
  #note({ options: { client, noteSource }, repository, labels }: Push, descriptor: Descriptor): void {
    if (noteSource) labels.push(quiet(addLabels({ client, repository }, descriptor, {})));
  }

  #once(push: Push, descriptor: Descriptor, work: () => Promise<void>): Promise<void> {
    let doing = push.done.get(descriptor.digest);
    if (!doing) {
      doing = work();
      push.done.set(descriptor.digest, doing);
    }
    return doing;
  }

  async #blob(push: Push, descriptor: Descriptor, signal: AbortSignal): Promise<void> {
    const { client, progress, chunkSize } = push.options;
    const { digest: id, size: total } = descriptor;
    const emit = throttled((event: LayerEvent) => progress?.(event));
    const { labels } = await client.content.info(id).catch((error: unknown) => {
      throw isCode(error, "NotFound") ? missing(descriptor, error) : error;
    });
    emit({ kind: "layer", id, status: "waiting" });
    using _ = await (total < SMALL ? this.#small : this.#uploads).enter(signal);
    const { domain, path } = push.repository.reference;
    const options: UploadOptions = {
      signal,
      chunkSize,
      mountFrom: sourcesOf(domain, labels)
        .filter((one) => one !== path)
        .slice(0, MOUNT_SOURCES),
      onProgress: (current) => emit({ kind: "layer", id, status: "pushing", current, total }),
      onRetry: ({ delay, error }) => emit({ kind: "layer", id, status: "retrying", retryIn: delay, error }),
    };
    const source = {
      read: (offset: number) => client.content.reader(descriptor, { offset, signal }),
      file: client.content.file?.(descriptor),
    };
    const outcome = await push.uploader.blob(descriptor, source, options);
    this.#note(push, descriptor);
    emit({ kind: "layer", id, status: outcome === "uploaded" ? "pushed" : outcome });
  }
}

/** Entries of an index for the platforms, where several were named. */
function wantedBy({ platforms = [] }: PushOptions): (one: Descriptor) => boolean {
  if (platforms.length < 2) return () => true;
  return ({ platform }) => !platform || platforms.some((wanted) => platformMatches(wanted, platform));
}

function missing(descriptor: Descriptor, cause: unknown): WharfError {
  return new WharfError("NotFound", `the store does not have ${descriptor.digest} (${descriptor.mediaType})`, {
    operation: "read content",
    subject: descriptor.digest,
    hint: "pull the image again",
    cause,
  });
}
