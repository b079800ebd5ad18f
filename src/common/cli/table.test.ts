import assert from "node:assert/strict";
import { test } from "node:test";
import { alignTabs, DOCKER_TABLE, fitTable } from "./table.ts";
import { displayWidth, ellipsis, printable, wrap } from "./width.ts";

test("alignTabs() gives each column its widest cell and the padding, the last none", () => {
  assert.equal(alignTabs("ID\tNAME\nabcdefghijkl\tx", DOCKER_TABLE), "ID             NAME\nabcdefghijkl   x");
  assert.equal(alignTabs("A\tB\n1\t2", DOCKER_TABLE), "A         B\n1         2");
});

test("alignTabs() aligns only lines that stand together", () => {
  const text = " Version:\t1\nServer:\n  A long name:\t2\n  B:\t3";
  assert.equal(
    alignTabs(text, { minWidth: 5, padding: 1 }),
    " Version: 1\nServer:\n  A long name: 2\n  B:           3",
  );
});

test("fitTable() moves columns closer, then squeezes the widest, never those to keep", () => {
  const text = "ID\tCOMMAND\tNAMES\nabcdefghijkl\tsome very long command line\ta-rather-long-name-of-a-container";
  const fitted = fitTable(text, 60, { keep: new Set([0]) });
  for (const line of fitted.split("\n")) assert.ok(displayWidth(line) <= 60, line);
  assert.match(fitted, /^abcdefghijkl {2}some/m);
  assert.match(fitted, /…/);
  assert.equal(fitTable(text, 200), alignTabs(text, DOCKER_TABLE));
  assert.equal(
    fitTable(text, 10, { keep: new Set([0]) }),
    alignTabs(text, DOCKER_TABLE),
    "what cannot fit is left alone",
  );
  const late = fitTable(text, 60, { late: new Set([2]) });
  assert.match(late, / {2}a-rather-long-name-of-a-container$/m, "the last to give way");
  assert.equal(fitTable("A\tB\tC\n1\t2\t3", 12), "A   B   C\n1   2   3", "nothing is cut where less space helps");
});

test("fitTable() leaves columns out where squeezing would leave nothing to read", () => {
  const text = "ID\tIMAGE\tPORTS\tNAME\nabcdefghijkl\tregistry.example/team/app\t0.0.0.0:80->80/tcp\tweb";
  const show = (columns: number) => fitTable(text, columns, { keep: new Set([0, 3]), drop: [2, 1] });
  assert.equal(
    show(46),
    "ID            IMAGE         PORTS         NAME\nabcdefghijkl  registry.ex…  0.0.0.0:80-…  web",
  );
  assert.match(show(45), /^ID {12}IMAGE {10}[^\n]*NAME\nabcdefghijkl {2}registry.example/);
  assert.equal(show(20), "ID            NAME\nabcdefghijkl  web");
  assert.equal(show(10), alignTabs(text, DOCKER_TABLE), "too narrow for anything");
});

test("displayWidth() counts wide characters twice", () => {
  assert.deepEqual(["abc", "é", "日本", "😀", ""].map(displayWidth), [3, 1, 4, 2, 0]);
});

test("ellipsis() never exceeds the columns", () => {
  assert.equal(ellipsis("hello", 5), "hello");
  assert.equal(ellipsis("hello", 4), "hel…");
  assert.equal(ellipsis("hello", 1), "h");
  assert.equal(ellipsis("日本語", 4), "日…");
  assert.equal(ellipsis("x", 0), "");
});

test("wrap() breaks at spaces", () => {
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrap("a very-long-word b", 6), ["a", "very-long-word", "b"]);
  assert.deepEqual(wrap("x\n\ny", 8), ["x", "", "y"]);
});

test("printable() shows control characters instead of obeying them", () => {
  assert.equal(printable("a\x1b[31mb\x07"), "a\\x1b[31mb\\x07");
  assert.equal(printable("é\t\n"), "é\t\n");
});
