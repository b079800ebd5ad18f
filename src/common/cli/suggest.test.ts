import assert from "node:assert/strict";
import { test } from "node:test";
import { distance, suggest } from "./suggest.ts";

test("distance() counts edits, a swap as one", () => {
  assert.deepEqual(
    [
      distance("run", "run"),
      distance("rnu", "run"),
      distance("ru", "run"),
      distance("runs", "run"),
      distance("ran", "run"),
    ],
    [0, 1, 1, 1, 1],
  );
  assert.equal(distance("a", "abcdefgh"), 4);
});

test("suggest() names what was probably meant", () => {
  const known = ["run", "rm", "rmi", "restart", "inspect", "images", "image", "exec"];
  assert.deepEqual(suggest("rnu", known), ["run"]);
  assert.deepEqual(suggest("inpsect", known), ["inspect"]);
  assert.deepEqual(suggest("imags", known), ["image", "images"]);
  assert.deepEqual(suggest("rest", known), ["restart"]);
  assert.deepEqual(suggest("zzz", known), []);
});
