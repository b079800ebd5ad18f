/** Fetches one blob from one host into a sink: by ranges where that helps, again and again where the connection breaks. */

import { WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import { isTransient, NetworkError } from "./errors.ts";
import type { RegistryHost, RegistryRequest, RetryNotice } from "./host.ts";
import type { HeaderMap, HttpResponse } from "./message.ts";
import { throwIfCanceled } from "./retry.ts";

/** Where a blob's bytes go. */
export interface ByteSink {
  /** Bytes it has. */
  readonly offset: number;
  /** Appends; `chunk` may be reused when the promise has resolved. */
  write(chunk: Uint8Array): Promise<void> | void;
  /** Appends what `pour` puts into the sink's file: it is told where, and tells how many bytes have come. */
  fill?(pour: (file: { path: string; offset: number }, grown: (bytes: number) => void) => Promise<void>): Promise<void>;
}

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Hosts to ask only when all others fail, by name. */
  avoid?: ReadonlySet<string> | undefined;
  /** Told after each piece how many bytes the sink has. */
  onProgress?: ((offset: number) => void) | undefined;
}

/** An attempt that brings at least this much starts the count of failures anew; bytes. */
const PROGRESS = 64 << 10;
/** Blobs below this size are not worth a process of the agent's; bytes. */
const LARGE = 256 << 10;

/**
 * Downloads until the sink has `descriptor.size` bytes. What the sink has already is not fetched again, unless the server
 * knows no ranges: then those bytes are read and dropped. DataLoss when the server says another size than the descriptor,
 * and when it keeps ending early.
 */
export async function download(
  host: RegistryHost,
  request: RegistryRequest,
  descriptor: Descriptor,
  sink: ByteSink,
  options: DownloadOptions = {},
): Promise<void> {
  const { size } = descriptor;
  const most = request.attempts ?? host.retry.attempts;
  // An empty blob is asked for all the same, so that one that is not there is noticed.
  for (let failures = 0; ; ) {
    throwIfCanceled(options.signal);
    const from = sink.offset;
    try {
      return await attempt(host, request, size, sink, options);
    } catch (error) {
      failures = sink.offset - from >= PROGRESS ? 1 : failures + 1;
      await host.wait(error, failures, most, { ...options }).catch((last: unknown) => {
        throw isTransient(last) && sink.offset > 0 ? incomplete(last, host.name, request, sink.offset, size) : last;
      });
    }
  }
}

function incomplete(
  error: WharfError,
  host: string,
  request: RegistryRequest,
  offset: number,
  size: number,
): WharfError {
  const early = error instanceof NetworkError && error.reason === "ETRUNCATED";
  return new WharfError(early ? "DataLoss" : error.code, `${host} sent ${offset} of ${size} bytes`, {
    operation: request.operation,
    subject: request.subject,
    hint: error.hint ?? "pull again: what has arrived is kept",
    cause: error,
  });
}

async function attempt(
  host: RegistryHost,
  request: RegistryRequest,
  size: number,
  sink: ByteSink,
  options: DownloadOptions,
): Promise<void> {
  const from = sink.offset;
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (from > 0) headers.range = `bytes=${from}-`;
  const pour = sink.fill !== undefined && size - from >= LARGE;
  const asked = { ...request, headers, attempts: 1, bulk: true, pour };
  const response = await host.expect(asked, 200, ...(from > 0 ? [206] : []));
  const skip = checkHead(response, from, size, request);
  if (response.pour && sink.fill && isPlain(response.headers)) {
    try {
      return await sink.fill((file, grown) => {
        const told = (bytes: number): void => {
          grown(bytes);
          options.onProgress?.(sink.offset);
        };
        return response.pour!({ ...file, skip, length: size - from }, told);
      });
    } catch (error) {
      // The sink may have failed before it asked for anything.
      response.discard();
      throw error;
    }
  }
  let position = from - skip;
  try {
    await response.pump((chunk) => {
      position += chunk.byteLength;
      if (position > size) throw wrongSize(request, size, `more than that came`);
      let part = chunk;
      if (position <= from) return;
      if (position - chunk.byteLength < from) part = chunk.subarray(chunk.byteLength - (position - from));
      const written = sink.write(part);
      if (!written) return options.onProgress?.(sink.offset);
      return written.then(() => options.onProgress?.(sink.offset));
    }, options.signal);
  } catch (error) {
    response.discard();
    throw error;
  }
  // Without Content-Length an early end looks like any other.
  if (position < size)
    throw new NetworkError(
      Object.assign(new Error("the body ended too early"), { code: "ETRUNCATED" }),
      host.name,
      request.operation,
    );
}

/** The body's end is known, and nothing in it but the content. */
function isPlain(headers: HeaderMap): boolean {
  return headers["content-length"] !== undefined && headers["transfer-encoding"] === undefined;
}

/** Checks what the head promises. Answers how many bytes that the sink has will come once more. */
function checkHead(response: HttpResponse, from: number, size: number, request: RegistryRequest): number {
  const encoding = response.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    response.discard();
    throw new WharfError(
      "FailedPrecondition",
      `${response.url.host} sends the blob in the encoding ${JSON.stringify(encoding)}, which was not asked for`,
      {
        operation: request.operation,
        subject: request.subject,
      },
    );
  }
  const length = response.headers["content-length"];
  const partial = response.status === 206;
  if (partial) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers["content-range"] ?? "");
    if (!range || Number(range[1]) !== from || (range[3] !== "*" && Number(range[3]) !== size)) {
      response.discard();
      throw wrongSize(
        request,
        size,
        `${response.url.host} answered with the range ${JSON.stringify(response.headers["content-range"] ?? "")}`,
      );
    }
  }
  if (length !== undefined) {
    const announced = Number(length) + (partial ? from : 0);
    if (announced > size || (announced < size && !partial)) {
      response.discard();
      throw wrongSize(request, size, `${response.url.host} announces ${announced}`);
    }
  }
  return partial ? 0 : from;
}

function wrongSize(request: RegistryRequest, size: number, why: string): WharfError {
  return new WharfError("DataLoss", `size mismatch: expected ${size} bytes, ${why}`, {
    operation: request.operation,
    subject: request.subject,
  });
}
