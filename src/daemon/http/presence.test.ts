import assert from "node:assert/strict";
import { test } from "node:test";
import { Presence } from "./presence.ts";

test("Presence tells of a client that has gone, whenever the signal was asked for", () => {
  const early = new Presence();
  const { signal } = early;
  assert.equal(signal, early.signal);
  assert.deepEqual([signal.aborted, early.gone], [false, false]);
  early.leave();
  assert.deepEqual([signal.aborted, early.gone, signal.reason.code], [true, true, "Canceled"]);
  const late = new Presence();
  late.leave();
  assert.equal(late.signal.reason.code, "Canceled");
});
