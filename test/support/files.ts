// Files that come and go while a test waits for them.
import { readFileSync } from "node:fs";

/** The text of a file; empty where there is none, as in the moment of a rotation. */
export function textIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
