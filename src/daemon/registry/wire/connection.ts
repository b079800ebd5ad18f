/** One HTTP/1.1 connection for GETs: its socket reads into large buffers that are lent to the body's receiver. */

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { hostName, type TlsSettings } from "../config.ts";
import { NetworkError } from "../errors.ts";
import type { HttpResponse, Timeouts } from "../http.ts";
import { canceled } from "../retry.ts";
import { coded, parseHead, requestHead } from "./head.ts";
import { WireResponse } from "./response.ts";

/** Bytes of one buffer, and how many a connection has: two with the receiver, one to read into. */
const BUFFER = 512 << 10;
const BUFFERS = 3;
/** A response's head may be so long; bytes. */
const MAX_HEAD = 64 << 10;

export interface WireOptions {
  tls: TlsSettings;
  timeouts: Timeouts;
  headers: Readonly<Record<string, string | string[]>>;
  signal: AbortSignal | undefined;
}

/** What the connection does with bytes as they come; false makes it stop reading. */
type Receiver = (bytes: Uint8Array) => boolean;

/** One connection, used by one request at a time. */
export class Wire {
  readonly #socket: Socket;
  /** Buffers that nobody reads from. */
  readonly #buffers: Uint8Array[] = [];
  #receive: Receiver | undefined;
  #closed: (() => void) | undefined;
  #error: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gone: (() => void) | undefined;

  private constructor(url: URL, tls: TlsSettings) {
    const host = hostName(url.host);
    const secure = url.protocol === "https:";
    const port = Number(url.port || (secure ? 443 : 80));
    const onread = {
      buffer: () => this.#buffers.at(-1) ?? this.#add(),
      callback: (length: number, buffer: Uint8Array) => this.#read(buffer, length),
    };
    const options = { host, port, onread, noDelay: true, autoSelectFamily: true };
    this.#socket = secure
      ? connectTls({ ...options, ...tls, servername: /^[\d.]+$|:/.test(host) ? "" : host })
      : connectTcp(options);
    this.#socket.on("error", (error) => {
      this.#error ??= error;
    });
    this.#socket.on("close", () => {
      clearTimeout(this.#timer);
      this.#gone?.();
      this.#closed?.();
    });
  }

  static open(url: URL, { tls, timeouts, signal }: WireOptions): Promise<Wire> {
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
        () => fail(coded("ESTALL", `no connection for ${timeouts.connect / 1000} s`)),
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
        this.#closed = undefined;
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const fail = (code: string, text: string): void =>
        done(new NetworkError(this.#error ?? coded(code, text), url.host, operation));
      const abort = (): void => done(canceled(signal));
      const timer = setTimeout(() => fail("ESTALL", `no answer for ${timeouts.response / 1000} s`), timeouts.response);
      signal?.addEventListener("abort", abort, { once: true });
      this.#closed = () => fail("ECONNRESET", "closed without an answer");
      this.#receive = (bytes) => {
        head = Buffer.concat([head, bytes]);
        try {
          const parsed = parseHead(head);
          if (!parsed) {
            if (head.byteLength > MAX_HEAD) throw coded("HPE_HEADER_OVERFLOW", "the answer's head is too long");
            return true;
          }
          this.#receive = undefined;
          done(new WireResponse(this, url, operation, parsed, timeouts.stall, free));
          return false;
        } catch (error) {
          this.#receive = undefined;
          done(new NetworkError(error, url.host, operation));
          return false;
        }
      };
      this.#socket.resume();
      this.#socket.write(requestHead(url, headers));
    });
  }

  /** Hands what comes to `receive`, from what the head's reading left over on; `closed` hears of the end. */
  receive(receive: Receiver | undefined, closed: (() => void) | undefined): void {
    this.#receive = receive;
    this.#closed = closed;
    if (receive && this.#socket.closed) closed?.();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Gives a buffer back that a receiver was still using when it returned. */
  recycle(bytes: Uint8Array): void {
    if (bytes.buffer.byteLength === BUFFER && this.#buffers.length < BUFFERS)
      this.#buffers.push(new Uint8Array(bytes.buffer));
  }

  get error(): Error | undefined {
    return this.#error;
  }

  /** Keeps the connection for a while. */
  rest(milliseconds: number, gone: () => void): void {
    this.#gone = gone;
    // A byte that was not asked for is a server out of step.
    this.#receive = () => {
      this.destroy();
      return false;
    };
    this.#closed = undefined;
    this.#timer = setTimeout(() => this.destroy(), milliseconds).unref();
    this.#socket.unref().resume();
    this.#buffers.splice(1);
  }

  busy(): void {
    clearTimeout(this.#timer);
    this.#gone = undefined;
    this.#socket.ref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #add(): Uint8Array {
    const buffer = new Uint8Array(Buffer.allocUnsafeSlow(BUFFER).buffer);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** The buffer is lent to the receiver, which gives it back by recycle(). */
  #read(buffer: Uint8Array, length: number): boolean {
    const at = this.#buffers.findIndex((one) => one.buffer === buffer.buffer);
    if (at >= 0) this.#buffers.splice(at, 1);
    const bytes = new Uint8Array(buffer.buffer, 0, length);
    const receive = this.#receive;
    if (!receive) return false;
    const lent = this.#lent;
    const more = receive(bytes);
    if (this.#lent === lent) this.recycle(bytes);
    return more;
  }

  #lent = 0;

  /** To be called by a receiver that uses the bytes after it has returned. */
  lend(): void {
    this.#lent++;
  }
}
