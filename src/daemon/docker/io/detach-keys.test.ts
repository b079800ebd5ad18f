import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from "./detach-keys.ts";

test("parseDetachKeys() knows control keys and plain ones", () => {
  assert.deepEqual([...parseDetachKeys(DEFAULT_DETACH_KEYS)], [16, 17]);
  assert.deepEqual([...parseDetachKeys("a,ctrl-@,ctrl-[,ctrl-\\")], [97, 0, 27, 28]);
  for (const bad of ["", "ctrl-", "ctrl-1", "ab", "ctrl-p,,x"])
    assert.throws(() => parseDetachKeys(bad), /Invalid detach keys/);
});

function feed(keys: string, ...chunks: string[]): { out: string; detached: boolean } {
  const scanner = new DetachScanner(parseDetachKeys(keys));
  let out = "";
  for (const chunk of chunks) {
    const { pass, detached } = scanner.push(Buffer.from(chunk));
    out += pass.toString();
    if (detached) return { out, detached };
  }
  return { out, detached: false };
}

test("DetachScanner finds the sequence over chunks and gives back what only began like it", () => {
  assert.deepEqual(feed("a,b", "xa", "b", "y"), { out: "x", detached: true });
  assert.deepEqual(feed("a,b", "aab"), { out: "a", detached: true });
  assert.deepEqual(feed("a,b", "a", "c"), { out: "ac", detached: false });
  assert.deepEqual(feed("a,a,b", "aaaab"), { out: "aa", detached: true });
  assert.deepEqual(feed("ctrl-p,ctrl-q", "hello\x10", "world"), { out: "hello\x10world", detached: false });
});
