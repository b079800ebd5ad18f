// The list of mutants keeps step with the sources and the tests; the judge's own rules.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { changed } from "./lib/mutant-build.ts";
import { faults, verdicts } from "./lib/mutant-judge.ts";
import { MUTANTS } from "./lib/mutants.ts";
import { ROOT } from "./lib/native.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("every mutant's defence is in the sources, and its tests are there", () => {
  const names = MUTANTS.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { name, changes, files, fails } of MUTANTS) {
    const texts = new Map<string, string>();
    for (const change of changes) texts.set(change.file, changed(texts.get(change.file) ?? read(change.file), change));
    assert.ok(fails.length > 0, name);
    const tests = files.map(read).join("\n");
    for (const part of fails)
      assert.match(tests, new RegExp(`\\btest\\([^\\n]*${RegExp.escape(part)}`), `${name}: ${part}`);
  }
});

test("changed() replaces once, and refuses what is not there or there twice", () => {
  const change = { file: "x", search: "b", replace: "" };
  assert.equal(changed("abc", change), "ac");
  assert.throws(() => changed("ac", change), /x: "b" is there not at all/);
  assert.throws(() => changed("abcb", change), /x: "b" is there more than once/);
});

const TAP = `TAP version 13
# Subtest: one (A)
not ok 1 - one (A)
  ---
  duration_ms: 1
  error: |-
    it got
    out
  ...
# Subtest: two
ok 2 - two
  ---
  duration_ms: 1
  ...
ok 3 - three # SKIP not here
1..3
`;

test("verdicts() reads what failed and why, and leaves out what was skipped", () => {
  assert.deepEqual(verdicts(TAP), [
    { title: "one (A)", passed: false, why: "it got" },
    { title: "two", passed: true, why: "" },
  ]);
});

test("faults() wants exactly the tests to fail that were named", () => {
  const found = verdicts(TAP);
  assert.deepEqual(faults(found, ["(A)"]), []);
  assert.deepEqual(faults(found, []), ["fails for another defence than its own: one (A): it got"]);
  assert.deepEqual(faults(found, [], ["(A)"]), []);
  assert.deepEqual(faults(found, ["(A)", "two", "four"]), [
    "passes without the defence: two",
    "no test has four in its title",
  ]);
  assert.deepEqual(faults([], []), ["no test has run"]);
});
