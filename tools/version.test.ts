import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { VERSION } from "../src/common/version.ts";

test("VERSION is the package's version, also in the lock file", () => {
  for (const file of ["package.json", "package-lock.json"]) {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "..", file), "utf8")) as { version: string };
    assert.equal(version, VERSION, file);
  }
});
