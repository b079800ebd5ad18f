/**
 * Uploads of files over plain http: wharf-agent sends them from the page cache, which takes a fifth of the processor time that
 * reading and writing them here does. The head of the request is made here, and the answer understood here.
 */

import type { SendFileAnswer, SendFileRequest } from "../../common/agent/protocol.ts";
import { WharfError } from "../../common/errors.ts";
import { NetworkError } from "./errors.ts";
import type { HttpRequest, HttpResponse, StreamBody, Timeouts } from "./message.ts";
import { addressesOf, RemoteAnswer } from "./remote-answer.ts";
import { canceled } from "./retry.ts";
import { coded, requestHead } from "./wire/head.ts";

/** Files below this size are not worth the process; bytes. */
const LARGE = 256 << 10;

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
  const { body } = request;
  if (body === undefined || body instanceof Uint8Array || body.file === undefined) return false;
  return body.size >= LARGE;
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
  const answer = new RemoteAnswer(url, operation);
  const enough = new AbortController();
  const sent = sender.sendFile({
    ...{ addresses, port: Number(url.port || 80), head: requestHead(url, headers, method), path: body.file },
    ...{ size: body.size, timeouts, progress: body.sent },
    signal: signal ? AbortSignal.any([signal, enough.signal]) : enough.signal,
    data: (bytes) => {
      try {
        answer.keep(answer.take(bytes));
        if (answer.complete) enough.abort();
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
