// The commit that this program was built from, as the build has left it beside dist/bin (tools/lib/commit.ts).
import { dirname, join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { readlink, readText } from "../sys/fs.ts";

/** Empty where none is known, as for a program that was copied elsewhere. */
export function builtFrom(): string {
  try {
    return readText(join(dirname(readlink("/proc/self/exe")), "../commit")).trim();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return "";
    throw error;
  }
}

/** As docker tells one: seven digits, and the mark of a tree that was changed. */
export function shortCommit(): string {
  return builtFrom().replace(/^([0-9a-f]{7})[0-9a-f]*/, "$1");
}
