/** The content store of one namespace: rows in meta.db, bytes in files (files.ts). */

import { open } from "node:fs/promises";
import { type Digest, parseDigest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { parseFilters } from "../../../common/filters.ts";
import { timestampFromMillis } from "../../../common/timestamp.ts";
import type { Row } from "../../store/database.ts";
import { nextTurn, PART } from "../../turn.ts";
import type {
  ContentInfo,
  ContentStore,
  ContentWriter,
  IngestStatus,
  ReadRange,
  WriterRequest,
} from "../api/content.ts";
import type { Descriptor, FieldPaths, Filters } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { readLabels, updateLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { contentDelete } from "../events/messages.ts";
import { sizeOf } from "./ingest.ts";
import type { OpenWriters } from "./open-writers.ts";
import {
  contentExists,
  contentNotFound,
  type IngestRow,
  infoAdaptor,
  ingestNotFound,
  ingestStatus,
  readInfo,
  readIngest,
} from "./rows.ts";
import { BlobWriter } from "./writer.ts";

/** Bytes of a reader's chunks. */
const CHUNK = 256 * 1024;
const fresh = (size: number): Uint8Array => new Uint8Array(size);
/** `read` refuses blobs larger than this by default. */
const READ_LIMIT = 8 * 1024 * 1024;
/** Milliseconds that an ingest outside any lease is kept (containerd: a day). */
const INGEST_LIFE = 24 * 3600 * 1000;
/** Of a namespace, "true": others get its blobs by their digests where namespaces are isolated. */
const SHAREABLE = "containerd.io/namespace.shareable";

export class LocalContent implements ContentStore {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  get #writers(): OpenWriters {
    return this.#scope.shared.writers;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return readInfo(this.#row(digest));
  }

  async update(info: Pick<ContentInfo, "digest" | "labels">, fieldPaths?: FieldPaths): Promise<ContentInfo> {
    const scope = this.#scope;
    const updated = scope.write(() => {
      const before = readInfo(this.#row(info.digest));
      const labels = updateLabels(`content ${info.digest}`, before.labels, info.labels, fieldPaths);
      const updatedAt = now();
      const sql = "UPDATE content SET labels = ?, updated_at = ? WHERE namespace = ? AND digest = ?";
      scope.db.run(sql, JSON.stringify(labels), updatedAt, scope.namespace, info.digest);
      scope.hold("content", info.digest);
      return { ...before, labels, updatedAt };
    });
    await scope.db.durable();
    return updated;
  }

  async *walk(filters?: Filters): AsyncGenerator<ContentInfo> {
    const filter = parseFilters(filters);
    const sql = "SELECT * FROM content WHERE namespace = ? AND digest > ? ORDER BY digest LIMIT ?";
    for (let last = ""; ; ) {
      const rows = this.#scope.db.all(sql, this.#scope.namespace, last, PART);
      for (const row of rows) {
        const info = readInfo(row);
        if (filter(infoAdaptor(info))) yield info;
      }
      if (rows.length < PART) return;
      last = rows.at(-1)!.digest as string;
      await nextTurn();
    }
  }

  async delete(digest: Digest): Promise<void> {
    const scope = this.#scope;
    scope.remove(() => {
      this.#row(digest);
      scope.db.run("DELETE FROM content WHERE namespace = ? AND digest = ?", scope.namespace, digest);
      scope.release(digest, "content");
      scope.emit(contentDelete({ digest }));
    });
    scope.shared.gc.discardBlob(digest);
    scope.shared.gc.schedule();
    await scope.db.durable();
  }

  async *reader(descriptor: Pick<Descriptor, "digest">, range: ReadRange = {}): AsyncGenerator<Uint8Array> {
    const { digest } = descriptor;
    this.#row(digest);
    const { offset = 0, length = Number.POSITIVE_INFINITY, signal, memory = fresh } = range;
    const { small } = this.#scope.shared.blobs;
    const known = small.get(digest);
    if (known) {
      this.#inside(digest, offset, known.length);
      if (known.length > offset) yield known.subarray(offset, offset + length);
      return;
    }
    const file = await open(this.#scope.shared.blobs.blob(digest), "r").catch((cause: NodeJS.ErrnoException) => {
      throw new WharfError("DataLoss", `the file of content ${digest} cannot be read`, {
        subject: digest,
        errno: cause.code,
        hint: "remove the image and pull it again",
        cause,
      });
    });
    try {
      const { size } = await file.stat();
      this.#inside(digest, offset, size);
      const end = Math.min(size, offset + length);
      const readAt = async (at: number): Promise<Uint8Array> => {
        const size = Math.min(CHUNK, end - at);
        const chunk = memory(size);
        const { bytesRead } = await file.read(chunk, 0, size, at);
        if (bytesRead === 0) throw new WharfError("DataLoss", `the file of content ${digest} was cut short`);
        return bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
      };
      // The next chunk is read while the one before is made use of.
      let next = offset < end ? readAt(offset) : undefined;
      for (let at = offset; next; ) {
        const chunk: Uint8Array = await next;
        signal?.throwIfAborted();
        at += chunk.length;
        next = at < end ? readAt(at) : undefined;
        // Where nobody comes back for it.
        next?.catch(() => {});
        if (chunk.length === size && small.fits(size)) small.add(digest, chunk);
        yield chunk;
      }
    } finally {
      await file.close();
    }
  }

  file({ digest }: Pick<Descriptor, "digest">): string {
    this.#row(digest);
    return this.#scope.shared.blobs.blob(digest);
  }

  #inside(digest: Digest, offset: number, size: number): void {
    if (offset >= 0 && offset <= size) return;
    throw new WharfError("OutOfRange", `offset ${offset} lies outside content ${digest} of ${size} bytes`);
  }

  async read(descriptor: Pick<Descriptor, "digest">, limit = READ_LIMIT): Promise<Uint8Array> {
    const { size } = readInfo(this.#row(descriptor.digest));
    if (size > limit) {
      throw new WharfError(
        "ResourceExhausted",
        `content ${descriptor.digest} has ${size} bytes, more than the ${limit} allowed`,
      );
    }
    const parts: Uint8Array[] = [];
    for await (const part of this.reader(descriptor)) parts.push(part);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async writer(request: WriterRequest): Promise<ContentWriter> {
    const { ref, size = 0, digest } = request;
    if (ref === "") throw new WharfError("InvalidArgument", "an ingest needs a ref");
    if (digest !== undefined) parseDigest(digest);
    const found = await this.#claim(() => this.#begin(ref, size, digest, request.mediaType ?? ""), ref);
    if (found === undefined) throw contentExists(digest!);
    // Who names another size means something else: what there is was the beginning of what was meant before.
    const anew = size > 0 && found.total > 0 && size !== found.total && !found.shared;
    const row = anew ? { ...found, total: size, expected: digest } : found;
    const writer = await BlobWriter.open(this.#scope, row, () => this.#writers.delete(found.id));
    if (anew) {
      try {
        await writer.truncate(0);
        this.#scope.db.run("UPDATE ingests SET total = ?, expected = ? WHERE id = ?", size, digest ?? null, found.id);
      } catch (error) {
        await writer.close().catch(() => {});
        throw error;
      }
    }
    if (this.#writers.has(found.id)) this.#writers.set(found.id, writer);
    return writer;
  }

  /** Makes the ingest this writer's. Who has closed one may open it again at once, though the end of the one stream is dealt with beside the begin of the other. */
  async #claim(begin: () => IngestRow | undefined, ref: string): Promise<IngestRow | undefined> {
    for (let waited = false; ; waited = true) {
      const found = begin();
      if (found === undefined) return undefined;
      if (!this.#writers.has(found.id)) {
        this.#writers.set(found.id, undefined);
        return found;
      }
      if (waited) break;
      await nextTurn();
      await this.#writers.get(found.id)?.closing?.catch(() => {});
    }
    throw new WharfError("Unavailable", `another writer has ingest ${JSON.stringify(ref)} open`, {
      subject: ref,
      hint: "wait for it and try again",
    });
  }

  /** Finds or makes the ingest's row; undefined when the namespace has the blob already, which then is leased. */
  #begin(ref: string, size: number, digest: Digest | undefined, mediaType: string): IngestRow | undefined {
    const scope = this.#scope;
    const { db, namespace } = scope;
    return scope.write(() => {
      if (digest !== undefined && this.#find(digest)) {
        scope.hold("content", digest, "content");
        return undefined;
      }
      const before = db.get("SELECT * FROM ingests WHERE namespace = ? AND ref = ?", namespace, ref);
      if (!before) {
        const other = digest && this.#elsewhere(digest);
        const shared = other && (size === 0 || other.size === size) ? digest : null;
        // A lease keeps it as long as the lease lives; otherwise it may lie a day.
        const expireAt = scope.lease === undefined ? timestampFromMillis(Date.now() + INGEST_LIFE) : "";
        const total = shared ? (other!.size as number) : size;
        const sql =
          "INSERT INTO ingests (namespace, ref, total, expected, shared, media_type, started_at, expire_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        db.run(sql, namespace, ref, total, digest ?? null, shared, mediaType, now(), expireAt);
      }
      scope.hold("ingest", ref, "ingests");
      return this.#ingest(ref);
    });
  }

  async status(ref: string): Promise<IngestStatus> {
    return this.#status(this.#ingest(ref));
  }

  async listStatuses(filters?: Filters): Promise<IngestStatus[]> {
    const filter = parseFilters(filters);
    const rows = this.#scope.db.all("SELECT * FROM ingests WHERE namespace = ? ORDER BY ref", this.#scope.namespace);
    const ingests = rows.map(readIngest).filter(({ ref }) => filter((path) => (path[0] === "ref" ? ref : undefined)));
    return Promise.all(ingests.map((ingest) => this.#status(ingest)));
  }

  async abort(ref: string): Promise<void> {
    const scope = this.#scope;
    const row = this.#ingest(ref);
    await this.#writers.get(row.id)?.close();
    scope.remove(() => {
      scope.db.run("DELETE FROM ingests WHERE id = ?", row.id);
      scope.release(ref, "ingests");
    });
    await scope.shared.blobs.dropIngest(row.id);
    if (row.shared) scope.shared.gc.discardBlob(row.shared);
  }

  async #status(row: IngestRow): Promise<IngestStatus> {
    const open = this.#writers.get(row.id);
    if (open) return open.status();
    const { blobs } = this.#scope.shared;
    const offset = await sizeOf(row.shared ? blobs.blob(row.shared) : blobs.ingest(row.id));
    return ingestStatus(row, offset, row.startedAt);
  }

  #find(digest: Digest): Row | undefined {
    return this.#scope.db.get(
      "SELECT * FROM content WHERE namespace = ? AND digest = ?",
      this.#scope.namespace,
      digest,
    );
  }

  /** The blob in any namespace that this one may take it from. */
  #elsewhere(digest: Digest): Row | undefined {
    const { db, shared } = this.#scope;
    if (shared.contentPolicy === "shared") return db.get("SELECT size FROM content WHERE digest = ? LIMIT 1", digest);
    const sql =
      "SELECT content.size, namespaces.labels FROM content JOIN namespaces ON name = namespace WHERE digest = ?";
    return db.all(sql, digest).find(({ labels }) => readLabels(labels)[SHAREABLE] === "true");
  }

  #row(digest: Digest): Row {
    const row = this.#find(digest);
    if (!row) throw contentNotFound(digest);
    return row;
  }

  #ingest(ref: string): IngestRow {
    const row = this.#scope.db.get("SELECT * FROM ingests WHERE namespace = ? AND ref = ?", this.#scope.namespace, ref);
    if (!row) throw ingestNotFound(ref);
    return readIngest(row);
  }
}
