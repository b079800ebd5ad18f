// HTTP/1.1 as a client needs it (RFC 9112): the request's text, the response's head, and the body's framing. No I/O.
import { WharfError } from "../errors.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";

export interface Head {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case; repeated fields are joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
}

/** The most a response's head may take, in bytes. */
export const MAX_HEAD = 64 * 1024;

function broken(why: string): WharfError {
  return new WharfError("Unavailable", `the server's answer is no HTTP: ${why}`, {
    hint: "is there another program at this address?",
  });
}

function lost(what: string): WharfError {
  return new WharfError("Unavailable", `the connection to the daemon was lost: ${what}`, {
    hint: "'wharf daemon status' tells whether it still runs",
  });
}

/** A request's head and body. Field values with line breaks are refused. */
export function formatRequest(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array,
): Uint8Array {
  if (/[\s\x00-\x1f\x7f]/.test(target)) {
    throw new WharfError("InvalidArgument", `a request's target cannot hold spaces: ${JSON.stringify(target)}`);
  }
  let text = `${method} ${target} HTTP/1.1\r\n`;
  for (const name in headers) {
    const value = headers[name]!;
    if (/[\r\n\0]/.test(value)) {
      throw new WharfError("InvalidArgument", `header ${name} cannot hold line breaks: ${JSON.stringify(value)}`);
    }
    text += `${name}: ${value}\r\n`;
  }
  if (body) text += `Content-Length: ${body.length}\r\n`;
  const head = encodeUtf8(`${text}\r\n`);
  if (!body || body.length === 0) return head;
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

/** Where the head ends (after its empty line) in bytes[0, length), or -1. */
export function headEnd(bytes: Uint8Array, length: number, from = 0): number {
  for (let i = Math.max(from - 3, 0); i + 3 < length; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i + 4;
  }
  return -1;
}

/** Parses a response's head; `bytes` ends with the empty line. */
export function parseHead(bytes: Uint8Array): Head {
  const lines = decodeUtf8(bytes).split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: (.*))?$/.exec(lines[0]!);
  if (!status) throw broken(JSON.stringify(lines[0]!.slice(0, 60)));
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length && lines[i] !== ""; i++) {
    const line = lines[i]!;
    const colon = line.indexOf(":");
    if (colon <= 0 || /\s/.test(line.slice(0, colon))) throw broken(`header ${JSON.stringify(line.slice(0, 60))}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(status[1]), reason: status[2] ?? "", headers };
}

/** True when the connection serves no further request after this response. */
export function closesAfter(head: Head): boolean {
  return (head.headers.get("connection") ?? "")
    .toLowerCase()
    .split(/\s*,\s*/)
    .includes("close");
}

/** Takes the framing off a body's bytes as they come. */
export interface BodyDecoder {
  /** True when the body is complete; no byte of what follows belongs to it. */
  readonly done: boolean;
  /**
   * Decodes bytes[from, to). Calls `emit` for each piece of content (a view: used or copied before the next read).
   * Returns the index of the first byte that was not taken: less than `to` only when the body is complete.
   */
  push(bytes: Uint8Array, from: number, to: number, emit: (piece: Uint8Array) => void): number;
  /** The connection has ended. Throws when the body is not complete. */
  end(): void;
}

class SizedBody implements BodyDecoder {
  #left: number;
  constructor(length: number) {
    this.#left = length;
  }
  get done(): boolean {
    return this.#left === 0;
  }
  push(bytes: Uint8Array, from: number, to: number, emit: (piece: Uint8Array) => void): number {
    const end = Math.min(to, from + this.#left);
    if (end > from) emit(bytes.subarray(from, end));
    this.#left -= end - from;
    return end;
  }
  end(): void {
    if (this.#left > 0) throw lost(`${this.#left} bytes of its answer are missing`);
  }
}

class EndlessBody implements BodyDecoder {
  #done = false;
  get done(): boolean {
    return this.#done;
  }
  push(bytes: Uint8Array, from: number, to: number, emit: (piece: Uint8Array) => void): number {
    if (to > from) emit(bytes.subarray(from, to));
    return to;
  }
  end(): void {
    this.#done = true;
  }
}

const MAX_LINE = 4096;

class ChunkedBody implements BodyDecoder {
  #state: "size" | "data" | "after" | "trailer" | "done" = "size";
  #left = 0;
  #line = "";

  get done(): boolean {
    return this.#state === "done";
  }

  #endOfLine(): void {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    if (this.#state === "trailer") {
      if (line === "") this.#state = "done";
    } else if (this.#state === "after") {
      if (line !== "") throw broken(`chunk ends with ${JSON.stringify(line.slice(0, 20))}`);
      this.#state = "size";
    } else {
      const size = /^([0-9a-f]{1,12})[\t ]*(;.*)?$/i.exec(line);
      if (!size) throw broken(`chunk size ${JSON.stringify(line.slice(0, 20))}`);
      this.#left = Number.parseInt(size[1]!, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    }
  }

  push(bytes: Uint8Array, from: number, to: number, emit: (piece: Uint8Array) => void): number {
    let at = from;
    while (at < to && this.#state !== "done") {
      if (this.#state === "data") {
        const end = Math.min(to, at + this.#left);
        emit(bytes.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = "after";
        continue;
      }
      const byte = bytes[at++]!;
      if (byte === 10) this.#endOfLine();
      else if (this.#line.length >= MAX_LINE) throw broken("a chunk line without an end");
      else this.#line += String.fromCharCode(byte);
    }
    return at;
  }

  end(): void {
    if (this.#state !== "done") throw lost("the end of its answer is missing");
  }
}

/** The decoder that a response's head asks for. */
export function bodyDecoder(method: string, head: Head): BodyDecoder {
  const { status, headers } = head;
  if (method === "HEAD" || status === 204 || status === 304 || (status >= 100 && status < 200)) return new SizedBody(0);
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") throw broken(`transfer coding ${JSON.stringify(coding)}`);
    return new ChunkedBody();
  }
  const length = headers.get("content-length");
  if (length === undefined) return new EndlessBody();
  if (!/^\d{1,15}$/.test(length)) throw broken(`content-length ${JSON.stringify(length)}`);
  return new SizedBody(Number(length));
}
