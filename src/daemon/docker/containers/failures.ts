/** Why a process could not be started, as the exit codes that shells use: 127 not found, 126 not executable, 128 else. */

import { WharfError } from "../../../common/errors.ts";

/** Go's words, and crun's. */
const NO_EXECUTABLE = /executable file (?:`[^`]*` )?not found/;
const NOT_FOUND = /executable file not found|no such file or directory|ENOENT/i;
const NOT_EXECUTABLE = /permission denied|EACCES|is a directory|EISDIR|exec format error|ENOEXEC/i;

/**
 * The code of a failed start. The runtime says by errno what exec(2) answered; other runtimes only by their text, which is all
 * that containerd passes on. The working folder counts as the command's. What failed before (a mount, a device) is neither.
 */
export function exitCodeOf(error: unknown): number {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (NO_EXECUTABLE.test(at.message)) return 127;
    if (!/\bexec\b|process\.cwd|chdir to cwd/i.test(at.message)) continue;
    const errno = at instanceof WharfError ? at.errno : undefined;
    const text = `${errno ?? ""} ${at.message}`;
    if (NOT_FOUND.test(text)) return 127;
    if (NOT_EXECUTABLE.test(text)) return 126;
  }
  return 128;
}

/** A failed exec as its caller gets it, in the runtime's own words. */
export function execError(error: unknown): unknown {
  if (exitCodeOf(error) === 128) return error;
  const { message, cause, errno, hint } = WharfError.from(error);
  return new WharfError("InvalidArgument", message, { operation: "start exec", cause, errno, hint });
}

/** A failed start as its caller gets it: the client's mistake where the command is at fault. */
export function startError(error: unknown, subject: string): WharfError {
  const code = exitCodeOf(error) === 128 ? WharfError.from(error, "Internal").code : "InvalidArgument";
  return new WharfError(code, `start container ${JSON.stringify(subject)}`, {
    operation: "start container",
    subject,
    cause: error,
  });
}
