/**
 * The content store: immutable blobs by digest, and ingests, which are blobs still being written.
 *
 * Life of an ingest: `writer({ref})` begins it or takes it up again where it stopped, also after a crash; `write` adds
 * bytes; `commit` verifies size and digest, and from then on the blob is visible and the ingest is gone. `close` without
 * commit keeps it for later; `abort(ref)` drops it. Only one writer of a ref is open at a time.
 *
 * Blobs belong to namespaces: a blob another namespace has is invisible until it is written here, which then costs
 * nothing (the writer opens at its end; see `offset` in its status).
 */

import type { CallOptions, Descriptor, Digest, FieldPaths, Filters, Labels, Timestamp } from "./types.ts";

/** What is known of a blob. Filters see `digest`, `size` and `labels.<key>`. */
export interface ContentInfo {
  digest: Digest;
  /** Bytes. */
  size: number;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  labels: Labels;
}

/** What is known of an ingest. Filters see `ref`. */
export interface IngestStatus {
  ref: string;
  /** Bytes written so far. */
  offset: number;
  /** Bytes expected; 0 when unknown. */
  total: number;
  expected: Digest | undefined;
  startedAt: Timestamp;
  updatedAt: Timestamp;
}

export interface WriterRequest {
  /** Names the ingest, unique in the namespace: `layer-sha256:…`. */
  ref: string;
  /** Bytes, when known. */
  size?: number | undefined;
  /** When known: answers AlreadyExists at once if the namespace has it, and the blob is then added to the lease. */
  digest?: Digest | undefined;
  /** Told in the creation event. */
  mediaType?: string | undefined;
}

export interface CommitRequest {
  /** Bytes; a different number written is FailedPrecondition. */
  size?: number | undefined;
  /** A different digest of what was written is FailedPrecondition. */
  digest?: Digest | undefined;
  labels?: Labels | undefined;
}

export interface ContentWriter extends AsyncDisposable {
  readonly ref: string;
  status(): IngestStatus;
  /** Of all bytes written so far; once committed, of the blob. */
  digest(): Promise<Digest>;
  /**
   * Appends; resolves when more may be written (bounded buffering). `data` may be reused afterwards.
   * A failed write closes the writer and keeps the ingest.
   */
  write(data: Uint8Array): Promise<void>;
  /**
   * Appends what `pour` writes into the ingest's file by itself, from `offset` on; it tells how many bytes have come, and has ended when it
   * settles. Where the store is on this host.
   */
  fill?(pour: (file: { path: string; offset: number }, grown: (bytes: number) => void) => Promise<void>): Promise<void>;
  /** Drops what lies beyond `size` bytes. Truncating to 0 starts again. */
  truncate(size: number): Promise<void>;
  /**
   * Makes the blob visible and closes the writer. From then on a killed daemon does not lose it; a power cut does not
   * either once something that refers to it was created after it. Answers its digest. AlreadyExists when the namespace has it
   * (the ingest is gone then, too). FailedPrecondition on a wrong size or digest: the ingest is kept, to be truncated
   * or aborted.
   */
  commit(request?: CommitRequest): Promise<Digest>;
  /** Keeps what was written for a later `writer` of the same ref. Harmless when closed already. */
  close(): Promise<void>;
}

export interface ReadRange extends CallOptions {
  /** First byte, 0 by default. */
  offset?: number | undefined;
  /** Bytes at most; to the end by default. OutOfRange when offset lies beyond the end. */
  length?: number | undefined;
  /** Gives memory of `size` bytes to read a chunk into; the reader makes its own otherwise. It is asked for one chunk ahead of the one it gives. */
  memory?: ((size: number) => Uint8Array) | undefined;
}

export interface ContentStore {
  /** NotFound. */
  info(digest: Digest): Promise<ContentInfo>;
  /** Mutable: `labels`. NotFound. */
  update(info: Pick<ContentInfo, "digest" | "labels">, fieldPaths?: FieldPaths): Promise<ContentInfo>;
  walk(filters?: Filters): AsyncIterable<ContentInfo>;
  /** NotFound. The file goes when nothing refers to it in any namespace. */
  delete(digest: Digest): Promise<void>;
  /** The bytes in chunks of at most 256 KiB. Only the digest of `descriptor` has to be right. NotFound. */
  reader(descriptor: Pick<Descriptor, "digest">, range?: ReadRange): AsyncIterable<Uint8Array>;
  /** Where the blob lies as a file of its own on this host, to be read only; undefined where it does not. NotFound. */
  file?(descriptor: Pick<Descriptor, "digest">): string | undefined;
  /** The whole blob in memory; for manifests and configurations. ResourceExhausted beyond `limit` bytes (8 MiB by default). NotFound. */
  read(descriptor: Pick<Descriptor, "digest">, limit?: number): Promise<Uint8Array>;
  /** AlreadyExists when the digest is there; Unavailable while another writer has the ref open. */
  writer(request: WriterRequest): Promise<ContentWriter>;
  /** NotFound. */
  status(ref: string): Promise<IngestStatus>;
  listStatuses(filters?: Filters): Promise<IngestStatus[]>;
  /** NotFound. */
  abort(ref: string): Promise<void>;
}
