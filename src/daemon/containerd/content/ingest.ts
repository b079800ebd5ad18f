/**
 * The bytes of one ingest. Small ones are gathered in memory and hashed here, without the cost of a thread; from
 * SMALL bytes on a hash worker writes and hashes them.
 */

import { createHash, type Hash } from "node:crypto";
import { copyFile, readFile, stat, truncate, writeFile } from "node:fs/promises";
import type { DigestAlgorithm } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import type { HasherPool, HasherSession, Pour } from "./hasher.ts";

/** Bytes hashed on the event loop at most: below a millisecond at 286 MB/s. */
export const SMALL = 256 * 1024;

export class IngestFile {
  readonly #path: string;
  readonly #pool: HasherPool;
  readonly #algorithm: DigestAlgorithm;
  #session: HasherSession | undefined;
  #growing: Promise<void> | undefined;
  #parts: Uint8Array[] = [];
  /** Of the first parts, when one was asked for: writers of unknown digests ask after each write. */
  #hash: Hash | undefined;
  #hashed = 0;
  #offset = 0;
  #spilled = 0;

  private constructor(path: string, pool: HasherPool, algorithm: DigestAlgorithm) {
    this.#path = path;
    this.#pool = pool;
    this.#algorithm = algorithm;
  }

  /** Opens the file, made if missing, with what an earlier writer left in it. `expected` bytes tell what size it will have. */
  static async open(path: string, pool: HasherPool, algorithm: DigestAlgorithm, expected: number): Promise<IngestFile> {
    const file = new IngestFile(path, pool, algorithm);
    file.#offset = await sizeOf(path);
    if (Math.max(file.#offset, expected) > SMALL) {
      file.#session = await pool.open(path, algorithm, file.#offset);
    } else if (file.#offset > 0) {
      file.#parts = [await readFile(path)];
    }
    return file;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Bytes that are in the file already. */
  get readable(): number {
    return this.#session?.written ?? this.#spilled;
  }

  async write(data: Uint8Array): Promise<void> {
    // writes that come while it grows wait for the same, and go on in their order
    if (!this.#session && (this.#growing || this.#offset + data.length > SMALL)) await (this.#growing ??= this.#grow());
    this.#offset += data.length;
    if (this.#session) await this.#session.write(data);
    else this.#parts.push(data.slice());
  }

  /** Appends what somebody else writes into the file. */
  async fill(pour: Pour): Promise<void> {
    if (!this.#session) await (this.#growing ??= this.#grow());
    await this.#session!.fill((file, grown) =>
      pour(file, (bytes) => {
        this.#offset = file.offset + bytes;
        grown(bytes);
      }),
    );
  }

  async truncate(size: number): Promise<void> {
    if (size > this.#offset) {
      const message = `cannot truncate an ingest of ${this.#offset} bytes to ${size}`;
      throw new WharfError("InvalidArgument", message);
    }
    if (this.#session) {
      await this.#session.truncate(size);
    } else {
      this.#parts = [Buffer.concat(this.#parts).subarray(0, size)];
      this.#hash = undefined;
      this.#hashed = 0;
      await this.#spill();
    }
    this.#offset = size;
  }

  /** Hex digest of all bytes. */
  async digest(algorithm: DigestAlgorithm): Promise<string> {
    if (this.#session) return this.#session.digest(algorithm);
    if (algorithm !== this.#algorithm) return this.#hashOn(createHash(algorithm), 0).digest("hex");
    this.#hash = this.#hashOn(this.#hash ?? createHash(algorithm), this.#hashed);
    this.#hashed = this.#parts.length;
    return this.#hash.copy().digest("hex");
  }

  #hashOn(hash: Hash, from: number): Hash {
    for (let at = from; at < this.#parts.length; at++) hash.update(this.#parts[at]!);
    return hash;
  }

  /** Has all bytes in the file (not yet on the disk). */
  async flush(): Promise<void> {
    if (!this.#session) await this.#spill();
  }

  /** Ends writing; what was written stays in the file. */
  async close(options: { keep: boolean }): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session) await session.close();
    else if (options.keep) await this.#spill();
    this.#parts = [];
  }

  async #grow(): Promise<void> {
    await this.#spill();
    this.#session = await this.#pool.open(this.#path, this.#algorithm, this.#offset);
    this.#parts = [];
  }

  async #spill(): Promise<void> {
    try {
      await writeFile(this.#path, this.#parts, { mode: 0o600 });
      this.#spilled = this.#offset;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const full = code === "ENOSPC" || code === "EDQUOT";
      throw new WharfError(full ? "ResourceExhausted" : "Internal", "cannot write content", {
        operation: "write content",
        subject: this.#path,
        errno: code,
        cause,
      });
    }
  }
}

/** Fills an ingest's file with the first `size` bytes of a blob. */
export async function copyBlob(from: string, to: string, size: number): Promise<void> {
  await copyFile(from, to);
  await truncate(to, size);
}

/** Bytes of a file; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
