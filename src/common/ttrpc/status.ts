// Errors on the wire: google.rpc.Status from and to WharfError.
import { alsoOf, CODES, type Code, describe, WharfError } from "../errors.ts";
import { Any } from "../gen/google/protobuf/any.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { type AnyLike, anyName } from "../protobuf/any.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Init } from "../protobuf/schema.ts";
import { decodeUtf8 } from "../utf8.ts";

/** As Go's anypb writes it, without which its status package does not find the type. */
const STATUS_URL = `type.googleapis.com/${Status.typeName}`;
/** What a registry answered, as JSON (containerd, core/remotes/errors). */
const UNEXPECTED = "github.com/containerd/containerd/v2/core/remotes/errors/ErrUnexpectedStatus";

export function codeOfStatus(number: number): Code {
  for (const code of Object.keys(CODES) as Code[]) if (CODES[code].grpc === number) return code;
  return "Unknown";
}

/** The whole chain of causes as the status's message; what was told together with it as details (containerd's errgrpc). */
export function statusOf(error: unknown): Init<Status> {
  const { code } = WharfError.from(error);
  const also = alsoOf(error);
  const status = { code: CODES[code].grpc, message: describe(error) };
  if (also.length === 0) return status;
  return { ...status, details: also.map((one) => ({ typeUrl: STATUS_URL, value: encode(Status, statusOf(one)) })) };
}

/** Details that are errors are in `also`, and in the message where it does not tell them itself. */
export function errorOfStatus({ code: number, message: text, details }: Status): WharfError {
  const code = codeOfStatus(number);
  const also = details.flatMap((one) => errorOfDetail(one) ?? []);
  let message = nativeMessage(code, text);
  for (const one of also) if (!message.includes(one.message)) message += `; ${one.message}`;
  return new WharfError(code, message || `status ${number}`, { also });
}

/** Undefined for what is no error that is known here, or cannot be read: what it comes with is to be told all the same. */
function errorOfDetail(any: AnyLike): WharfError | undefined {
  try {
    return readDetail(any);
  } catch {
    return undefined;
  }
}

function readDetail(any: AnyLike): WharfError | undefined {
  const name = anyName(any);
  if (name === Status.typeName) return errorOfStatus(decode(Status, any.value));
  if (name === Any.typeName) return readDetail(decode(Any, any.value));
  if (any.typeUrl !== UNEXPECTED) return undefined;
  const { status, requestURL, requestMethod } = JSON.parse(decodeUtf8(any.value)) as Record<string, unknown>;
  return new WharfError("Unknown", `unexpected status from ${requestMethod} request to ${requestURL}: ${status}`);
}

/** containerd ends its messages with the name of the code: `image "x": not found`. `permission denied` is also what the kernel said, and what a shim's message ends with. */
function nativeMessage(code: Code, message: string): string {
  if (code === "PermissionDenied") return message || "permission denied";
  const name = code.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
  return message.endsWith(`: ${name}`) ? message.slice(0, -name.length - 2) : message || name;
}
