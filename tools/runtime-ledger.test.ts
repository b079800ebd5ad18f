import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assertComplete } from "./lib/evidence.ts";
import { ledgerOf, RULES } from "./lib/runtime-ledger.ts";
import { RUNT, sections } from "./lib/runtime-rows.ts";
import { PAGE, page } from "./runtime-ledger.ts";

const rows = sections().flatMap((section) => section.rows);
const help = (...words: string[]) => execFileSync(RUNT, [...words, "--help"], { encoding: "utf8" });

test("every field, flag and feature has a test or a reason, and no rule is left over", () => {
  assert.ok(rows.length > 600, `${rows.length} rows`);
  assert.equal(new Set(rows).size, rows.length, "a row is there twice");
  assertComplete(rows, ledgerOf(rows));
  const used = new Set(rows.map((row) => RULES.find(([pattern]) => pattern.test(row))));
  for (const rule of RULES) assert.ok(used.has(rule), `no row for ${rule[0]}`);
});

test("each command and flag of runc's is one of runt's, unless there is a reason", () => {
  const flags = sections().find(({ title }) => title === "Commands and flags")!.rows;
  const ledger = ledgerOf(flags);
  const top = help();
  for (const row of flags) {
    const [command = "", flag] = row.split(" ");
    if ("reason" in ledger[row]!) continue;
    if (command === "runt") assert.ok(flag === undefined || top.includes(`${flag}`), row);
    else assert.ok(help(command).includes(flag ?? command), row);
  }
});

test("the page is up to date", () => {
  assert.equal(readFileSync(PAGE, "utf8"), page(sections()), "run tools/node tools/runtime-ledger.ts");
});
