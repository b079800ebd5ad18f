import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ContainerdCore } from "../src/daemon/containerd/api.ts";
import { containerdRouter } from "../src/daemon/grpc/services.ts";
import { apiMethods, PAGE, page } from "./containerd-ledger.ts";
import { LEDGER } from "./lib/containerd-ledger.ts";
import { assertComplete } from "./lib/evidence.ts";

test("every method of containerd's API has a test or a reason, and no row is left over", async () => {
  const rows = (await apiMethods()).map(({ row }) => row);
  assert.ok(rows.length > 80, "the API's methods are found");
  assertComplete(rows, LEDGER);
});

test("what has a test is served, and what has a reason is not", async () => {
  // No handler is called: the core is not looked at.
  const router = containerdRouter({} as ContainerdCore);
  for (const { path, row } of await apiMethods()) {
    assert.equal(router.serves(path), !("reason" in LEDGER[row]!), path);
  }
});

test("the page is up to date", async () => {
  assert.equal(readFileSync(PAGE, "utf8"), page(await apiMethods()), "run tools/node tools/containerd-ledger.ts");
});
