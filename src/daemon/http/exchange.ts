/** One request and its answer, as a handler sees them. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { WharfError } from "../../common/errors.ts";
import type { ActiveSpan } from "../trace/trace.ts";
import type { Hijack } from "./hijack.ts";
import type { Presence } from "./presence.ts";

/** The minor number of an API version: 51 for 1.51. */
export type ApiVersion = number;

/** Characters of a list that are made in one go: about a millisecond. */
const LIST_PIECE = 64 << 10;

export class Exchange<Q = unknown, B = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  readonly version: ApiVersion;
  readonly request: IncomingMessage;
  readonly span: ActiveSpan;
  readonly #presence: Presence;
  readonly #response: ServerResponse;
  /** Of the answer: name, value, name, value. At once with its status: Node takes longer for one after the other. */
  readonly #headers: string[];
  readonly #hijack: Hijack | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    given: {
      params: Record<string, string>;
      query: Q;
      body: B;
      version: ApiVersion;
      presence: Presence;
      span: ActiveSpan;
    },
    headers: readonly string[],
    hijack: Hijack | undefined,
  ) {
    this.request = request;
    this.#response = response;
    this.#hijack = hijack;
    this.params = given.params;
    this.query = given.query;
    this.body = given.body;
    this.version = given.version;
    this.#presence = given.presence;
    this.span = given.span;
    this.#headers = [...headers];
  }

  /** Aborted when the client goes away before the answer is complete. */
  get signal(): AbortSignal {
    return this.#presence.signal;
  }

  /** A path parameter that the operation's path names. */
  param(name: string): string {
    return this.params[name]!;
  }

  header(name: string, value: string): void {
    this.#headers.push(name, value);
  }

  #head(status: number, ...more: string[]): void {
    this.#response.writeHead(status, this.#headers.concat(more));
  }

  /** Answers with JSON; a newline ends it, as Go's encoder does. */
  json(status: number, value: unknown): void {
    this.#whole(status, "application/json", `${JSON.stringify(value)}\n`);
  }

  /** Answers with a JSON list in pieces, so that a long one does not hold up everybody else. */
  async list(status: number, items: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
    const out = this.stream(status, "application/json");
    await out.write(`${await writeList(out, "", items)}\n`);
    out.end();
  }

  /** Answers with a JSON object, whose lists are written in pieces for the same reason. */
  async object(status: number, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const out = this.stream(status, "application/json");
    let piece = "{";
    let between = "";
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      const head = `${piece}${between}${JSON.stringify(name)}:`;
      piece = Array.isArray(value) ? await writeList(out, head, value) : head + JSON.stringify(value);
      between = ",";
    }
    await out.write(`${piece}}\n`);
    out.end();
  }

  text(status: number, value: string): void {
    this.#whole(status, "text/plain; charset=utf-8", value);
  }

  /** Node makes one piece of the header and a text, and two writes of the header and bytes. */
  #whole(status: number, type: string, body: string): void {
    this.#head(status, "Content-Type", type, "Content-Length", String(Buffer.byteLength(body)));
    this.#response.end(body);
  }

  empty(status: number): void {
    if (status === 204 || status === 304) this.#head(status);
    else this.#head(status, "Content-Length", "0");
    this.#response.end();
  }

  /** Sends the header now; the body follows in pieces. */
  stream(status: number, contentType: string): BodyWriter {
    this.#head(status, "Content-Type", contentType);
    this.#response.flushHeaders();
    return new BodyWriter(this.#response, this.signal);
  }

  /** The connection to take over. Only operations declared with `hijack` have one. */
  hijack(): Hijack {
    if (!this.#hijack) throw new WharfError("Internal", "this operation does not take over its connection");
    return this.#hijack;
  }
}

/** Writes `head` and a list behind it; answers what is left to be written. */
async function writeList(
  out: BodyWriter,
  head: string,
  items: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<string> {
  let piece = `${head}[`;
  let first = true;
  for await (const item of items) {
    piece += `${first ? "" : ","}${JSON.stringify(item)}`;
    first = false;
    if (piece.length < LIST_PIECE) continue;
    await out.write(piece);
    piece = "";
    await new Promise((resolve) => setImmediate(resolve));
  }
  return `${piece}]`;
}

/** Writes a body with back-pressure. */
export class BodyWriter {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;

  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
  }

  /** Resolves when more may be written. Canceled when the client is gone. */
  async write(data: Uint8Array | string): Promise<void> {
    if (this.#signal.aborted) throw new WharfError("Canceled", "the client closed the connection");
    if (this.#response.write(data)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off("drain", done);
        this.#signal.removeEventListener("abort", done);
        resolve();
      };
      this.#response.on("drain", done);
      this.#signal.addEventListener("abort", done);
    });
    if (this.#signal.aborted) throw new WharfError("Canceled", "the client closed the connection");
  }

  /** Resolves when `data` has been sent: its bytes may be used again. Canceled when the client is gone. */
  async send(data: Uint8Array): Promise<void> {
    if (this.#signal.aborted) throw new WharfError("Canceled", "the client closed the connection");
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => resolve();
    this.#signal.addEventListener("abort", done);
    this.#response.write(data, done);
    await promise;
    this.#signal.removeEventListener("abort", done);
    if (this.#signal.aborted) throw new WharfError("Canceled", "the client closed the connection");
  }

  /** One JSON document a line, as Docker's streams have them. */
  async line(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\r\n`);
  }

  end(): void {
    this.#response.end();
  }

  /** Breaks the connection off, so that the client does not take a cut answer for a whole one. */
  destroy(): void {
    this.#response.destroy();
  }
}
