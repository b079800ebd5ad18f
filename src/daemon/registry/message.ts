/** A request to a registry and its answer, whoever carries them. */

import type { FetchTarget } from "../../common/agent/protocol.ts";
import { concat } from "../../common/bytes.ts";
import { WharfError } from "../../common/errors.ts";

/** Milliseconds. */
export interface Timeouts {
  /** Until a connection, TLS included, stands. */
  connect: number;
  /** From the end of the request to the head of the answer. */
  response: number;
  /** Without a byte in either direction. */
  stall: number;
}

/** A body that can be sent again from its start. */
export interface StreamBody {
  /** Bytes. */
  size: number;
  open(): AsyncIterable<Uint8Array>;
  /** A file with the same content, whose sending `sent` is told of instead: bytes so far. */
  file?: string | undefined;
  sent?: ((bytes: number) => void) | undefined;
}

export interface HttpRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  headers?: Record<string, string | string[]> | undefined;
  body?: Uint8Array | StreamBody | undefined;
  signal?: AbortSignal | undefined;
  /** The body is large: read it with as little copying as can be. For GET. */
  bulk?: boolean | undefined;
  /** The body is to be poured into a file where that can be. For GET. */
  pour?: boolean | undefined;
}

export type HeaderMap = Readonly<Record<string, string | undefined>>;

export interface HttpResponse {
  readonly url: URL;
  readonly status: number;
  /** Names in lower case; several of a name joined by ", ". */
  readonly headers: HeaderMap;
  /** Reads the whole body as text. Throws DataLoss when it is longer than `limit` bytes. */
  text(limit: number): Promise<string>;
  /** Reads the whole body. */
  bytes(limit: number): Promise<Uint8Array>;
  /**
   * Hands on the body piece by piece, each when the promise of the one before has resolved; a piece belongs to the
   * receiver until then. Rejects with a transient NetworkError when the body ends before its Content-Length.
   */
  pump(write: (chunk: Uint8Array) => Promise<void> | void, signal?: AbortSignal): Promise<void>;
  /**
   * Puts the body into a file past this process, telling how many bytes have come there; of some answers to requests that asked for it. As
   * pump(), and rejects with what kept the file from being written.
   */
  pour?(target: FetchTarget, grown: (bytes: number) => void): Promise<void>;
  /** Gives the body up, keeping the connection where that is cheap. */
  discard(): void;
}

/** What `bytes()` answers: the body as one piece. */
export async function gather(response: HttpResponse, limit: number, operation: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  await response.pump((chunk) => {
    size += chunk.byteLength;
    if (size > limit) {
      throw new WharfError("DataLoss", `the answer of ${response.url.host} is longer than ${limit} bytes`, {
        operation,
      });
    }
    parts.push(Uint8Array.from(chunk));
  });
  return concat(parts, size);
}

/** Sends requests: a transport, or who stands before one. */
export interface Requester {
  request(request: HttpRequest): Promise<HttpResponse>;
}
