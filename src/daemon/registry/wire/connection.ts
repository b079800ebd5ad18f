/** One HTTP/1.1 connection for GETs: its socket reads into large buffers that are lent to the body's receiver. */

import { connect as connectTcp, type Socket } from "node:net";
import { connectionTls } from "../authorities.ts";
import { readyFor } from "../begin.ts";
import { hostName, type TlsSettings } from "../config.ts";
import { NetworkError, UNREACHED } from "../errors.ts";
import type { HttpResponse, Timeouts } from "../message.ts";
import { canceled } from "../retry.ts";
import { coded, parseHead, requestHead } from "./head.ts";
import { type Receiver, type Source, WireResponse } from "./response.ts";
import { type Loan, Slabs } from "./slabs.ts";

/** Bytes that are gathered before the receiver is called, and how long they may be waited for: milliseconds. */
const BATCH = 256 << 10;
const PATIENCE = 1;
/** A response's head may be so long; bytes. */
const MAX_HEAD = 64 << 10;

export interface WireOptions {
  tls: TlsSettings;
  timeouts: Timeouts;
  headers: Readonly<Record<string, string | string[]>>;
  signal: AbortSignal | undefined;
}

/** One connection, used by one request at a time. */
export class Wire implements Source {
  readonly #socket: Socket;
  readonly #slabs = new Slabs();
  #receiver: Receiver | undefined;
  /** Set while less than a batch waits for more. */
  #waiting: NodeJS.Timeout | undefined;
  /** While the connection is made. */
  #closed: (() => void) | undefined;
  #error: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gone: (() => void) | undefined;

  private constructor(url: URL, tls: TlsSettings) {
    const host = hostName(url.host);
    const secure = url.protocol === "https:";
    const port = Number(url.port || (secure ? 443 : 80));
    const onread = {
      buffer: () => this.#slabs.room(),
      callback: (length: number) => this.#read(length),
    };
    const options = { host, port, onread, noDelay: true, autoSelectFamily: true };
    this.#socket = secure
      ? process
          .getBuiltinModule("node:tls")
          .connect({ ...options, ...connectionTls(tls), servername: /^[\d.]+$|:/.test(host) ? "" : host })
      : connectTcp(options);
    this.#socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#socket.on("close", () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#waiting);
      this.#gone?.();
      this.#closed?.();
      // What came before the end is handed on before the end is.
      while (this.#receiver && this.#slabs.filled > 0 && this.#deliver());
      this.#receiver?.closed();
    });
  }

  static async open(url: URL, { tls, timeouts, signal }: WireOptions): Promise<Wire> {
    await readyFor(url);
    if (signal?.aborted) throw canceled(signal);
    const wire = new Wire(url, tls);
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        wire.#closed = undefined;
        if (!error) {
          resolve(wire);
          return;
        }
        wire.destroy();
        reject(error);
      };
      const fail = (error: Error): void => done(new NetworkError(error, url.host, `GET ${url.pathname}`));
      const abort = (): void => done(canceled(signal));
      const timer = setTimeout(
        () => fail(coded(UNREACHED, `no connection for ${timeouts.connect / 1000} s`)),
        timeouts.connect,
      );
      signal?.addEventListener("abort", abort, { once: true });
      wire.#closed = () => fail(wire.#error ?? coded("ECONNRESET", "closed"));
      wire.#socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => done());
    });
  }

  /** Sends the request and reads the head. `free` is called when the body has been read to its end. */
  get(url: URL, { timeouts, signal, headers }: WireOptions, free: () => void): Promise<HttpResponse> {
    const operation = `GET ${url.pathname}`;
    return new Promise((resolve, reject) => {
      let head: Uint8Array<ArrayBufferLike> = new Uint8Array();
      const done = (outcome: HttpResponse | Error): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#receiver = undefined;
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const fail = (code: string, text: string): void =>
        done(new NetworkError(this.#error ?? coded(code, text), url.host, operation));
      const abort = (): void => done(canceled(signal));
      const timer = setTimeout(() => fail("ESTALL", `no answer for ${timeouts.response / 1000} s`), timeouts.response);
      signal?.addEventListener("abort", abort, { once: true });
      const take = ({ bytes, release }: Loan): boolean => {
        head = Buffer.concat([head, bytes]);
        release();
        try {
          const parsed = parseHead(head);
          if (!parsed && head.byteLength > MAX_HEAD)
            throw coded("HPE_HEADER_OVERFLOW", "the answer's head is too long");
          if (parsed) done(new WireResponse(this, url, operation, parsed, timeouts.stall, free));
          return !parsed;
        } catch (error) {
          done(new NetworkError(error, url.host, operation));
          return false;
        }
      };
      this.receive({ take, left: () => 1, closed: () => fail("ECONNRESET", "closed without an answer") });
      this.#socket.resume();
      this.#socket.write(requestHead(url, headers));
    });
  }

  /** Who gets what comes from now on; undefined: nobody, for the time being. */
  receive(receiver: Receiver | undefined): void {
    this.#receiver = receiver;
    if (receiver && this.#socket.closed) receiver.closed();
  }

  /** Reads on, after a receiver has answered false. */
  resume(): void {
    if (this.#receiver && this.#slabs.filled > 0 && !this.#deliver()) return;
    this.#socket.resume();
  }

  get error(): Error | undefined {
    return this.#error;
  }

  /** Keeps the connection for a while. */
  rest(milliseconds: number, gone: () => void): void {
    this.#gone = gone;
    // A byte that was not asked for is a server out of step.
    const take = (): boolean => {
      this.destroy();
      return false;
    };
    this.receive({ take, left: () => 1, closed: () => {} });
    this.#timer = setTimeout(() => this.destroy(), milliseconds).unref();
    this.#socket.unref().resume();
    this.#slabs.trim();
  }

  busy(): void {
    clearTimeout(this.#timer);
    this.#gone = undefined;
    this.#socket.ref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(length: number): boolean {
    this.#slabs.fill(length);
    if (!this.#receiver) return false;
    if (this.#slabs.full || this.#slabs.filled >= Math.min(BATCH, this.#receiver.left())) return this.#deliver();
    this.#waiting ??= setTimeout(() => {
      if (this.#receiver && this.#slabs.filled > 0 && !this.#deliver()) this.#socket.pause();
    }, PATIENCE);
    return true;
  }

  #deliver(): boolean {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    return this.#receiver!.take(this.#slabs.take());
  }
}
