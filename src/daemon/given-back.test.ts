import assert from "node:assert/strict";
import { test } from "node:test";
import { giveBack } from "./given-back.ts";

test("giveBack() frees bytes that have a buffer of their own, and leaves those that share one", () => {
  const own = new Uint8Array(100);
  giveBack(own);
  assert.equal(own.length, 0);
  const shared = new Uint8Array(100);
  const part = shared.subarray(10, 20).fill(7);
  giveBack(part);
  assert.deepEqual([...part], Array(10).fill(7));
  giveBack(new Uint8Array(0));
});
