/** The answer to a GET whose body is read straight from the socket. */

import { WharfError } from "../../../common/errors.ts";
import { NetworkError } from "../errors.ts";
import { gather, type HeaderMap, type HttpResponse } from "../message.ts";
import { canceled } from "../retry.ts";
import { coded, type Head } from "./head.ts";
import type { Loan } from "./slabs.ts";
import { Watchdog } from "./watchdog.ts";

/** Pieces that a receiver may be busy with before no more is read. */
const AHEAD = 2;

/** What to do with bytes as they come; false makes the connection stop reading. */
export interface Receiver {
  take(loan: Loan): boolean;
  /** Bytes still expected: fewer than a batch are not waited for. */
  left(): number;
  /** The connection has ended. */
  closed(): void;
}

/** The connection a body comes from, as its reader sees it. */
export interface Source {
  /** Who gets the bytes from now on. */
  receive(receiver: Receiver | undefined): void;
  /** Goes on reading. */
  resume(): void;
  destroy(): void;
  /** Why the connection ended, when it broke. */
  readonly error: Error | undefined;
}

export class WireResponse implements HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: HeaderMap;
  readonly #wire: Source;
  readonly #operation: string;
  readonly #head: Head;
  /** Milliseconds. */
  readonly #stall: number;
  readonly #free: () => void;
  #used = false;

  /** `free` is called when the body has been read to its end and the connection may serve another request. */
  constructor(wire: Source, url: URL, operation: string, head: Head, stall: number, free: () => void) {
    this.#wire = wire;
    this.url = url;
    this.status = head.status;
    this.headers = head.headers;
    this.#operation = operation;
    this.#head = head;
    this.#stall = stall;
    this.#free = free;
  }

  bytes(limit: number): Promise<Uint8Array> {
    return gather(this, limit, this.#operation);
  }

  async text(limit: number): Promise<string> {
    return Buffer.from(await this.bytes(limit)).toString("utf8");
  }

  pump(write: (chunk: Uint8Array) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    if (this.#used) {
      return Promise.reject(new WharfError("Internal", "the body was read before", { operation: this.#operation }));
    }
    this.#used = true;
    const wire = this.#wire;
    const { body, rest, keep } = this.#head;
    return new Promise((resolve, reject) => {
      let pending = 0;
      let paused = false;
      let settled = false;
      let failure: Error | undefined;
      const done = (error?: Error): void => {
        if (settled) return;
        settled = true;
        failure = error;
        watch.stop();
        signal?.removeEventListener("abort", abort);
        wire.receive(undefined);
        if (error || !keep || !body.done || body.excess) wire.destroy();
        else this.#free();
        finish();
      };
      // The receiver may still be busy with the last pieces: it must have finished when we report.
      const finish = (): void => {
        if (!settled || pending > 0) return;
        if (failure) reject(failure);
        else resolve();
      };
      const abort = (): void => done(canceled(signal));
      const watch = new Watchdog(this.#stall, () =>
        done(this.#broken(coded("ESTALL", `no data for ${this.#stall / 1000} s`))),
      );
      const written = (error?: unknown): void => {
        pending--;
        if (pending === 0) watch.resume();
        if (error !== undefined) done(WharfError.from(error));
        if (settled) finish();
        else if (paused && pending < AHEAD) {
          paused = false;
          wire.resume();
        }
      };
      const take = ({ bytes, release }: Loan): boolean => {
        watch.alive();
        try {
          const writes = body
            .decode(bytes)
            .map(write)
            .filter((one) => one !== undefined);
          if (writes.length > 0) {
            pending++;
            watch.pause();
            (writes.length === 1 ? writes[0]! : Promise.all(writes)).then(
              () => {
                release();
                written();
              },
              (error: unknown) => written(error ?? new Error("it could not be written")),
            );
          } else release();
        } catch (error) {
          const own = typeof (error as NodeJS.ErrnoException).code === "string" && !(error instanceof WharfError);
          done(own ? this.#broken(error as Error) : WharfError.from(error));
          return false;
        }
        if (body.done) {
          done();
          // The connection goes on reading, to notice when the server closes it.
          return true;
        }
        paused = pending >= AHEAD;
        return !paused;
      };
      const closed = (): void => {
        if (!body.ends && !wire.error) done();
        else done(this.#broken(wire.error ?? coded("ETRUNCATED", "the body ended too early")));
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      if (body.done) return done();
      wire.receive({ take, left: () => body.left, closed });
      // What came with the head lies in memory of its own.
      if (!settled && (rest.byteLength === 0 || take({ bytes: rest, release: () => {} }))) wire.resume();
    });
  }

  discard(): void {
    if (this.#used) return;
    this.#used = true;
    const { body, rest, keep } = this.#head;
    body.decode(rest);
    if (keep && body.done && !body.excess) this.#free();
    else this.#wire.destroy();
  }

  #broken(error: Error): NetworkError {
    return new NetworkError(error, this.url.host, this.#operation);
  }
}
