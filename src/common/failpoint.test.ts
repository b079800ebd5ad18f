import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { enableFailpoints, failpoint } from "./failpoint.ts";

afterEach(() => enableFailpoints(undefined, () => {}));

test("failpoint() does nothing when none is enabled", () => {
  failpoint("a");
});

test("failpoint() acts at the n-th time the named point is reached", () => {
  const hit: string[] = [];
  enableFailpoints("a:2", (name) => hit.push(name));
  for (const name of ["a", "b", "a", "a"]) failpoint(name);
  assert.deepEqual(hit, ["a"]);
});

test("failpoint() reports every point when asked for all", () => {
  const hit: string[] = [];
  enableFailpoints("*", (name) => hit.push(name));
  for (const name of ["a", "b"]) failpoint(name);
  assert.deepEqual(hit, ["a", "b"]);
});
