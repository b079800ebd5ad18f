/**
 * How a call ended, as gRPC's trailers: `grpc-status`, `grpc-message` (percent-encoded) and `grpc-status-details-bin`
 * (google.rpc.Status), from and to WharfError. Pure.
 */

import { alsoOf, CODES, describe, type ErrorData, errorFromData, errorToData, WharfError } from "../errors.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { decode, encode } from "../protobuf/codec.ts";
import { errorOfStatus, statusOf } from "../ttrpc/status.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";

/** Header names in lower case, with their values. */
export type Headers = Record<string, string>;

/** A client of ours asks with this header for the whole error, which then comes in a trailer of this name with `-bin`. */
export const ERROR_HEADER = "wharf-error";
const DETAILS = "grpc-status-details-bin";
/** Bytes of a message that are sent: trailers may have 8 KiB in all with some clients. */
const MAX_TEXT = 4000;

export const OK_TRAILERS: Readonly<Headers> = { "grpc-status": "0" };

/** The trailers of a failed call. `whole` adds all that an error of ours has. */
export function errorTrailers(error: unknown, whole: boolean): Headers {
  const code = error instanceof WharfError ? error.code : WharfError.from(error).code;
  const trailers: Headers = {
    "grpc-status": String(CODES[code].grpc),
    "grpc-message": encodeText(describe(error).slice(0, MAX_TEXT)),
  };
  if (alsoOf(error).length > 0) {
    const status = encode(Status, statusOf(error));
    if (status.length <= MAX_TEXT) trailers[DETAILS] = encodeBase64(status);
  }
  if (whole) {
    const data = encodeUtf8(JSON.stringify(errorToData(error)));
    if (data.length <= MAX_TEXT) trailers[`${ERROR_HEADER}-bin`] = encodeBase64(data);
  }
  return trailers;
}

/** The error that trailers tell of; undefined for success. Unknown when they have no status. */
export function errorOfTrailers(trailers: Readonly<Record<string, string | undefined>>): WharfError | undefined {
  const number = trailers["grpc-status"];
  if (number === "0") return undefined;
  if (number === undefined) return new WharfError("Unknown", "the server ended the call without a status");
  const whole = trailers[`${ERROR_HEADER}-bin`];
  if (whole !== undefined) return errorFromData(JSON.parse(decodeUtf8(decodeBase64(whole))) as ErrorData);
  const plain = { code: Number(number), message: decodeText(trailers["grpc-message"] ?? ""), details: [] };
  return errorOfStatus(statusIn(trailers[DETAILS]) ?? plain);
}

/** Undefined for what cannot be read: the other trailers tell most of it. */
function statusIn(details: string | undefined): Status | undefined {
  try {
    return details === undefined ? undefined : decode(Status, decodeBase64(details));
  } catch {
    return undefined;
  }
}

/** All but printable ASCII, and the percent sign, become %XX of their UTF-8 bytes. */
export function encodeText(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let coded = "";
  for (const byte of encodeUtf8(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    coded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return coded;
}

/** Anything that is no proper escape is taken as it is. */
export function decodeText(coded: string): string {
  if (!coded.includes("%")) return coded;
  const bytes: number[] = [];
  for (let at = 0; at < coded.length; at++) {
    const hex = coded.slice(at + 1, at + 3);
    if (coded[at] === "%" && /^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else bytes.push(coded.charCodeAt(at) & 255);
  }
  return decodeUtf8(Uint8Array.from(bytes));
}
