/** For `catch` of what the work goes on without: only what is to be expected passes in silence. */

import { type Code, isCode } from "../common/errors.ts";
import type { Log } from "./log.ts";

/** Tells what was thrown, unless it has one of these codes, or what is ended by the daemon's end. */
export function warned(
  log: Log,
  message: string,
  fields: Record<string, unknown>,
  ...expected: Code[]
): (error: unknown) => undefined {
  return (error) => {
    if (!isCode(error, ...expected)) log("warn", message, { ...fields, error });
  };
}

/** `otherwise` in place of a file or folder that is not there (any more); throws what else went wrong. */
export function ifMissing<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return otherwise;
    throw error;
  };
}

/** Files, and what /proc says of a process that has ended meanwhile. */
export function isMissing(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ESRCH";
}
