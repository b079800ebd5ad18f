/**
 * Locks on directories: one daemon a root, one a state directory. The lock is SQLite's own (fcntl) on an empty
 * database file, since Node has no flock; the kernel releases it when the process dies, however it dies.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WharfError } from "../../common/errors.ts";
import { fromSqlite } from "./errors.ts";

/**
 * Takes the lock of `directory` (made if missing) until disposed of. FailedPrecondition when another process has it; the
 * message names its pid.
 */
export function lockDirectory(directory: string, what: "root" | "state"): Disposable {
  const path = join(directory, "wharfd.lock");
  const pidPath = join(directory, "wharfd.lock.pid");
  let database: DatabaseSync | undefined;
  try {
    makeDirectory(directory);
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    database?.close();
    const error = fromSqlite(cause, "lock directory", path);
    if (error.code !== "Unavailable") {
      throw new WharfError(error.code, `cannot lock the ${what} directory ${JSON.stringify(directory)}`, {
        operation: "lock directory",
        subject: directory,
        cause,
      });
    }
    const holder = readPid(pidPath);
    throw new WharfError(
      "FailedPrecondition",
      `the ${what} directory ${JSON.stringify(directory)} is in use by another daemon${holder ? ` (pid ${holder})` : ""}`,
      {
        operation: "lock directory",
        subject: directory,
        hint: `use that daemon, stop it, or give this one its own --root and --state`,
      },
    );
  }
  // Not in the locked file itself: that one can only be read through SQLite. It may be stale; it is only told to people.
  writeFileSync(pidPath, `${process.pid}\n`);
  return { [Symbol.dispose]: () => database.close() };
}

/** Node's own recursive mkdir never ends where the kernel answers ENOENT for a directory that cannot be made (below /proc). */
function makeDirectory(path: string): void {
  const parent = dirname(path);
  if (existsSync(path)) return;
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o711 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readPid(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
