/** The heads of HTTP/1.1 messages: requests' written, answers' parsed. */

import { WharfError } from "../../../common/errors.ts";
import type { HeaderMap } from "../message.ts";
import { type BodyDecoder, ChunkedBody, LengthBody } from "./body.ts";

export interface Head {
  status: number;
  headers: HeaderMap;
  /** Tells the body from what surrounds it. */
  body: BodyDecoder;
  /** What came behind the head. */
  rest: Uint8Array;
  /** The connection may be used again when the body has been read. */
  keep: boolean;
}

/** An error with a code as Node's own have it. */
export function coded(code: string, text: string): Error {
  return Object.assign(new Error(text), { code });
}

/** Throws InvalidArgument for a header that would break the request up. */
export function requestHead(url: URL, headers: Readonly<Record<string, string | string[]>>, method = "GET"): string {
  let text = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of [values].flat()) {
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value) || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
        throw new WharfError("InvalidArgument", `the header ${JSON.stringify(name)} cannot be sent`, {
          operation: "send request",
        });
      }
      text += `${name}: ${value}\r\n`;
    }
  }
  return `${text}\r\n`;
}

/** Parses a response's head; undefined while it is incomplete. Throws an Error with a code. */
export function parseHead(bytes: Uint8Array): Head | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) {
    if (buffer.length >= 5 && buffer.toString("latin1", 0, 5) !== "HTTP/")
      throw coded("HPE_INVALID_CONSTANT", "it does not speak HTTP");
    return undefined;
  }
  const lines = buffer.toString("latin1", 0, end).split("\r\n");
  const status = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0]!);
  if (!status) throw coded("HPE_INVALID_CONSTANT", "it does not speak HTTP/1.1");
  // Interim answers come before the real one.
  if (status[2]!.startsWith("1")) return parseHead(bytes.subarray(end + 4));
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines.slice(1)) {
    const header = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!header) throw coded("HPE_INVALID_HEADER_TOKEN", "a header of the answer is malformed");
    const name = header[1]!.toLowerCase();
    headers[name] = headers[name] === undefined ? header[2]! : `${headers[name]}, ${header[2]}`;
  }
  const body = bodyOf(status[2]!, headers);
  const connection = (headers.connection ?? "").toLowerCase();
  const keep = body.ends && (status[1] === "1" ? !connection.includes("close") : connection.includes("keep-alive"));
  return { status: Number(status[2]), headers, body, rest: Uint8Array.from(bytes.subarray(end + 4)), keep };
}

/** RFC 9112, 6.3. */
function bodyOf(status: string, headers: HeaderMap): BodyDecoder {
  if (status === "204" || status === "304") return new LengthBody(0);
  const encoding = headers["transfer-encoding"]?.toLowerCase();
  if (encoding === "chunked") return new ChunkedBody();
  if (encoding !== undefined)
    throw coded("HPE_INVALID_TRANSFER_ENCODING", `the answer comes in the transfer encoding ${encoding}`);
  const length = headers["content-length"];
  if (length === undefined) return new LengthBody(Number.POSITIVE_INFINITY);
  if (!/^\d{1,15}$/.test(length)) throw coded("HPE_INVALID_CONTENT_LENGTH", "the answer's Content-Length is malformed");
  return new LengthBody(Number(length));
}
