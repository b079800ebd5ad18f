/**
 * Uploads of files over plain http: wharf-agent sends them from the page cache, which takes a fifth of the processor time that
 * reading and writing them here does. The head of the request is made here, and the answer understood here.
 */

import type { SendFileAnswer, SendFileRequest } from "../../common/agent/protocol.ts";
import { WharfError } from "../../common/errors.ts";
import { hostName } from "./config.ts";
import { NetworkError } from "./errors.ts";
import type { HeaderMap, HttpRequest, HttpResponse, StreamBody, Timeouts } from "./message.ts";
import { canceled } from "./retry.ts";
import { coded, type Head, parseHead, requestHead } from "./wire/head.ts";

/** Files below this size are not worth the process; bytes. */
const LARGE = 256 << 10;
/** The answer to an upload is short; bytes. */
const MAX_ANSWER = 128 << 10;

export interface FileSender {
  /** Resolves when the connection has ended; what comes back goes to `data`, and what that throws ends it. */
  sendFile(
    request: SendFileRequest & {
      data: (bytes: Uint8Array) => void;
      progress?: ((bytes: number) => void) | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<SendFileAnswer>;
}

/** A request whose body the agent can send. */
export type FileRequest = HttpRequest & { body: StreamBody & { file: string } };

export function isFileRequest(request: HttpRequest): request is FileRequest {
  const { body, url } = request;
  if (body === undefined || body instanceof Uint8Array || body.file === undefined) return false;
  return url.protocol === "http:" && body.size >= LARGE;
}

/** Sends the request and reads the whole answer. Throws NetworkError, Canceled, or what the agent says. */
export async function sendFile(sender: FileSender, request: FileRequest, timeouts: Timeouts): Promise<HttpResponse> {
  const { url, method, body, signal } = request;
  const operation = `${method} ${url.pathname}`;
  const broken = (error: unknown): NetworkError => new NetworkError(error, url.host, operation);
  const headers = { ...request.headers, "content-length": String(body.size) };
  const addresses = await addressesOf(url).catch((error: unknown) => {
    throw broken(error);
  });
  const answer = new Answer(url, operation);
  const enough = new AbortController();
  const sent = sender.sendFile({
    ...{ addresses, port: Number(url.port || 80), head: requestHead(url, headers, method), path: body.file },
    ...{ size: body.size, timeouts, progress: body.sent },
    signal: signal ? AbortSignal.any([signal, enough.signal]) : enough.signal,
    data: (bytes) => {
      try {
        if (answer.take(bytes)) enough.abort();
      } catch (error) {
        throw error instanceof WharfError ? error : broken(error);
      }
    },
  });
  try {
    const { failure } = await sent;
    if (failure && !answer.started) throw broken(coded(failure.code, failure.message));
    answer.end();
  } catch (error) {
    if (enough.signal.aborted) return answer;
    if (signal?.aborted) throw canceled(signal);
    throw error instanceof WharfError ? error : broken(error);
  }
  return answer;
}

async function addressesOf(url: URL): Promise<string[]> {
  const { lookup } = process.getBuiltinModule("node:dns").promises;
  return (await lookup(hostName(url.host), { all: true })).map(({ address }) => address);
}

/** An answer that is all there when it is handed on. */
class Answer implements HttpResponse {
  readonly url: URL;
  readonly #operation: string;
  #raw = Buffer.alloc(0);
  #head: Head | undefined;
  readonly #parts: Uint8Array[] = [];
  #size = 0;

  constructor(url: URL, operation: string) {
    this.url = url;
    this.#operation = operation;
  }

  get started(): boolean {
    return this.#head !== undefined;
  }

  /** True when that was all of it. Throws an Error with a code for what is no HTTP. */
  take(bytes: Uint8Array): boolean {
    let rest = bytes;
    if (!this.#head) {
      this.#raw = Buffer.concat([this.#raw, bytes]);
      this.#head = parseHead(this.#raw);
      if (!this.#head) {
        if (this.#raw.length > MAX_ANSWER) throw coded("HPE_HEADER_OVERFLOW", "the answer's head is too long");
        return false;
      }
      rest = this.#head.rest;
    }
    for (const piece of this.#head.body.decode(rest)) {
      this.#size += piece.byteLength;
      // an error's text: more of it tells nobody anything
      if (this.#size > MAX_ANSWER) return true;
      this.#parts.push(Uint8Array.from(piece));
    }
    return this.#head.body.done;
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
        operation: this.#operation,
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
