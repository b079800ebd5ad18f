/** What a server answers over a connection that wharf-agent holds. */

import { WharfError } from "../../common/errors.ts";
import { hostName } from "./config.ts";
import type { HeaderMap, HttpResponse } from "./message.ts";
import { coded, type Head, parseHead } from "./wire/head.ts";

/** As much of an answer as is kept; bytes. */
const MAX_ANSWER = 128 << 10;

/** Where a host is, numerically. */
export async function addressesOf(url: URL): Promise<string[]> {
  const { lookup } = process.getBuiltinModule("node:dns").promises;
  return (await lookup(hostName(url.host), { all: true })).map(({ address }) => address);
}

/** An answer: its head, and its body when that has come. */
export class RemoteAnswer implements HttpResponse {
  readonly url: URL;
  protected readonly operation: string;
  #raw = Buffer.alloc(0);
  #head: Head | undefined;
  readonly #parts: Uint8Array[] = [];
  #size = 0;

  constructor(url: URL, operation: string) {
    this.url = url;
    this.operation = operation;
  }

  get started(): boolean {
    return this.#head !== undefined;
  }

  /** The pieces of the body in what came. Throws an Error with a code for what is no HTTP. */
  take(bytes: Uint8Array): Uint8Array[] {
    if (this.#head) return this.#head.body.decode(bytes);
    this.#raw = Buffer.concat([this.#raw, bytes]);
    this.#head = parseHead(this.#raw);
    if (this.#head) return this.#head.body.decode(this.#head.rest);
    if (this.#raw.length > MAX_ANSWER) throw coded("HPE_HEADER_OVERFLOW", "the answer's head is too long");
    return [];
  }

  /** Keeps pieces of the body, as far as somebody may want to read them: it is an error's text. */
  keep(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#size += piece.byteLength;
      if (this.#size <= MAX_ANSWER) this.#parts.push(Uint8Array.from(piece));
    }
  }

  /** Nothing more is wanted of it. */
  get complete(): boolean {
    return this.#head !== undefined && (this.#head.body.done || this.#size > MAX_ANSWER);
  }

  /** The connection has ended. Throws an Error with a code when the answer should have gone on. */
  end(): void {
    if (!this.#head) throw coded("ECONNRESET", "closed without an answer");
    if (this.#head.body.ends && !this.#head.body.done) throw coded("ETRUNCATED", "the body ended too early");
  }

  get status(): number {
    return this.#head!.status;
  }

  get headers(): HeaderMap {
    return this.#head!.headers;
  }

  async bytes(limit: number): Promise<Uint8Array> {
    if (this.#size > limit) {
      throw new WharfError("DataLoss", `the answer of ${this.url.host} is longer than ${limit} bytes`, {
        operation: this.operation,
      });
    }
    return Buffer.concat(this.#parts);
  }

  async text(limit: number): Promise<string> {
    return Buffer.from(await this.bytes(limit)).toString("utf8");
  }

  async pump(write: (chunk: Uint8Array) => Promise<void> | void): Promise<void> {
    for (const part of this.#parts) await write(part);
  }

  discard(): void {}
}
