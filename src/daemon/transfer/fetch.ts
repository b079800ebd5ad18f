/** Brings documents and blobs from a registry into the content store, each once, verified, and labelled for what it is. */

import { randomBytes } from "node:crypto";
import { type Digest, verifyContent } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import {
  type Descriptor,
  type ImageConfig,
  type ImageDocument,
  MAX_CONFIG,
  MAX_MANIFEST,
  parseImageConfig,
  parseImageDocument,
} from "../../common/oci/image.ts";
import type { Reference } from "../../common/reference.ts";
import { repositoryName } from "../../common/reference.ts";
import type { ContentWriter } from "../containerd/api/content.ts";
import type { Labels } from "../containerd/api/types.ts";
import type { Containerd } from "../containerd/api.ts";
import type { FetchedDocument, Repository } from "../registry/client.ts";
import type { ByteSink } from "../registry/download.ts";
import { NetworkError } from "../registry/errors.ts";
import type { RetryNotice } from "../registry/host.ts";
import { sha256 } from "../registry/sha256.ts";
import { nextTurn } from "../turn.ts";
import type { Flights, Growth } from "./flights.ts";
import { childLabels, ingestRef, sourceLabel } from "./labels.ts";
import type { SharedLease } from "./lease.ts";

export interface FetchContext {
  /** Adds to the pull's lease. */
  client: Containerd;
  repository: Repository;
  signal?: AbortSignal | undefined;
  onRetry?: ((notice: RetryNotice) => void) | undefined;
}

/** A pull's own: what it shares with others, what it knows, what goes on beside it. */
export interface SharedContext extends FetchContext {
  lease: SharedLease;
  flights: Flights;
  /** Documents read before. */
  documents: Map<Digest, ImageDocument>;
  /** Documents being stored: the layers need not wait for that, the image has to. */
  pending: Promise<unknown>[];
}

/** Reads a manifest or index from the store, or fetches and stores it. */
export async function fetchDocument(context: SharedContext, descriptor: Descriptor): Promise<ImageDocument> {
  const known = context.documents.get(descriptor.digest);
  if (known) return known;
  const subject = `${context.repository.name}@${descriptor.digest}`;
  const stored = await readStored(context, descriptor, MAX_MANIFEST);
  if (!stored) {
    return await once(context, descriptor, async (own) => {
      const fetched = await own.repository.manifest(descriptor, own);
      return { value: fetched.document, stored: storeDocument(own, fetched) };
    });
  }
  const document = parseImageDocument(Buffer.from(stored).toString("utf8"), descriptor.mediaType, subject);
  context.documents.set(descriptor.digest, document);
  context.pending.push(quiet(addLabels(context, descriptor, childLabels(document))));
  return document;
}

/** Takes a document that was fetched already: it is stored beside what follows. */
export function takeDocument(context: SharedContext, fetched: FetchedDocument): void {
  context.documents.set(fetched.descriptor.digest, fetched.document);
  context.pending.push(quiet(storeDocument(context, fetched)));
}

/** Its failure is seen by whoever waits for it in the end. */
export function quiet<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}

/** Stores a document that was fetched already. */
export async function storeDocument(
  context: FetchContext,
  { descriptor, bytes, document }: FetchedDocument,
): Promise<void> {
  await store(context, descriptor, document.kind, bytes, childLabels(document));
}

/** Reads an image config from the store, or fetches and stores it. */
export async function fetchConfig(context: SharedContext, descriptor: Descriptor): Promise<ImageConfig> {
  const subject = `${context.repository.name}@${descriptor.digest}`;
  const stored = await readStored(context, descriptor, MAX_CONFIG);
  if (stored) return parseImageConfig(Buffer.from(stored).toString("utf8"), subject);
  if (descriptor.size > MAX_CONFIG) {
    throw new WharfError(
      "ResourceExhausted",
      `the image config has ${descriptor.size} bytes, ${MAX_CONFIG} are allowed`,
      {
        operation: "fetch config",
        subject,
      },
    );
  }
  return await once(context, descriptor, async (own) => {
    const bytes = await fetchSmall(own, descriptor, subject);
    const config = parseImageConfig(bytes.toString("utf8"), subject);
    return { value: config, stored: store(own, descriptor, "config", bytes, {}) };
  });
}

/** Shares the work with other pulls that want the same; the lease of each holds the result. */
async function once<T>(
  context: SharedContext,
  { digest }: Descriptor,
  work: (own: FetchContext) => Promise<{ value: T; stored: Promise<void> }>,
): Promise<T> {
  const { lease, flights, repository, signal } = context;
  await lease.add({ id: digest, type: "content" });
  const start = async (own: AbortSignal) => {
    // The lease has the ingest, too, which nobody could take up again: a killed daemon's ends with it.
    lease.hold();
    try {
      const { value, stored } = await work({ client: lease.client, repository, signal: own });
      return { value, stored: quiet(stored.finally(() => lease.release())) };
    } catch (error) {
      await lease.release();
      throw error;
    }
  };
  const key = ["document", lease.base.namespace, digest].join(" ");
  const { value, stored } = await flights.run(key, start, { signal });
  context.pending.push(stored);
  return value;
}

/** A blob in memory, verified; what one host gets wrong another is asked for. */
async function fetchSmall(context: FetchContext, descriptor: Descriptor, subject: string): Promise<Buffer> {
  const { signal, onRetry, repository } = context;
  const avoid = new Set<string>();
  for (;;) {
    const bytes = Buffer.allocUnsafe(descriptor.size);
    const sink = {
      offset: 0,
      write(chunk: Uint8Array): void {
        bytes.set(chunk, sink.offset);
        sink.offset += chunk.byteLength;
      },
    };
    const host = await repository.blob(descriptor, sink, { signal, onRetry, avoid });
    try {
      verifyContent(subject, descriptor, { digest: sha256(bytes), size: sink.offset });
      return bytes;
    } catch (error) {
      if (avoid.has(host)) throw error;
      avoid.add(host);
    }
  }
}

export interface FetchBlobOptions {
  /** Follows how much of the blob can be read from its ingest. */
  growth?: Growth | undefined;
  onProgress?: ((bytes: number) => void) | undefined;
  /** Called when all has come, and only the disk is waited for. */
  onFetched?: (() => void) | undefined;
  /** Called when the content turned out wrong and is fetched again from its start. */
  onRestart?: ((error: WharfError) => void) | undefined;
}

/**
 * Fetches a layer's blob into the store; "exists" when it was there. What an earlier attempt has left is taken up again. DataLoss when
 * the content is not what the descriptor says; then nothing of it is kept.
 */
export async function fetchBlob(
  context: FetchContext,
  descriptor: Descriptor,
  options: FetchBlobOptions = {},
): Promise<"exists" | "fetched"> {
  const { client, repository, signal } = context;
  const ref = ingestRef(descriptor, "layer");
  const avoid = new Set<string>();
  for (;;) {
    let writer: ContentWriter;
    try {
      writer = await client.content.writer({
        ref,
        size: descriptor.size,
        digest: descriptor.digest,
        mediaType: descriptor.mediaType,
      });
    } catch (error) {
      if (!isCode(error, "AlreadyExists")) throw error;
      await addLabels(context, descriptor, {});
      options.growth?.end();
      return "exists";
    }
    await using _ = writer;
    if (writer.status().offset > descriptor.size) await writer.truncate(0);
    const resumed = writer.status().offset > 0;
    const sink = sinkOf(writer, options);
    // Nothing, when a daemon was killed between the last byte and its being committed.
    let host: string | undefined;
    try {
      if (sink.offset < descriptor.size || descriptor.size === 0)
        host = await repository.blob(descriptor, sink, { signal, onRetry: context.onRetry, avoid });
    } catch (cause) {
      const error = sink.failed ?? cause;
      await writer.close();
      if (sink.offset === 0) await drop(client, ref);
      if (resumed && isCode(error, "OutOfRange")) {
        // What was begun is no part of what there is now.
        await drop(client, ref);
        continue;
      }
      throw error;
    }
    options.onFetched?.();
    try {
      await writer.commit({
        size: descriptor.size,
        digest: descriptor.digest,
        labels: sources(repository.reference, {}),
      });
      options.growth?.end();
      return "fetched";
    } catch (error) {
      if (isCode(error, "AlreadyExists")) {
        options.growth?.end();
        return "fetched";
      }
      if (!isCode(error, "FailedPrecondition", "DataLoss")) throw error;
      await writer.close();
      await drop(client, ref);
      const loss = wrongContent(error as WharfError, repository.reference, descriptor);
      // What an earlier pull left may be what is wrong: that does not count as the registry's fault.
      if (!resumed && host !== undefined) {
        // Asked for once more, of another host if there is one: a proxy's cache may have been at fault.
        if (avoid.has(host)) throw loss;
        avoid.add(host);
      }
      options.onRestart?.(loss);
    }
  }
}

/** Forgets an ingest. */
async function drop(client: Containerd, ref: string): Promise<void> {
  await client.content.abort(ref).catch((error: unknown) => {
    if (!isCode(error, "NotFound")) throw error;
  });
}

function sinkOf(writer: ContentWriter, { growth, onProgress }: FetchBlobOptions) {
  const sink = {
    offset: writer.status().offset,
    /** What ended the writing: later attempts would only say that the writer is closed. */
    failed: undefined as WharfError | undefined,
    async write(chunk: Uint8Array): Promise<void> {
      if (sink.failed) throw sink.failed;
      try {
        await writer.write(chunk);
      } catch (cause) {
        sink.failed = storeFailed(cause);
        throw sink.failed;
      }
      sink.offset += chunk.byteLength;
      growth?.advance(sink.offset);
      onProgress?.(sink.offset);
    },
  };
  growth?.advance(sink.offset);
  if (!writer.fill) return sink;
  const fill: ByteSink["fill"] = async (pour) => {
    if (sink.failed) throw sink.failed;
    try {
      await writer.fill!((file, grown) =>
        pour(file, (bytes) => {
          grown(bytes);
          sink.offset = file.offset + bytes;
          growth?.advance(sink.offset);
          onProgress?.(sink.offset);
        }),
      );
    } catch (cause) {
      if (cause instanceof NetworkError || isCode(cause, "Canceled")) throw cause;
      sink.failed = storeFailed(cause);
      throw sink.failed;
    }
  };
  return Object.assign(sink, { fill });
}

/** Tells the registry client that the fault is ours and no other host would help. */
function storeFailed(cause: unknown): WharfError {
  const error = WharfError.from(cause, "Internal");
  return new WharfError(error.code, error.message, {
    operation: "store blob",
    subject: error.subject,
    hint: error.hint,
    errno: error.errno,
    cause: error,
  });
}

function wrongContent(cause: WharfError, reference: Reference, descriptor: Descriptor): WharfError {
  return new WharfError("DataLoss", `the registry does not serve what the manifest says: ${cause.message}`, {
    operation: "fetch blob",
    subject: `${repositoryName(reference)}@${descriptor.digest}`,
    hint: "the image is damaged in the registry, or a proxy in between alters it",
    cause,
  });
}

async function readStored(
  { client }: FetchContext,
  descriptor: Descriptor,
  limit: number,
): Promise<Uint8Array | undefined> {
  try {
    const bytes = await client.content.read(descriptor, limit);
    if (client.lease !== undefined)
      await client.leases.addResource(client.lease, { id: descriptor.digest, type: "content" });
    return bytes;
  } catch (error) {
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  }
}

async function store(
  { client, repository }: FetchContext,
  descriptor: Descriptor,
  kind: "index" | "manifest" | "config",
  bytes: Uint8Array,
  labels: Labels,
): Promise<void> {
  await nextTurn();
  const { size, digest, mediaType } = descriptor;
  // A name of its own: another pull may be storing the same.
  const ref = `${ingestRef(descriptor, kind)}-${randomBytes(6).toString("hex")}`;
  try {
    await using writer = await client.content.writer({ ref, size, digest, mediaType });
    if (writer.status().offset > 0) await writer.truncate(0);
    await writer.write(bytes);
    await writer.commit({ size, digest, labels: { ...labels, ...sources(repository.reference, {}) } });
  } catch (error) {
    if (isCode(error, "AlreadyExists")) return await addLabels({ client, repository }, descriptor, labels);
    await client.content.abort(ref).catch(() => {});
    throw error;
  }
}

/** Adds what is missing to a stored blob's labels, where it came from included. */
export async function addLabels(
  { client, repository }: FetchContext,
  descriptor: Pick<Descriptor, "digest">,
  wanted: Labels,
): Promise<void> {
  const { labels } = await client.content.info(descriptor.digest);
  const missing: Labels = { ...sources(repository.reference, labels) };
  for (const [key, value] of Object.entries(wanted)) if (labels[key] !== value) missing[key] = value;
  const keys = Object.keys(missing);
  if (keys.length === 0) return;
  await client.content.update(
    { digest: descriptor.digest, labels: missing },
    keys.map((key) => `labels.${key}`),
  );
}

function sources(reference: Reference, labels: Labels): Labels {
  return sourceLabel(reference.domain, reference.path, labels) ?? {};
}
