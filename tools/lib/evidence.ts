// What a ledger's row stands on: a test by file and title, or the reason for a refusal.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isHollow } from "./hollow.ts";
import { ROOT } from "./native.ts";

/** A test by file and title, or `{ reason }`. */
export type Evidence = readonly [file: string, title: string] | { readonly reason: string };
/** Rows by their name. */
export type Ledger = Readonly<Record<string, Evidence>>;

/** As the page shows it; empty for a row without any. */
export function evidenceText(one: Evidence | undefined, refused = "not served"): string {
  if (!one) return "";
  return "reason" in one ? `${refused}: ${one.reason}` : `${one[0]}: ${one[1]}`;
}

/** Fails unless exactly the rows named have evidence, each test that is named is there, and no reason is empty. */
export function assertComplete(rows: readonly string[], ledger: Ledger): void {
  assert.deepEqual(Object.keys(ledger).sort(), [...rows].sort());
  for (const [row, evidence] of Object.entries(ledger)) {
    if ("reason" in evidence) {
      assert.ok(evidence.reason, `${row}: the reason is empty`);
      continue;
    }
    const [file, title] = evidence;
    const there = title && readFileSync(join(ROOT, file), "utf8").includes(title);
    assert.ok(there, `${row}: ${file} has no test ${JSON.stringify(title)}`);
    assert.ok(!isHollow(file, title), `${row}: ${JSON.stringify(title)} passes with true or false in runt's place`);
  }
}
