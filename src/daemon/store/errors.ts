/** SQLite's result codes (https://sqlite.org/rescode.html) as WharfErrors. */

import { type Code, WharfError } from "../../common/errors.ts";

interface Meaning {
  code: Code;
  message: string;
  hint?: string;
}

const RESTORE =
  "stop the daemon, move meta.db and meta.db-wal away and restore them from a backup, or start with a new --root";

/** By primary result code (the low eight bits). */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  5: {
    code: "Unavailable",
    message: "the store is locked by another process",
    hint: "stop what has meta.db open for writing",
  },
  6: { code: "Unavailable", message: "the store is locked" },
  8: { code: "PermissionDenied", message: "the store cannot be written" },
  10: { code: "Internal", message: "reading or writing the store failed", hint: "look for disk errors in dmesg" },
  11: { code: "DataLoss", message: "the store is corrupt", hint: RESTORE },
  13: {
    code: "ResourceExhausted",
    message: "no space left for the store",
    hint: "free space below the root directory",
  },
  14: { code: "FailedPrecondition", message: "the store cannot be opened" },
  26: { code: "DataLoss", message: "the store is not an SQLite database", hint: RESTORE },
};

/** What `DatabaseSync` threw, as a WharfError that says what it means; ours are passed through. */
export function fromSqlite(error: unknown, operation: string, path: string): WharfError {
  if (error instanceof WharfError) return error;
  const result = resultCode(error);
  const meaning = result === undefined ? undefined : MEANINGS[result];
  if (!meaning) return new WharfError("Internal", `${operation} failed`, { operation, subject: path, cause: error });
  const { code, message, hint } = meaning;
  return new WharfError(code, `${message}: ${JSON.stringify(path)}`, { operation, subject: path, hint, cause: error });
}

/** True when the kernel or SQLite said, somewhere in the chain, that there is no room on the disk (or none left for this user). */
export function isDiskFull(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const name = at instanceof WharfError ? at.errno : (at as NodeJS.ErrnoException).code;
    if (name === "ENOSPC" || name === "EDQUOT" || resultCode(at) === 13) return true;
  }
  return false;
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}
