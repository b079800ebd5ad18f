/** What the kernel said of a disk that cannot be written, with the path that a file was to be written at. */

import { WharfError } from "./errors.ts";

/**
 * What writing below `path` threw: a disk that is full or read-only as a WharfError that names the path, which the kernel's words leave out
 * for a descriptor; anything else as it is.
 */
export function fromFile(error: unknown, operation: string, path: string): unknown {
  const errno = error instanceof Error ? (error as Error & { code?: string }).code : undefined;
  if (error instanceof WharfError || (errno !== "ENOSPC" && errno !== "EDQUOT" && errno !== "EROFS")) return error;
  const full = errno !== "EROFS";
  const what = full ? "no space left for" : "read-only file system: cannot write";
  const hint = full ? "free space on its file system" : "mount its file system writable again";
  const code = full ? "ResourceExhausted" : "FailedPrecondition";
  return new WharfError(code, `${what} ${JSON.stringify(path)}`, {
    operation,
    subject: path,
    hint,
    errno,
    cause: error,
  });
}
