/** The head of a gRPC call, from and to HTTP/2 headers: which method, how long it may take, and its metadata. Pure. */

import { WharfError } from "../errors.ts";
import { decodeUtf8 } from "../utf8.ts";
import { decodeBase64 } from "./base64.ts";

/** What HTTP/2 gives: pseudo-headers too; some libraries give lists for repeated ones. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface CallHead {
  /** `containerd.services.tasks.v1.Tasks/Create`: the service's full name, and the method's. */
  method: string;
  /** Milliseconds the client waits; undefined for ever. */
  timeoutMs: number | undefined;
  headers: RequestHeaders;
}

/** An answer for something that is no gRPC call. */
export interface HttpRefusal {
  status: 405 | 415;
}

/** Reads the head of a call. InvalidArgument for a bad timeout, Unimplemented for a path that is no method. */
export function parseHead(headers: RequestHeaders): CallHead | HttpRefusal {
  if (headers[":method"] !== "POST") return { status: 405 };
  const type = headers["content-type"];
  if (type !== "application/grpc" && !/^application\/grpc(\+proto)?(;|$)/.test(String(type))) return { status: 415 };
  const path = String(headers[":path"]);
  if (path.lastIndexOf("/") < 2 || path[0] !== "/")
    throw new WharfError("Unimplemented", `malformed method name ${JSON.stringify(path)}`);
  const timeout = headers["grpc-timeout"];
  return {
    method: path.slice(1),
    timeoutMs: timeout === undefined ? undefined : parseTimeout(String(timeout)),
    headers,
  };
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout`: up to eight digits and a unit. InvalidArgument. */
export function parseTimeout(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  if (!match) throw new WharfError("InvalidArgument", `bad grpc-timeout ${JSON.stringify(text)}`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

/** A `grpc-timeout`, rounded up. */
export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  if (whole < 1e8) return `${whole}m`;
  return `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}

/** The first value of a metadata key; `-bin` ones decoded as UTF-8. */
export function metadata(headers: RequestHeaders, key: string): string | undefined {
  const value = headers[key];
  const first = typeof value === "string" || value === undefined ? value : value[0];
  if (first === undefined || !key.endsWith("-bin")) return first;
  return decodeUtf8(decodeBase64(first));
}
