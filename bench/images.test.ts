import assert from "node:assert/strict";
import { test } from "node:test";
import { fitting, split } from "./images.ts";

const files = (...sizes: number[]) => sizes.map((size, at) => ({ path: `f${at}`, size }));
const names = (some: readonly { path: string }[]) => some.map(({ path }) => path).join(" ");

test("fitting() leaves out what is too large for what is left, and takes what comes after it", () => {
  assert.equal(names(fitting(files(10, 50, 0, 30, 10), 55)), "f0 f2 f3 f4");
  assert.equal(names(fitting(files(10, 50), Number.POSITIVE_INFINITY)), "f0 f1");
});

test("split() makes parts of like size, in order, however uneven the files are", () => {
  const parts = split(files(1, 1, 1, 1, 4, 0, 4, 4), 4);
  assert.deepEqual(parts.map(names), ["f0 f1 f2 f3", "f4", "f5 f6", "f7"]);
});
