/**
 * The one error type of the code base, and the registry that maps its codes to HTTP, gRPC and exit codes.
 *
 * Codes are gRPC's (https://grpc.github.io/grpc/core/md_doc_statuscodes.html); nobody parses an error's text.
 */

/** gRPC status number and HTTP status of each code. */
export const CODES = {
  Canceled: { grpc: 1, http: 499 },
  Unknown: { grpc: 2, http: 500 },
  InvalidArgument: { grpc: 3, http: 400 },
  DeadlineExceeded: { grpc: 4, http: 504 },
  NotFound: { grpc: 5, http: 404 },
  AlreadyExists: { grpc: 6, http: 409 },
  PermissionDenied: { grpc: 7, http: 403 },
  ResourceExhausted: { grpc: 8, http: 429 },
  FailedPrecondition: { grpc: 9, http: 409 },
  Aborted: { grpc: 10, http: 409 },
  OutOfRange: { grpc: 11, http: 416 },
  Unimplemented: { grpc: 12, http: 501 },
  Internal: { grpc: 13, http: 500 },
  Unavailable: { grpc: 14, http: 503 },
  DataLoss: { grpc: 15, http: 500 },
  Unauthenticated: { grpc: 16, http: 401 },
} as const;

export type Code = keyof typeof CODES;

export interface ErrorDetails {
  /** What was being done, as a verb phrase: "mount", "pull image". */
  operation?: string | undefined;
  /** On what: a path, a reference, an id. Quoted in the message. */
  subject?: string | undefined;
  /** What the reader can do next. */
  hint?: string | undefined;
  /** What went wrong below. */
  cause?: unknown;
  /** The kernel's error name where a system call failed: "ENOENT". */
  errno?: string | undefined;
  /** What was told together with it, each an error by itself: a registry's list, the details of a gRPC status. The message has their texts. */
  also?: readonly WharfError[] | undefined;
}

/**
 * An error of ours. `message` says what failed and why, lower case, without a full stop; `describe()` gives the whole
 * chain, cause first left to the reader's choice.
 */
export class WharfError extends Error {
  readonly code: Code;
  readonly operation: string | undefined;
  readonly subject: string | undefined;
  readonly hint: string | undefined;
  readonly errno: string | undefined;
  readonly also: readonly WharfError[];

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "WharfError";
    this.code = code;
    this.operation = details.operation;
    this.subject = details.subject;
    this.hint = details.hint;
    this.errno = details.errno;
    this.also = details.also ?? [];
  }

  /** Any thrown value as a WharfError; ours are passed through. */
  static from(error: unknown, code: Code = "Unknown"): WharfError {
    if (error instanceof WharfError) return error;
    if (error instanceof Error) {
      const name = error.name === "AbortError" ? "Canceled" : code;
      return new WharfError(name, error.message, { cause: error });
    }
    return new WharfError(code, String(error));
  }
}

/** True when `error` is ours and carries one of the codes. */
export function isCode(error: unknown, ...codes: Code[]): boolean {
  return error instanceof WharfError && codes.includes(error.code);
}

/** The error and its causes as one line: "create container "x": mount proc on /proc: EPERM". Repeats are dropped. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message : String(at);
    if (!parts.some((part) => part.endsWith(text))) parts.push(text);
  }
  return parts.join(": ");
}

/** What the errors of the chain were told together with. */
export function alsoOf(error: unknown): WharfError[] {
  const all: WharfError[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof WharfError) all.push(...at.also);
  return all;
}

/** The innermost hint of the chain: the one nearest to the cause knows best. */
export function hintOf(error: unknown): string | undefined {
  let hint: string | undefined;
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (at instanceof WharfError && at.hint) hint = at.hint;
  return hint;
}

/** What travels between processes (JSON): the chain without stacks. */
export interface ErrorData {
  code: Code;
  message: string;
  operation?: string | undefined;
  subject?: string | undefined;
  hint?: string | undefined;
  errno?: string | undefined;
  also?: ErrorData[] | undefined;
  cause?: ErrorData | undefined;
}

export function errorToData(error: unknown): ErrorData {
  const e = WharfError.from(error);
  const data: ErrorData = { code: e.code, message: e.message };
  if (e.operation) data.operation = e.operation;
  if (e.subject) data.subject = e.subject;
  if (e.hint) data.hint = e.hint;
  if (e.errno) data.errno = e.errno;
  if (e.also.length > 0) data.also = e.also.map(errorToData);
  // of the error itself: a foreign one is wrapped anew each time, with itself as the cause
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause !== undefined) data.cause = errorToData(cause);
  return data;
}

export function errorFromData(data: ErrorData): WharfError {
  const { code, message, operation, subject, hint, errno } = data;
  return new WharfError(code in CODES ? code : "Unknown", message, {
    operation,
    subject,
    hint,
    errno,
    also: data.also?.map(errorFromData),
    cause: data.cause ? errorFromData(data.cause) : undefined,
  });
}
