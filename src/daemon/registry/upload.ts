/** Pushes blobs and manifests (distribution-spec, "Push"): existing ones are left alone, others mounted or uploaded. */

import { WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import type { Reference } from "../../common/reference.ts";
import type { Scope } from "./auth.ts";
import { isTransient, StatusError } from "./errors.ts";
import type { RegistryHost, RegistryRequest, RetryNotice } from "./host.ts";
import type { HttpResponse } from "./message.ts";
import { backoff, pause } from "./retry.ts";

/** A blob that can be read from anywhere, again if need be. */
export interface UploadSource {
  read(offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** The file it lies in as a whole, where it does. */
  file?: string | undefined;
}

export interface UploadOptions {
  signal?: AbortSignal | undefined;
  onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Bytes sent so far, or 0 again when it starts over. */
  onProgress?: ((sent: number) => void) | undefined;
  /** Repositories of the same registry where the blob may be, for mounting. */
  mountFrom?: readonly string[] | undefined;
  /** Uploads in pieces of this many bytes instead of at once: for registries behind proxies that limit bodies. */
  chunkSize?: number | undefined;
}

/** What became of a blob. */
export type UploadOutcome = "exists" | "mounted" | "uploaded";

export class Uploader {
  readonly #host: RegistryHost;
  readonly #reference: Reference;
  readonly #options: UploadOptions;

  constructor(host: RegistryHost, reference: Reference, options: UploadOptions) {
    this.#host = host;
    this.#reference = reference;
    this.#options = options;
  }

  /** True when the repository has the blob. */
  async has(descriptor: Pick<Descriptor, "digest" | "size">, options: UploadOptions = this.#options): Promise<boolean> {
    const response = await this.#host.expect(
      this.#request("HEAD", `/blobs/${descriptor.digest}`, "check blob", descriptor.digest, options),
      200,
      404,
    );
    response.discard();
    if (response.status === 404) return false;
    const length = response.headers["content-length"];
    return length === undefined || Number(length) === descriptor.size;
  }

  /** Brings a blob into the repository. */
  async blob(
    descriptor: Descriptor,
    source: UploadSource,
    options: UploadOptions = this.#options,
  ): Promise<UploadOutcome> {
    if (await this.has(descriptor, options)) return "exists";
    let location = await this.#mount(descriptor, options);
    if (location === "mounted") return "mounted";
    for (let failures = 0; ; ) {
      try {
        location ??= await this.#begin(descriptor, options);
        if (options.chunkSize === undefined) await this.#whole(location, descriptor, source, options);
        else await this.#chunked(location, descriptor, source, options.chunkSize, options);
        return "uploaded";
      } catch (error) {
        const lost = error instanceof SessionLost;
        if (!lost && !isTransient(error)) throw error;
        const { retry } = this.#host;
        if (++failures >= retry.attempts) throw lost ? error.cause : error;
        const cause = lost ? error.cause : error;
        const delay = Math.max(backoff(retry, failures), cause instanceof StatusError ? (cause.delay ?? 0) : 0);
        if (delay > retry.patience) throw cause;
        options.onRetry?.({ delay, error: cause });
        options.onProgress?.(0);
        await pause(delay, options.signal);
        // The registry may have got all of it before the connection broke.
        if (await this.has(descriptor, options)) return "uploaded";
        location = undefined;
      }
    }
  }

  /** Puts a manifest or index under the tag, or its digest alone. Answers the digest the registry gives it. */
  async manifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    tag: string | undefined,
    options: UploadOptions = this.#options,
  ): Promise<void> {
    const request = this.#request(
      "PUT",
      `/manifests/${tag ?? descriptor.digest}`,
      "push manifest",
      tag ?? descriptor.digest,
      options,
    );
    const response = await this.#host.expect(
      { ...request, headers: { "content-type": descriptor.mediaType }, body: bytes },
      201,
      200,
      202,
    );
    response.discard();
    const digest = response.headers["docker-content-digest"];
    if (digest !== undefined && digest !== descriptor.digest && digest.startsWith("sha256:")) {
      throw new WharfError(
        "DataLoss",
        `digest mismatch: expected ${descriptor.digest}, ${this.#host.name} stored ${digest}`,
        {
          operation: "push manifest",
          subject: request.subject,
        },
      );
    }
  }

  async #mount(descriptor: Descriptor, options: UploadOptions): Promise<URL | "mounted" | undefined> {
    for (const from of options.mountFrom ?? []) {
      if (from === this.#reference.path) continue;
      const query = new URLSearchParams({ mount: descriptor.digest, from });
      const request = this.#request("POST", `/blobs/uploads/?${query}`, "mount blob", descriptor.digest, options, [
        `repository:${from}:pull`,
      ]);
      let response: HttpResponse;
      try {
        response = await this.#host.send(request);
      } catch (error) {
        // No right to read the other repository shows as a token refused: it was only a short cut.
        if (error instanceof WharfError && (error.code === "Unauthenticated" || error.code === "PermissionDenied"))
          continue;
        throw error;
      }
      response.discard();
      if (response.status === 201) return "mounted";
      // The registry did not mount it and has begun an upload instead.
      if (response.status === 202) return this.#location(response, request.subject);
    }
    return undefined;
  }

  async #begin(descriptor: Descriptor, options: UploadOptions): Promise<URL> {
    const request = this.#request("POST", "/blobs/uploads/", "begin upload", descriptor.digest, options);
    const response = await this.#host.expect(request, 202);
    response.discard();
    return this.#location(response, request.subject);
  }

  async #whole(location: URL, descriptor: Descriptor, source: UploadSource, options: UploadOptions): Promise<void> {
    const target = new URL(location);
    target.searchParams.set("digest", descriptor.digest);
    const request = this.#request("PUT", target, "upload blob", descriptor.digest, options);
    const open = () => counted(source.read(0, options.signal), 0, options.onProgress);
    const body = { size: descriptor.size, open, file: source.file, sent: options.onProgress };
    const headers = { "content-type": "application/octet-stream" };
    // Sent once: what to do about a failure depends on the session, which the caller renews.
    const response = await this.#host.send({ ...request, headers, body, attempts: 1 }).catch((error: unknown) => {
      throw isTransient(error) ? new SessionLost(error) : error;
    });
    await this.#finish(response, request);
  }

  async #chunked(
    start: URL,
    descriptor: Descriptor,
    source: UploadSource,
    chunkSize: number,
    options: UploadOptions,
  ): Promise<void> {
    let location = start;
    let offset = 0;
    const iterator = pieces(source.read(0, options.signal), chunkSize);
    for await (const piece of iterator) {
      const request = this.#request("PATCH", location, "upload blob", descriptor.digest, options);
      const headers = {
        "content-type": "application/octet-stream",
        "content-range": `${offset}-${offset + piece.byteLength - 1}`,
      };
      const response = await this.#host
        .send({ ...request, headers, body: piece, attempts: 1 })
        .catch((error: unknown) => {
          throw isTransient(error) ? new SessionLost(error) : error;
        });
      if (response.status === 404 || response.status === 416)
        throw new SessionLost(await this.#host.fail(request, response));
      if (response.status !== 202) throw await this.#host.fail(request, response);
      response.discard();
      offset += piece.byteLength;
      const range = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.range ?? "");
      if (range && Number(range[1]) + 1 !== offset) {
        throw new SessionLost(
          new WharfError("DataLoss", `${this.#host.name} has ${Number(range[1]) + 1} of ${offset} bytes sent`, {
            operation: "upload blob",
            subject: request.subject,
          }),
        );
      }
      options.onProgress?.(offset);
      location = this.#location(response, request.subject);
    }
    const target = new URL(location);
    target.searchParams.set("digest", descriptor.digest);
    const request = this.#request("PUT", target, "upload blob", descriptor.digest, options);
    await this.#finish(await this.#host.send(request), request);
  }

  async #finish(response: HttpResponse, request: RegistryRequest): Promise<void> {
    if (response.status === 201 || response.status === 204) return response.discard();
    const error = await this.#host.fail(request, response);
    throw response.status === 404 || response.status === 416 ? new SessionLost(error) : error;
  }

  #location(response: HttpResponse, subject: string): URL {
    try {
      return new URL(response.headers.location ?? "", response.url);
    } catch (cause) {
      throw new WharfError("Unavailable", `${this.#host.name} did not say where to upload`, {
        operation: "upload blob",
        subject,
        cause,
      });
    }
  }

  #request(
    method: RegistryRequest["method"],
    path: string | URL,
    operation: string,
    what: string,
    options: UploadOptions,
    more: readonly Scope[] = [],
  ): RegistryRequest {
    const { path: repository, domain } = this.#reference;
    return {
      method,
      path: path instanceof URL ? path : `/${repository}${path}`,
      scopes: [`repository:${repository}:pull,push`, ...more],
      operation,
      subject: what.includes(":") ? `${domain}/${repository}@${what}` : `${domain}/${repository}:${what}`,
      signal: options.signal,
      onRetry: options.onRetry,
    };
  }
}

/** The upload session is of no use any more; `cause` says why. */
class SessionLost extends Error {
  override readonly cause: WharfError;
  constructor(cause: WharfError) {
    super("upload session lost");
    this.cause = cause;
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  from: number,
  onProgress: ((sent: number) => void) | undefined,
): AsyncIterable<Uint8Array> {
  let sent = from;
  for await (const chunk of source) {
    yield chunk;
    sent += chunk.byteLength;
    onProgress?.(sent);
  }
}

/** The same bytes in pieces of exactly `size`, the last one smaller. */
async function* pieces(source: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (let chunk of source) {
    while (length + chunk.byteLength >= size) {
      const take = size - length;
      yield Buffer.concat([...held, chunk.subarray(0, take)]);
      chunk = chunk.subarray(take);
      held = [];
      length = 0;
    }
    if (chunk.byteLength > 0) {
      held.push(Uint8Array.from(chunk));
      length += chunk.byteLength;
    }
  }
  if (length > 0) yield Buffer.concat(held);
}
