// What criu says about a failure: its log's errors, without times and places in its source.
import { WharfError } from "../../../common/errors.ts";
import { isErrno } from "../../sys/call.ts";
import { readText } from "../../sys/fs.ts";

/** "(00.012345) pie: 1: Error (criu/mount.c:12): mnt: Can't …" */
const ERROR = /^(?:\(\s*[\d.]+\)\s+)?(?:[^:]*:\s*)*?Error \([^)]*\): (.*)$/;
/** What only says that something has failed before. */
const EMPTY = /^(?:exited, status=\d+|(?:Dumping|Restoring|Pre-dumping) FAILED\.?)$/;
const SHOWN = 3;

export function errorsOf(log: string): string[] {
  const found = new Set<string>();
  for (const line of log.split("\n")) {
    const said = ERROR.exec(line)?.[1]?.trim();
    if (said && !EMPTY.test(said)) found.add(said);
  }
  return [...found];
}

/** The error of a failed dump or restore. `said`: what criu answered itself. */
export function criuFailure(what: string, log: string, said = ""): WharfError {
  let errors: string[] = [];
  try {
    errors = errorsOf(readText(log));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  const left = errors.length - SHOWN;
  const words = errors.slice(0, SHOWN).join("; ") + (left > 0 ? `; and ${left} more` : "");
  return new WharfError("Unknown", `criu cannot ${what}: ${words || said || "it does not say why"}`, {
    operation: what,
    subject: log,
    hint: `see ${log}`,
  });
}
