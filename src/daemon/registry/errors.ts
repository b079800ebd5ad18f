/** What a registry or the network answered, as a WharfError that says what to do. */

import { type Code, type ErrorDetails, WharfError } from "../../common/errors.ts";
import type { HttpResponse } from "./message.ts";
import { isTransientStatus, retryAfter } from "./retry.ts";

/** As much of an error's body as is read; bytes. */
const ERROR_BODY = 64 << 10;

/** Entries of such a body that are told. */
const MOST = 8;

/** Status to code; the rest by hundreds. */
const BY_STATUS: Readonly<Record<number, Code>> = {
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  408: "DeadlineExceeded",
  409: "FailedPrecondition",
  416: "OutOfRange",
  429: "ResourceExhausted",
  501: "Unimplemented",
};

/** What a registry says is wrong. */
export interface RegistryMessage {
  code: string;
  message: string;
}

/** The entries of the distribution spec's error body, `{"errors":[{"code","message","detail"}]}`, or what else says why. */
function registryMessages(body: string): RegistryMessage[] {
  try {
    const value = JSON.parse(body) as {
      errors?: ({ code?: unknown; message?: unknown } | null)[];
      details?: unknown;
      error_description?: unknown;
    };
    const entries = (value.errors ?? []).filter((one) => typeof one === "object" && one !== null);
    if (entries.length > 0) {
      return entries
        .slice(0, MOST)
        .map((one) => ({ code: String(one?.code ?? ""), message: clean(String(one?.message ?? "")) }));
    }
    const text = value.error_description ?? value.details;
    return typeof text === "string" ? [{ code: "", message: clean(text) }] : [];
  } catch {
    return [];
  }
}

function textOf({ code, message }: RegistryMessage): string {
  return [code, message].filter(Boolean).join(": ");
}

/** An answer that is no success. */
export class StatusError extends WharfError {
  readonly status: number;
  /** What the server's Retry-After asks for, milliseconds. */
  readonly delay: number | undefined;

  constructor(code: Code, message: string, details: ErrorDetails, status: number, delay: number | undefined) {
    super(code, message, details);
    this.status = status;
    this.delay = delay;
  }
}

/** True for failures that trying again may mend. */
export function isTransient(error: unknown): error is NetworkError | StatusError {
  if (error instanceof NetworkError) return error.transient;
  return error instanceof StatusError && isTransientStatus(error.status);
}

/** The error for an answer that is no success; uses up its body. */
export async function statusError(operation: string, subject: string, response: HttpResponse): Promise<StatusError> {
  const body = await response.text(ERROR_BODY).catch(() => "");
  const { status } = response;
  const { host } = response.url;
  const code = BY_STATUS[status] ?? (status >= 500 ? "Unavailable" : status >= 400 ? "InvalidArgument" : "Unknown");
  const said = registryMessages(body).map(textOf).filter(Boolean);
  const detail = said.join("; ");
  // As with containerd they go to its clients as details of the error; of what is not there nothing more is to be said.
  const also = status === 404 ? [] : said.map((text) => new WharfError("Unknown", text));
  const details = { operation, subject, hint: hintFor(code, host), also };
  const delay = retryAfter(response.headers["retry-after"]);
  return new StatusError(code, `${host} answered ${status}${detail ? ` (${detail})` : ""}`, details, status, delay);
}

function hintFor(code: Code, host: string): string | undefined {
  switch (code) {
    case "Unauthenticated":
    case "PermissionDenied":
      return `check that the repository exists, and log in to ${host} with an account that may use it`;
    case "ResourceExhausted":
      return `${host} limits how often it can be asked: wait, log in, or configure a mirror`;
    default:
      return undefined;
  }
}

/** Node's error codes for what went wrong below HTTP. */
function errnoOf(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === "string") return code;
    if (at instanceof AggregateError && at.errors[0] instanceof Error) return errnoOf(at.errors[0]);
  }
  return undefined;
}

/** The code of ours for a connection that did not come to stand in its time; ESTALL is for one that stood. */
export const UNREACHED = "EUNREACHED";

const TRANSIENT = new Set(
  "ECONNRESET ECONNREFUSED ECONNABORTED EPIPE ETIMEDOUT ENETUNREACH EHOSTUNREACH ENETDOWN EAI_AGAIN ESTALL EUNREACHED ETRUNCATED HPE_INVALID_CHUNK_SIZE HPE_INVALID_EOF_STATE".split(
    " ",
  ),
);

/** Codes by which OpenSSL says that the other side does not speak TLS. */
const NOT_TLS = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
  "EPROTO",
  "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
]);

/** A failure below HTTP. `transient` says whether trying again makes sense. */
export class NetworkError extends WharfError {
  readonly transient: boolean;
  /** The other side does not seem to speak the scheme that was tried. */
  readonly wrongScheme: boolean;
  /** Node's or OpenSSL's code. */
  readonly reason: string;

  constructor(error: unknown, host: string, operation: string) {
    const reason = errnoOf(error) ?? "";
    const text = error instanceof Error ? error.message || reason : String(error);
    const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(reason);
    super(
      certificate
        ? "FailedPrecondition"
        : reason === "ESTALL" || reason === UNREACHED
          ? "DeadlineExceeded"
          : "Unavailable",
      `${host}: ${explain(reason, text)}`,
      {
        operation,
        subject: host,
        hint: certificate
          ? `give the authority's certificate as "ca" in the registry's settings, or name ${host} among the insecure registries`
          : NOT_TLS.has(reason)
            ? `if ${host} speaks plain http, name it among the insecure registries`
            : undefined,
        errno: /^E[A-Z]+$/.test(reason) ? reason : undefined,
        cause: error,
      },
    );
    this.reason = reason;
    this.transient = TRANSIENT.has(reason);
    this.wrongScheme = NOT_TLS.has(reason) || reason === "ECONNRESET" || reason.startsWith("HPE_");
  }
}

function explain(reason: string, text: string): string {
  switch (reason) {
    case "ECONNREFUSED":
      return "nothing listens there (connection refused)";
    case "ENOTFOUND":
      return "no such host";
    case "EAI_AGAIN":
      return "the name cannot be looked up at the moment";
    case "ECONNRESET":
      return "the connection was broken off";
    default:
      return NOT_TLS.has(reason) ? "it does not speak TLS" : text;
  }
}

function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").slice(0, 300);
}
