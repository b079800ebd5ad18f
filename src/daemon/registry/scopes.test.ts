// Scopes of tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeScopes } from "./auth.ts";

test("mergeScopes() joins the actions of a resource", () => {
  assert.deepEqual(
    mergeScopes(["repository:a:push", "repository:b:pull", "repository:a:pull", "repository:a:pull,push"]),
    ["repository:a:pull,push", "repository:b:pull"],
  );
});
