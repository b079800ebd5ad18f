/**
 * Large ingests: written from here, by Node's file threads, and hashed by workers that read the file behind the writing. So no
 * byte is copied from thread to thread. The workers are a pool that starts with the first large ingest and ends when none
 * has been written for a while, since each thread costs memory.
 */

import { closeSync, constants, ftruncate, open, write } from "node:fs";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import type { DigestAlgorithm } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import type { HashRequest, HashResponse } from "./hash-message.ts";

/** Bytes up to which small pieces are gathered before they are written. */
export const BLOCK = 256 * 1024;
/** Pieces of at least so many bytes are written as they are. */
const DIRECT = 64 * 1024;
/** Gathered blocks of one ingest that may be under way. */
const WINDOW = 4;
/** Milliseconds after which an idle thread ends. */
const IDLE = 10_000;

/** Writes into a file from `offset` on, and tells how many bytes have come. */
export type Pour = (file: { path: string; offset: number }, grown: (bytes: number) => void) => Promise<void>;

/** One ingest. Calls are carried out in order. */
export interface HasherSession {
  /** Bytes that are in the file. */
  readonly written: number;
  /** Appends; resolves when `data` may be reused and more may be given. Several calls may be under way. */
  write(data: Uint8Array): Promise<void>;
  /** Appends what somebody else writes into the file. */
  fill(pour: Pour): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Waits for all writes; hex. */
  digest(algorithm: DigestAlgorithm): Promise<string>;
  close(): Promise<void>;
}

type Body = HashRequest extends infer R ? (R extends unknown ? Omit<R, "seq" | "id"> : never) : never;

class Thread {
  readonly #worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { execArgv: [] });
  readonly #waiting = new Map<number, { resolve(r: HashResponse): void; reject(e: unknown): void }>();
  #seq = 0;
  sessions = 0;
  dead = false;

  constructor() {
    this.#worker.unref();
    this.#worker.on("message", (response: HashResponse) => {
      const waiter = this.#waiting.get(response.seq);
      this.#waiting.delete(response.seq);
      if (this.#waiting.size === 0) this.#worker.unref();
      if (response.error) waiter?.reject(writeError(response.error));
      else waiter?.resolve(response);
    });
    const fail = (cause: unknown) => {
      this.dead = true;
      for (const { reject } of this.#waiting.values()) {
        reject(new WharfError("Internal", "the hash worker died", { cause }));
      }
      this.#waiting.clear();
    };
    this.#worker.on("error", fail);
    this.#worker.on("exit", fail);
  }

  call(id: number, body: Body): Promise<HashResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<HashResponse>();
    if (this.dead) {
      reject(new WharfError("Internal", "the hash worker died"));
      return promise;
    }
    const seq = this.#seq++;
    if (this.#waiting.size === 0) this.#worker.ref();
    this.#waiting.set(seq, { resolve, reject });
    this.#worker.postMessage({ seq, id, ...body });
    return promise;
  }

  async stop(): Promise<void> {
    this.dead = true;
    await this.#worker.terminate();
  }
}

export class HasherPool implements AsyncDisposable {
  readonly #threads: Thread[] = [];
  #ids = 0;
  #idle: NodeJS.Timeout | undefined;

  /** Opens an ingest's file, cut to its first `offset` bytes, which are read to get the hash's state. */
  async open(path: string, algorithm: DigestAlgorithm, offset: number): Promise<HasherSession> {
    clearTimeout(this.#idle);
    const thread = this.#thread();
    const id = this.#ids++;
    thread.sessions++;
    let fd: number | undefined;
    try {
      fd = await openFile(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      await cutFile(fd, offset);
      // A new thread takes longer to start than the first bytes to come: nobody waits for it.
      const opened = thread.call(id, { op: "open", path, algorithm, offset });
      return new Session({ thread, id, fd, path }, offset, opened, () => this.#leave(thread));
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      this.#leave(thread);
      throw error instanceof WharfError ? error : writeError(error as NodeJS.ErrnoException);
    }
  }

  /** The thread with the least to do; a new one while there are fewer than cores, and two at most. */
  #thread(): Thread {
    const alive = this.#threads.filter((thread) => !thread.dead);
    this.#threads.splice(0, this.#threads.length, ...alive);
    const least = alive.sort((a, b) => a.sessions - b.sessions)[0];
    if (least && (least.sessions === 0 || alive.length >= Math.min(2, availableParallelism()))) return least;
    const thread = new Thread();
    this.#threads.push(thread);
    return thread;
  }

  #leave(thread: Thread): void {
    thread.sessions--;
    if (this.#threads.some((other) => other.sessions > 0)) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this[Symbol.asyncDispose](), IDLE);
    this.#idle.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }
}

/** A write under way, and where it ends in the file. */
interface Write {
  end: number;
  done: boolean;
}

interface SessionFile {
  thread: Thread;
  id: number;
  fd: number;
  path: string;
}

class Session implements HasherSession {
  readonly #thread: Thread;
  readonly #id: number;
  readonly #fd: number;
  readonly #path: string;
  readonly #left: () => void;
  /** In the order of the file. */
  readonly #writes: Write[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  readonly #spare: Uint8Array[] = [];
  #block: Uint8Array | undefined;
  #filled = 0;
  /** Where the next write begins. */
  #position: number;
  /** The worker hashes up to here at the moment. */
  #hashing: Promise<unknown> | undefined;
  #error: unknown;

  written: number;

  constructor({ thread, id, fd, path }: SessionFile, offset: number, opened: Promise<unknown>, left: () => void) {
    this.#thread = thread;
    this.#path = path;
    this.#id = id;
    this.#fd = fd;
    this.written = offset;
    this.#position = offset;
    this.#left = left;
    this.#hash(opened, offset);
  }

  async write(data: Uint8Array): Promise<void> {
    if (data.length >= DIRECT) {
      this.#flush();
      await this.#put(data);
    } else {
      for (let at = 0; at < data.length; ) {
        this.#block ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
        const n = Math.min(data.length - at, BLOCK - this.#filled);
        this.#block.set(data.subarray(at, at + n), this.#filled);
        this.#filled += n;
        at += n;
        if (this.#filled === BLOCK) this.#flush();
      }
      while (this.#inFlight.size > WINDOW) await Promise.race(this.#inFlight);
    }
    if (this.#error) throw this.#error;
  }

  /** Writes what was gathered. */
  #flush(): void {
    const block = this.#block;
    if (!block || this.#filled === 0) return;
    const put = this.#put(block.subarray(0, this.#filled));
    void put.then(() => {
      if (this.#spare.length < WINDOW) this.#spare.push(block);
    });
    this.#block = undefined;
    this.#filled = 0;
  }

  /** Writes at the next place in the file. Never rejects: a failure shows in #error. */
  #put(data: Uint8Array): Promise<void> {
    const at = this.#position;
    this.#position += data.length;
    const entry: Write = { end: this.#position, done: false };
    this.#writes.push(entry);
    const put = writeAll(this.#fd, data, at)
      .then(() => {
        entry.done = true;
        this.#advance();
      })
      .catch((error: unknown) => {
        this.#error ??= writeError(error as NodeJS.ErrnoException);
      })
      .finally(() => this.#inFlight.delete(put));
    this.#inFlight.add(put);
    return put;
  }

  #advance(): void {
    while (this.#writes[0]?.done) this.written = this.#writes.shift()!.end;
    if (this.#hashing) return;
    const size = this.written;
    this.#hash(this.#thread.call(this.#id, { op: "advance", size }), size);
  }

  /** Until `work` is done the worker hashes up to `size`. */
  #hash(work: Promise<unknown>, size: number): void {
    this.#hashing = work
      .catch((error: unknown) => {
        this.#error ??= error;
      })
      .finally(() => {
        this.#hashing = undefined;
        if (this.written > size && !this.#error) this.#advance();
      });
  }

  async #drain(): Promise<void> {
    this.#flush();
    await Promise.all(this.#inFlight);
    if (this.#error) throw this.#error;
  }

  async fill(pour: Pour): Promise<void> {
    await this.#drain();
    const offset = this.#position;
    await pour({ path: this.#path, offset }, (bytes) => {
      this.#position = this.written = offset + bytes;
      this.#advance();
    });
    if (this.#error) throw this.#error;
  }

  async truncate(size: number): Promise<void> {
    await this.#drain();
    // The worker must not be reading what is cut off.
    while (this.#hashing) await this.#hashing;
    await cutFile(this.#fd, size);
    this.written = size;
    this.#position = size;
    await this.#thread.call(this.#id, { op: "truncate", size });
  }

  async digest(algorithm: DigestAlgorithm): Promise<string> {
    await this.#drain();
    const size = this.written;
    const { hex } = await this.#thread.call(this.#id, { op: "digest", algorithm, size });
    if (this.#error) throw this.#error;
    return hex!;
  }

  async close(): Promise<void> {
    try {
      await this.#drain().catch(() => {});
      await this.#thread.call(this.#id, { op: "close" });
    } finally {
      await Promise.all(this.#inFlight);
      closeSync(this.#fd);
      this.#left();
    }
  }
}

const openFile = promisify(open) as (path: string, flags: number, mode: number) => Promise<number>;
const cutFile = promisify(ftruncate);

function writeAll(fd: number, data: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (at: number): void => {
      write(fd, data, at, data.length - at, position + at, (error, n) => {
        if (error) reject(error);
        else if (at + n < data.length) step(at + n);
        else resolve();
      });
    };
    step(0);
  });
}

function writeError(error: { code?: string | undefined; message: string }): WharfError {
  const full = error.code === "ENOSPC" || error.code === "EDQUOT";
  return new WharfError(full ? "ResourceExhausted" : "Internal", error.message, {
    operation: "write content",
    errno: error.code,
    hint: full ? "free space below the root directory; what was written so far is kept" : undefined,
  });
}
