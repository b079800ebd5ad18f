/**
 * The main thread's side of the hash workers: a pool that starts with the first large ingest and ends when none has
 * been written for a while, since each thread costs memory.
 */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { DigestAlgorithm } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";

/** Bytes of one message to a worker. */
export const BLOCK = 256 * 1024;
/** Messages of one ingest that may be under way. */
const WINDOW = 4;
/** Milliseconds after which an idle thread ends. */
const IDLE = 10_000;

export type HashRequest = { seq: number; id: number } & (
  | { op: "open"; path: string; algorithm: DigestAlgorithm; offset: number }
  | { op: "write"; buffer: ArrayBuffer; length: number }
  | { op: "truncate"; size: number }
  | { op: "digest"; algorithm: DigestAlgorithm }
  | { op: "close" }
);

export interface HashResponse {
  seq: number;
  offset?: number;
  hex?: string;
  buffer?: ArrayBuffer;
  error?: { code?: string | undefined; message: string };
}

/** One ingest in a worker. Calls are carried out in order. */
export interface HasherSession {
  /** Bytes that are in the file. */
  readonly written: number;
  /** Takes the bytes over at once; resolves when more may be given. */
  write(data: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Waits for all writes; hex. */
  digest(algorithm: DigestAlgorithm): Promise<string>;
  close(): Promise<void>;
}

type Body = HashRequest extends infer R ? (R extends unknown ? Omit<R, "seq" | "id"> : never) : never;

class Thread {
  readonly #worker = new Worker(new URL("./hash.worker.ts", import.meta.url));
  readonly #waiting = new Map<number, { resolve(r: HashResponse): void; reject(e: unknown): void }>();
  readonly #spare: ArrayBuffer[] = [];
  #seq = 0;
  sessions = 0;
  dead = false;

  constructor() {
    this.#worker.unref();
    this.#worker.on("message", (response: HashResponse) => {
      const waiter = this.#waiting.get(response.seq);
      this.#waiting.delete(response.seq);
      if (response.buffer && this.#spare.length < WINDOW * 2) this.#spare.push(response.buffer);
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

  buffer(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(BLOCK);
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
    this.#worker.postMessage({ seq, id, ...body }, "buffer" in body ? [body.buffer] : []);
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
    try {
      await thread.call(id, { op: "open", path, algorithm, offset });
    } catch (error) {
      this.#leave(thread);
      throw error;
    }
    return new Session(thread, id, offset, () => this.#leave(thread));
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

class Session implements HasherSession {
  readonly #thread: Thread;
  readonly #id: number;
  readonly #left: () => void;
  readonly #inFlight: Promise<unknown>[] = [];
  #block: ArrayBuffer | undefined;
  #filled = 0;
  #error: unknown;

  written: number;

  constructor(thread: Thread, id: number, offset: number, left: () => void) {
    this.#thread = thread;
    this.#id = id;
    this.written = offset;
    this.#left = left;
  }

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; ) {
      this.#block ??= this.#thread.buffer();
      const n = Math.min(data.length - at, BLOCK - this.#filled);
      new Uint8Array(this.#block, this.#filled, n).set(data.subarray(at, at + n));
      this.#filled += n;
      at += n;
      if (this.#filled === BLOCK) this.#send();
    }
    while (this.#inFlight.length > WINDOW) await this.#inFlight[0];
    if (this.#error) throw this.#error;
  }

  #send(): void {
    if (!this.#block || this.#filled === 0) return;
    const call = this.#thread
      .call(this.#id, { op: "write", buffer: this.#block, length: this.#filled })
      .then(({ offset }) => {
        this.written = offset!;
      })
      .catch((error: unknown) => {
        this.#error ??= error;
      })
      .finally(() => this.#inFlight.splice(this.#inFlight.indexOf(call), 1));
    this.#inFlight.push(call);
    this.#block = undefined;
    this.#filled = 0;
  }

  async #drain(): Promise<void> {
    this.#send();
    await Promise.all(this.#inFlight);
    if (this.#error) throw this.#error;
  }

  async truncate(size: number): Promise<void> {
    await this.#drain();
    await this.#thread.call(this.#id, { op: "truncate", size });
    this.written = size;
  }

  async digest(algorithm: DigestAlgorithm): Promise<string> {
    await this.#drain();
    return (await this.#thread.call(this.#id, { op: "digest", algorithm })).hex!;
  }

  async close(): Promise<void> {
    try {
      await this.#drain().catch(() => {});
      await this.#thread.call(this.#id, { op: "close" });
    } finally {
      this.#left();
    }
  }
}

function writeError(error: { code?: string | undefined; message: string }): WharfError {
  const full = error.code === "ENOSPC" || error.code === "EDQUOT";
  return new WharfError(full ? "ResourceExhausted" : "Internal", error.message, {
    operation: "write content",
    errno: error.code,
    hint: full ? "free space below the root directory; what was written so far is kept" : undefined,
  });
}
