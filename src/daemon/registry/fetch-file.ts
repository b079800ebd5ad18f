/**
 * Downloads over plain http into files: wharf-agent moves the body from the connection to the file, which saves reading and writing it
 * here. The request's head is made here, and its answer's understood; then it is said where the body goes.
 */

import type { FetchFileAnswer, FetchTarget, Remote } from "../../common/agent/protocol.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { NetworkError } from "./errors.ts";
import type { HttpRequest, HttpResponse, Timeouts } from "./message.ts";
import { addressesOf, RemoteAnswer } from "./remote-answer.ts";
import { canceled } from "./retry.ts";
import { coded, requestHead } from "./wire/head.ts";

export interface FileFetcher {
  /** Hands the answer's head to `data`, then waits for where the body goes: nowhere is to `data` as well. */
  fetchFile(
    request: Remote & {
      data: (bytes: Uint8Array) => Promise<void>;
      target: Promise<FetchTarget | undefined>;
      progress: (bytes: number) => void;
      signal?: AbortSignal | undefined;
    },
  ): Promise<FetchFileAnswer>;
}

/** Sends the request; resolves with the answer's head. Throws NetworkError, Canceled, or what the agent says. */
export async function fetchFile(fetcher: FileFetcher, request: HttpRequest, timeouts: Timeouts): Promise<HttpResponse> {
  const { url, method, signal } = request;
  const operation = `${method} ${url.pathname}`;
  const addresses = await addressesOf(url).catch((error: unknown) => {
    throw new NetworkError(error, url.host, operation);
  });
  const answer = new PouredAnswer(url, operation);
  const head = requestHead(url, { ...request.headers, connection: "close" }, method);
  await answer.begin(fetcher, { addresses, port: Number(url.port || 80), head, timeouts }, signal);
  return answer;
}

class PouredAnswer extends RemoteAnswer {
  readonly #target = Promise.withResolvers<FetchTarget | undefined>();
  readonly #enough = new AbortController();
  #write: ((chunk: Uint8Array) => Promise<void> | void) | undefined;
  #grown: ((bytes: number) => void) | undefined;
  #ended: Promise<FetchFileAnswer> | undefined;

  /** Resolves when the head is there. */
  async begin(fetcher: FileFetcher, remote: Remote, signal: AbortSignal | undefined): Promise<void> {
    const begun = Promise.withResolvers<void>();
    const data = async (bytes: Uint8Array): Promise<void> => {
      let pieces: Uint8Array[];
      try {
        pieces = this.take(bytes);
      } catch (error) {
        throw this.#broken(error);
      }
      if (this.#write) for (const piece of pieces) await this.#write(piece);
      else this.keep(pieces);
      if (this.complete) this.#enough.abort();
      if (this.started) begun.resolve();
    };
    const either = signal ? AbortSignal.any([signal, this.#enough.signal]) : this.#enough.signal;
    const progress = (bytes: number): void => this.#grown?.(bytes);
    const target = this.#target.promise;
    this.#ended = fetcher.fetchFile({ ...remote, data, target, progress, signal: either }).catch((error: unknown) => {
      // By us, when all was there.
      if (this.#enough.signal.aborted) return { written: 0 };
      throw signal?.aborted ? canceled(signal) : error;
    });
    this.#ended.then(
      ({ failure }) =>
        begun.reject(this.#broken(failure ? coded(failure.code, failure.message) : coded("ECONNRESET", "closed"))),
      (error: unknown) => begun.reject(error),
    );
    await begun.promise;
  }

  /** Puts the body into a file. Rejects as pump() does, and with what kept the file from being written. */
  async pour(target: FetchTarget, grown: (bytes: number) => void): Promise<void> {
    this.#grown = grown;
    this.#target.resolve(target);
    const { written } = await this.#end();
    grown(written);
    if (written < target.length) throw this.#broken(coded("ETRUNCATED", "the body ended too early"));
  }

  override async pump(write: (chunk: Uint8Array) => Promise<void> | void): Promise<void> {
    this.#write = write;
    this.#target.resolve(undefined);
    await this.#end();
    if (!this.complete) this.#checkEnd();
  }

  override async bytes(limit: number): Promise<Uint8Array> {
    this.#target.resolve(undefined);
    await this.#end();
    return await super.bytes(limit);
  }

  override discard(): void {
    this.#enough.abort();
  }

  async #end(): Promise<FetchFileAnswer> {
    let answer: FetchFileAnswer;
    try {
      answer = await this.#ended!;
    } catch (error) {
      // The agent is gone, which says nothing of the registry; it can be gone on from where it was.
      if (!isCode(error, "Unavailable", "Aborted") || error instanceof NetworkError) throw error;
      throw this.#broken(coded("ECONNRESET", (error as Error).message));
    }
    const { failure, written } = answer;
    if (failure) this.#grown?.(written);
    if (failure) throw this.#broken(coded(failure.code, failure.message));
    return answer;
  }

  #checkEnd(): void {
    try {
      this.end();
    } catch (error) {
      throw this.#broken(error);
    }
  }

  #broken(error: unknown): WharfError {
    return error instanceof WharfError ? error : new NetworkError(error, this.url.host, this.operation);
  }
}
