// Files that come and go while a test waits for them.
import { readFileSync } from "node:fs";

/** The text of a file; empty where there is none, as in the moment of a rotation, or when the process that it tells of has ended. */
export function textIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}
