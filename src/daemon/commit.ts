/** The commit that this program was built from, as the build has left it beside the bundle (tools/lib/commit.ts). */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Read when the daemon starts: a later build is not what runs. Empty where none is known. */
export const COMMIT = read(["../../commit", "../../dist/commit"].map((place) => join(import.meta.dirname, place)));

/** As docker tells one: seven digits, and the mark of a tree that was changed. */
export const SHORT_COMMIT = COMMIT.replace(/^([0-9a-f]{7})[0-9a-f]*/, "$1");

function read(places: readonly string[]): string {
  for (const place of places) {
    try {
      return readFileSync(place, "utf8").trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return "";
}
