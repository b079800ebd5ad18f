// Errors on the wire: google.rpc.Status from and to WharfError.
import { CODES, type Code, describe, WharfError } from "../errors.ts";
import type { Status } from "../gen/google/rpc/status.ts";
import type { Init } from "../protobuf/schema.ts";

export function codeOfStatus(number: number): Code {
  for (const code of Object.keys(CODES) as Code[]) if (CODES[code].grpc === number) return code;
  return "Unknown";
}

/** The whole chain of causes as the status's message. */
export function statusOf(error: unknown): Init<Status> {
  const code = error instanceof WharfError ? error.code : "Unknown";
  return { code: CODES[code].grpc, message: describe(error) };
}

export function errorOfStatus(status: Status): WharfError {
  return new WharfError(codeOfStatus(status.code), status.message || `status ${status.code}`);
}
