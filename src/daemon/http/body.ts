/** Request bodies: read whole, within a limit, as JSON. */

import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { WharfError } from "../../common/errors.ts";

/** Largest JSON body in bytes. A container's configuration with thousands of variables has some 100 KB. */
export const MAX_JSON = 4 << 20;

/** All of `source`. ResourceExhausted beyond `limit` bytes, Canceled when it breaks off. */
export async function readAll(source: Readable, limit = MAX_JSON): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof WharfError) throw cause;
    throw new WharfError("Canceled", "the client closed the connection before the request was complete", { cause });
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

/** The declared size, when there is one; refused at once when too large. */
export function declaredLength(headers: IncomingHttpHeaders, limit = MAX_JSON): number | undefined {
  const text = headers["content-length"];
  if (text === undefined) return undefined;
  const length = Number(text);
  if (length > limit) throw tooLarge(limit);
  return length;
}

/** The body as JSON; undefined for an empty one. InvalidArgument for what is no JSON or is not announced as such. */
export function readJson(bytes: Buffer, headers: IncomingHttpHeaders): unknown {
  if (bytes.length === 0) return undefined;
  const type = (headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    throw new WharfError(
      "InvalidArgument",
      `unsupported Content-Type header (${type || "none"}): must be 'application/json'`,
      { operation: "read request" },
    );
  }
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new WharfError("InvalidArgument", `invalid JSON: ${cause instanceof Error ? cause.message : cause}`, {
      operation: "read request",
    });
  }
}

function tooLarge(limit: number): WharfError {
  return new WharfError("InvalidArgument", `the request body is larger than ${limit >> 20} MiB`, {
    operation: "read request",
  });
}
