import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DOCS, pages } from "./cli-docs.ts";

test("docs/cli/ says what the program's own declarations say", async () => {
  const current = await pages();
  assert.ok(current.size > 15);
  assert.deepEqual(readdirSync(DOCS).sort(), [...current.keys()].sort(), "run tools/node tools/cli-docs.ts");
  for (const [file, text] of current) {
    assert.equal(readFileSync(join(DOCS, file), "utf8"), text, `${file}: run tools/node tools/cli-docs.ts`);
  }
});
