/** A writer of one ingest, and its commit: verify, link as a blob, flush, then one transaction that makes it visible. */

import { stat, utimes } from "node:fs/promises";
import { type Digest, type DigestAlgorithm, digestAlgorithm } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { timestampFromMillis } from "../../../common/timestamp.ts";
import { millis } from "../../clock.ts";
import type { CommitRequest, ContentWriter, IngestStatus } from "../api/content.ts";
import { now } from "../core/clock.ts";
import { checkLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { contentCreate } from "../events/messages.ts";
import type { Pour } from "./hasher.ts";
import { copyBlob, IngestFile, sizeOf } from "./ingest.ts";
import type { OpenWriter } from "./open-writers.ts";
import { contentExists, type IngestRow, ingestStatus } from "./rows.ts";

export class BlobWriter implements ContentWriter, OpenWriter {
  readonly #scope: Scope;
  readonly #row: IngestRow;
  readonly #release: () => void;
  #file: IngestFile | undefined;
  /** The blob of another namespace that this ingest simply takes over, and its size. */
  #shared: { digest: Digest; size: number } | undefined;
  /** Milliseconds since the epoch. */
  #updatedAt = millis();
  #open = true;
  #committed: Digest | undefined;
  #closing: Promise<void> | undefined;

  private constructor(scope: Scope, row: IngestRow, release: () => void) {
    this.#scope = scope;
    this.#row = row;
    this.#release = release;
  }

  /** `release` frees the ref for the next writer; called once, when this one is closed. */
  static async open(scope: Scope, row: IngestRow, release: () => void): Promise<BlobWriter> {
    const writer = new BlobWriter(scope, row, release);
    try {
      if (row.shared) writer.#shared = { digest: row.shared, size: await sizeOf(scope.shared.blobs.blob(row.shared)) };
      else await writer.#reopen();
    } catch (error) {
      release();
      throw error;
    }
    return writer;
  }

  /** What lies there was written when the file says. */
  async #reopen(): Promise<void> {
    this.#file = await this.#openFile();
    if (this.#file.offset > 0) this.#updatedAt = (await stat(this.#path)).mtimeMs;
  }

  get #path(): string {
    return this.#scope.shared.blobs.ingest(this.#row.id);
  }

  get ref(): string {
    return this.#row.ref;
  }

  get #offset(): number {
    return this.#shared?.size ?? this.#file?.offset ?? 0;
  }

  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  /** Bytes that are in the file, where others can read them. */
  get readable(): number {
    return this.#file?.readable ?? 0;
  }

  status(): IngestStatus {
    return ingestStatus(this.#row, this.#offset, timestampFromMillis(this.#updatedAt));
  }

  async digest(): Promise<Digest> {
    if (this.#committed) return this.#committed;
    this.#checkOpen();
    return this.#shared?.digest ?? (await this.#digest(undefined));
  }

  async write(data: Uint8Array): Promise<void> {
    this.#checkOpen();
    if (data.length === 0) return;
    if (this.#shared) await this.#unshare(this.#shared.size);
    try {
      await this.#file!.write(data);
    } catch (cause) {
      await this.close();
      const failed = WharfError.from(cause, "Internal");
      throw new WharfError(failed.code, `cannot write ingest ${JSON.stringify(this.ref)}`, {
        operation: "write content",
        subject: this.ref,
        cause,
      });
    }
    this.#updatedAt = millis();
  }

  async fill(pour: Pour): Promise<void> {
    this.#checkOpen();
    if (this.#shared) await this.#unshare(this.#shared.size);
    await this.#file!.fill((file, grown) =>
      pour(file, (bytes) => {
        this.#updatedAt = millis();
        grown(bytes);
      }),
    );
  }

  async truncate(size: number): Promise<void> {
    this.#checkOpen();
    if (this.#shared) await this.#unshare(Math.min(size, this.#shared.size));
    await this.#file!.truncate(size);
    this.#updatedAt = millis();
  }

  async commit(request: CommitRequest = {}): Promise<Digest> {
    this.#checkOpen();
    const labels = checkLabels(request.labels);
    const { shared } = this.#scope;
    const size = this.#offset;
    let digest: Digest;
    try {
      if (request.size !== undefined && request.size !== size) {
        throw this.#refused(`expected ${request.size} bytes, got ${size}`);
      }
      digest = this.#shared?.digest ?? (await this.#digest(request.digest));
      if (request.digest !== undefined && request.digest !== digest) {
        throw this.#refused(`expected digest ${request.digest}, got ${digest}`);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    try {
      return await this.#publish(digest, size, labels);
    } catch (error) {
      // A file under its digest of which nothing could be written down must not stay, unless it is another's, too.
      shared.gc.discardBlob(digest);
      throw error;
    }
  }

  async #publish(digest: Digest, size: number, labels: Record<string, string>): Promise<Digest> {
    const { shared } = this.#scope;
    using _ = shared.blobs.hold(digest);
    try {
      if (this.#file) {
        await this.#file.flush();
        failpoint("content.written");
        await shared.blobs.publish(this.#row.id, digest);
        failpoint("content.published");
      }
      const created = this.#record(digest, size, labels);
      failpoint("content.recorded");
      await this.#finish();
      this.#committed = digest;
      // Not flushed: the flush that what refers to it waits for covers this transaction too.
      if (!created) throw contentExists(digest);
      return digest;
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#closing ??= (async () => {
      try {
        if (!this.#file) return;
        await this.#file.close({ keep: true });
        // What was gathered in memory came to the file just now only.
        if (this.#file.offset > 0) await utimes(this.#path, new Date(), this.#updatedAt / 1000).catch(() => {});
      } finally {
        this.#release();
      }
    })();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** In one transaction the ingest goes and the blob comes; false when the namespace had it already. */
  #record(digest: Digest, size: number, labels: Record<string, string>): boolean {
    const scope = this.#scope;
    const { namespace } = scope;
    return scope.write(() => {
      const time = now();
      const created =
        scope.db.run(
          "INSERT OR IGNORE INTO content VALUES (?, ?, ?, ?, ?, ?)",
          namespace,
          digest,
          size,
          JSON.stringify(labels),
          time,
          time,
        ) > 0;
      scope.db.run("DELETE FROM ingests WHERE id = ?", this.#row.id);
      scope.release(this.ref, "ingests");
      scope.hold("content", digest, "content");
      if (created) scope.emit(contentCreate({ digest, size }));
      return created;
    });
  }

  /** The blob is safe: the ingest's own name for the file goes. */
  async #finish(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (!file) return;
    await file.close({ keep: false });
    await this.#scope.shared.blobs.dropIngest(this.#row.id);
  }

  async #digest(wanted: Digest | undefined): Promise<Digest> {
    const algorithm = wanted ? digestAlgorithm(wanted) : this.#algorithm();
    return `${algorithm}:${await this.#file!.digest(algorithm)}`;
  }

  #algorithm(): DigestAlgorithm {
    return this.#row.expected ? digestAlgorithm(this.#row.expected) : "sha256";
  }

  #openFile(): Promise<IngestFile> {
    const { hashers } = this.#scope.shared;
    return IngestFile.open(this.#path, hashers, this.#algorithm(), this.#row.total);
  }

  /** Gives the ingest bytes of its own: the first `size` of the shared blob. */
  async #unshare(size: number): Promise<void> {
    const { blobs } = this.#scope.shared;
    const { digest } = this.#shared!;
    if (size > 0) await copyBlob(blobs.blob(digest), blobs.ingest(this.#row.id), size);
    this.#scope.db.transaction(() => this.#scope.db.run("UPDATE ingests SET shared = NULL WHERE id = ?", this.#row.id));
    this.#file = await this.#openFile();
    this.#shared = undefined;
  }

  #refused(why: string): WharfError {
    return new WharfError("FailedPrecondition", `cannot commit ${JSON.stringify(this.ref)}: ${why}`, {
      operation: "commit content",
      subject: this.ref,
    });
  }

  #checkOpen(): void {
    if (this.#open) return;
    throw new WharfError("FailedPrecondition", `the writer of ${JSON.stringify(this.ref)} is closed`, {
      subject: this.ref,
    });
  }
}
