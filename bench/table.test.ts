import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeasuredRow } from "./context.ts";
import { markdown, merge, plain, ratio, replaceTable } from "./table.ts";

const row = (benchmark: string, name: string, ours: number): MeasuredRow => ({
  benchmark,
  name,
  unit: "ms",
  cells: { runt: { value: ours, apart: 5 }, crun: { value: 10, apart: 20 } },
  ours: "runt",
  against: "crun",
  goal: [0.5, 0.3],
});

test("merge() replaces all rows of a benchmark measured again, keeps the others, and keeps the order", () => {
  const old = [row("b", "b one", 1), row("b", "b two", 1), row("a", "a", 1), row("gone", "gone", 1)];
  const merged = merge(old, [row("b", "b three", 2)], ["a", "b"]);
  assert.deepEqual(
    merged.map(({ name }) => name),
    ["a", "b three"],
  );
});

test("ratio() is ours by theirs, for both ways of measuring", () => {
  assert.equal(ratio(row("a", "a", 4)), "0.40x / 0.25x");
  const failed = row("a", "a", 4);
  failed.cells.crun = { value: Number.NaN, error: "gone" };
  assert.equal(ratio(failed), "");
});

test("plain() says why something was not measured", () => {
  const failed = row("a", "start", 4);
  failed.cells.runt = { value: Number.NaN, error: "there is no runt" };
  assert.match(plain([failed]), /not measured:\nstart: runt: there is no runt\n/);
});

test("replaceTable() changes what is between the markers and nothing else", () => {
  const table = markdown({ date: "2026-01-02", machine: "m", versions: "v", rows: [row("a", "start", 4)] });
  const document = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n";
  const once = replaceTable(document, table);
  assert.match(
    once,
    /^before\n<!-- bench: begin -->\n\| what .*\| start, ms \| 4\.00 \/ 5\.00 \| crun 10\.0 \/ 20\.0 \|/s,
  );
  assert.match(once, /<!-- bench: end -->\nafter\n$/);
  assert.doesNotMatch(once, /old/);
  assert.equal(replaceTable(once, table), once);
  assert.throws(() => replaceTable("no markers", table), /no lines/);
});
