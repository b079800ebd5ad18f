// The list of hollow tests: read from TAP, and honoured by the ledgers' check.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertComplete } from "./lib/evidence.ts";
import { hollowTests, isHollow, passedTitles } from "./lib/hollow.ts";
import { ROOT } from "./lib/native.ts";

test("passedTitles() takes what passed, nested too, and no files", () => {
  const tap = [
    "TAP version 13",
    "# Subtest: a",
    "    ok 1 - inner \\# sharp",
    "ok 1 - a",
    "not ok 2 - b",
    "ok 3 - c # SKIP no reason",
    "ok 4 - /x/y.test.ts",
  ].join("\n");
  assert.deepEqual(passedTitles(tap), ["inner # sharp", "a", "c"]);
});

test("the recorded list names tests that are there", () => {
  for (const [file, titles] of Object.entries(hollowTests())) {
    assert.ok(existsSync(join(ROOT, file)), `${file} is gone: npm run test:hollow`);
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const title of titles) {
      // a title that is put together has at least its first words in the file
      const start = title.split(/[:$]/)[0]!;
      assert.ok(text.includes(title) || text.includes(start), `${file} has no test ${JSON.stringify(title)}`);
    }
  }
});

test("a ledger may not name a hollow test as evidence", () => {
  const list = hollowTests();
  const [file] = Object.keys(list);
  assert.ok(file, "with true and false in its place some tests of a runtime always pass: that it was killed, for one");
  const title = list[file]![0]!;
  assert.equal(isHollow(file, title), true);
  assert.equal(isHollow(file, "no such title"), false);
  assert.throws(() => assertComplete(["row"], { row: [file, title] }), /passes with true or false in runt's place/);
});
