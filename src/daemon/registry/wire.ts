/**
 * GET for large bodies, straight on the socket: HTTP/1.1 read into a few large buffers that are used again and again.
 * node:http copies every body into new buffers of 64 KiB, which takes three times the CPU (94 MB over the loopback:
 * 150 ms against 35 to 55). Whatever is unusual (chunked bodies, proxies) is left to node:http.
 */

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WharfError } from "../../common/errors.ts";
import { hostName, type TlsSettings } from "./config.ts";
import { NetworkError } from "./errors.ts";
import type { HeaderMap, HttpResponse, Timeouts } from "./http.ts";
import { canceled } from "./retry.ts";
import { Watchdog } from "./watchdog.ts";

/** Bytes of one buffer; each connection has two. */
const BUFFER = 512 << 10;
/** A response's head may be so long; bytes. */
const MAX_HEAD = 64 << 10;
/** How long a connection is kept for the next request; milliseconds. Servers close theirs after five seconds or more. */
const KEEP = 4_000;

/** Asked for something this simple client leaves to node:http. */
export class TooComplicated extends Error {}

export interface WireOptions {
  tls: TlsSettings;
  timeouts: Timeouts;
  headers: Readonly<Record<string, string | string[]>>;
  signal: AbortSignal | undefined;
}

/** Connections of one transport, kept by origin. */
export class WirePool implements Disposable {
  readonly #idle = new Map<string, Wire[]>();

  /** Sends a GET. Throws NetworkError, Canceled, or TooComplicated before a byte of the body was handed on. */
  async get(url: URL, options: WireOptions): Promise<HttpResponse> {
    for (;;) {
      const kept = this.#idle.get(url.origin)?.pop();
      const wire = kept ?? (await Wire.open(url, options));
      wire.busy();
      try {
        return await wire.get(url, options, () => this.#keep(url.origin, wire));
      } catch (error) {
        wire.destroy();
        // A kept connection may have been closed by the server meanwhile: that says nothing.
        if (kept && error instanceof NetworkError && error.reason === "ECONNRESET" && !options.signal?.aborted)
          continue;
        throw error;
      }
    }
  }

  #keep(origin: string, wire: Wire): void {
    const list = this.#idle.get(origin) ?? [];
    this.#idle.set(origin, list);
    list.push(wire);
    wire.rest(KEEP, () => {
      const at = list.indexOf(wire);
      if (at >= 0) list.splice(at, 1);
    });
  }

  [Symbol.dispose](): void {
    for (const list of this.#idle.values()) for (const wire of [...list]) wire.destroy();
    this.#idle.clear();
  }
}

/** What the connection does with bytes as they come; false makes it stop reading. */
type Receiver = (bytes: Uint8Array) => boolean;

class Wire {
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
          done(error instanceof TooComplicated ? error : new NetworkError(error, url.host, operation));
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
    if (bytes.buffer.byteLength === BUFFER && this.#buffers.length < 2)
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
    const buffer = new Uint8Array(BUFFER);
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

interface Head {
  status: number;
  headers: HeaderMap;
  /** Bytes of the body that came with the head. */
  rest: Uint8Array;
  /** Bytes of the body; infinite when it ends with the connection. */
  length: number;
  keep: boolean;
}

class WireResponse implements HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: HeaderMap;
  readonly #wire: Wire;
  readonly #operation: string;
  readonly #head: Head;
  readonly #stall: number;
  readonly #free: () => void;
  #used = false;

  constructor(wire: Wire, url: URL, operation: string, head: Head, stall: number, free: () => void) {
    this.#wire = wire;
    this.url = url;
    this.status = head.status;
    this.headers = head.headers;
    this.#operation = operation;
    this.#head = head;
    this.#stall = stall;
    this.#free = free;
    wire.receive(undefined, undefined);
  }

  async bytes(limit: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    await this.pump((chunk) => {
      size += chunk.byteLength;
      if (size > limit)
        throw new WharfError("DataLoss", `the answer of ${this.url.host} is longer than ${limit} bytes`, {
          operation: this.#operation,
        });
      parts.push(Uint8Array.from(chunk));
    });
    return Buffer.concat(parts, size);
  }

  async text(limit: number): Promise<string> {
    return Buffer.from(await this.bytes(limit)).toString("utf8");
  }

  pump(write: (chunk: Uint8Array) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    if (this.#used)
      return Promise.reject(new WharfError("Internal", "the body was read before", { operation: this.#operation }));
    this.#used = true;
    const wire = this.#wire;
    let left = this.#head.length;
    return new Promise((resolve, reject) => {
      let pending = 0;
      let paused = false;
      let settled = false;
      const done = (error?: Error): void => {
        if (settled) return;
        settled = true;
        watch.stop();
        signal?.removeEventListener("abort", abort);
        wire.receive(undefined, undefined);
        if (error || !this.#head.keep || left !== 0) wire.destroy();
        else this.#free();
        if (error) failure = error;
        finish();
      };
      let failure: Error | undefined;
      // The receiver may still be busy with the last piece: it must have finished when we report.
      const finish = (): void => {
        if (!settled || pending > 0) return;
        if (failure) reject(failure);
        else resolve();
      };
      const abort = (): void => done(canceled(signal));
      const watch = new Watchdog(this.#stall, () =>
        done(this.#broken(coded("ESTALL", `no data for ${this.#stall / 1000} s`))),
      );
      const receive = (bytes: Uint8Array): boolean => {
        watch.alive();
        const piece = bytes.byteLength > left ? bytes.subarray(0, left) : bytes;
        left -= piece.byteLength;
        // More than was announced: the rest is no answer to anything we asked.
        if (piece !== bytes) wire.destroy();
        let written: Promise<void> | undefined;
        try {
          written = piece.byteLength > 0 ? (write(piece) ?? undefined) : undefined;
        } catch (error) {
          done(WharfError.from(error));
          return false;
        }
        if (written) {
          pending++;
          watch.pause();
          wire.lend();
          written.then(
            () => {
              pending--;
              wire.recycle(bytes);
              if (pending === 0) watch.resume();
              if (settled) return finish();
              if (paused && pending < 2) {
                paused = false;
                wire.resume();
              }
            },
            (error: unknown) => {
              pending--;
              done(WharfError.from(error));
              finish();
            },
          );
        }
        if (left === 0) {
          done();
          // The connection goes on reading, to notice when the server closes it.
          return true;
        }
        paused = pending >= 2;
        return !paused;
      };
      const closed = (): void => {
        if (left === Number.POSITIVE_INFINITY && !wire.error) done();
        else done(this.#broken(wire.error ?? coded("ETRUNCATED", "the body ended too early")));
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      wire.receive(receive, closed);
      if (settled) return;
      const { rest } = this.#head;
      if (left === 0) done();
      // The rest lies in memory of its own: nothing is lent or given back.
      else if (rest.byteLength === 0 || receive(rest)) wire.resume();
    });
  }

  discard(): void {
    if (this.#used) return;
    if (this.#head.length === this.#head.rest.byteLength && this.#head.keep) {
      this.#used = true;
      this.#free();
    } else this.#wire.destroy();
  }

  #broken(error: Error): NetworkError {
    return new NetworkError(error, this.url.host, this.#operation);
  }
}

function coded(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}

function requestHead(url: URL, headers: WireOptions["headers"]): string {
  let text = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) {
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value) || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
        throw new WharfError("InvalidArgument", `the header ${JSON.stringify(name)} cannot be sent`, {
          operation: "send request",
        });
      }
      text += `${name}: ${value}\r\n`;
    }
  }
  return `${text}\r\n`;
}

/** Parses a response's head; undefined while it is incomplete. Throws TooComplicated, or an Error with a code. */
export function parseHead(bytes: Uint8Array): Head | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) {
    if (buffer.length >= 5 && buffer.toString("latin1", 0, 5) !== "HTTP/")
      throw coded("HPE_INVALID_CONSTANT", "it does not speak HTTP");
    return undefined;
  }
  const lines = buffer.toString("latin1", 0, end).split("\r\n");
  const status = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0]!);
  if (!status) throw coded("HPE_INVALID_CONSTANT", "it does not speak HTTP/1.1");
  // Interim answers come before the real one.
  if (status[2]!.startsWith("1")) return parseHead(bytes.subarray(end + 4));
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines.slice(1)) {
    const header = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!header) throw coded("HPE_INVALID_HEADER_TOKEN", "a header of the answer is malformed");
    const name = header[1]!.toLowerCase();
    headers[name] = headers[name] === undefined ? header[2]! : `${headers[name]}, ${header[2]}`;
  }
  if (headers["transfer-encoding"] !== undefined) throw new TooComplicated();
  const given = headers["content-length"];
  if (given !== undefined && !/^\d+$/.test(given))
    throw coded("HPE_INVALID_CONTENT_LENGTH", "the answer's Content-Length is malformed");
  const none = status[2] === "204" || status[2] === "304";
  const length = none ? 0 : given === undefined ? Number.POSITIVE_INFINITY : Number(given);
  const connection = (headers.connection ?? "").toLowerCase();
  const keep =
    length !== Number.POSITIVE_INFINITY &&
    (status[1] === "1" ? !connection.includes("close") : connection.includes("keep-alive"));
  return { status: Number(status[2]), headers, rest: Uint8Array.from(bytes.subarray(end + 4)), length, keep };
}
