import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ControllerService } from "../src/common/gen/containerd/services/sandbox.ts";
import type { ContainerdCore } from "../src/daemon/containerd/api.ts";
import { containerdRouter } from "../src/daemon/grpc/services.ts";
import {
  apiMethods,
  fieldRows,
  PAGE,
  page,
  podFields,
  settings,
  transferFields,
  ttrpcMethods,
} from "./containerd-ledger.ts";
import { apiFields } from "./lib/containerd/api-fields.ts";
import { readShown } from "./lib/containerd/shown.ts";
import { FIELD_LEDGER } from "./lib/containerd-field-ledger.ts";
import { FILTER_LEDGER, LABEL_LEDGER } from "./lib/containerd-label-ledger.ts";
import { LEDGER, TTRPC_LEDGER } from "./lib/containerd-ledger.ts";
import { POD_CONFIG_LEDGER, PODSANDBOX_LEDGER } from "./lib/containerd-pod-ledger.ts";
import { SETTING_LEDGER } from "./lib/containerd-setting-ledger.ts";
import { TRANSFER_LEDGER } from "./lib/containerd-transfer-ledger.ts";
import { assertComplete } from "./lib/evidence.ts";

test("every method of containerd's API has a test or a reason, and no row is left over", async () => {
  const rows = (await apiMethods()).map(({ row }) => row);
  assert.ok(rows.length > 80, "the API's methods are found");
  assertComplete(rows, LEDGER);
});

test("so has every method of shims, every filter field, label and setting", async () => {
  const rows = (await ttrpcMethods()).map(({ row }) => row);
  assert.ok(rows.length > 40, "the shims' methods are found");
  assertComplete(rows, TTRPC_LEDGER);
  const controller = Object.values(ControllerService.methods).map(({ name }) => name);
  assertComplete(controller, PODSANDBOX_LEDGER);
  assertComplete(await podFields(), POD_CONFIG_LEDGER);
  assertComplete(Object.keys(FILTER_LEDGER), FILTER_LEDGER);
  const labels = Object.fromEntries(Object.entries(LABEL_LEDGER).map(([name, [, evidence]]) => [name, evidence]));
  assertComplete(Object.keys(labels), labels);
  assertComplete(settings(), SETTING_LEDGER);
});

test("so has every field of a transfer", async () => {
  const fields = await transferFields();
  assert.ok(fields.length > 40, "the messages are found");
  assertComplete(fields, TRANSFER_LEDGER);
});

test("so has every field of every message, and nothing that is known of one is left over", async () => {
  const rows = await fieldRows();
  assert.ok(rows.length > 850, "the messages are found");
  const ledger = Object.fromEntries(rows.map(({ row, evidence }) => [row, evidence ?? { reason: "" }]));
  assertComplete(
    rows.map(({ row }) => row),
    ledger,
  );
  const own = new Set((await apiFields()).map((one) => one.own));
  const shown = readShown();
  for (const field of [...Object.keys(FIELD_LEDGER), ...shown.keys()])
    assert.ok(own.has(field), `there is no ${field}`);
  for (const field of shown.keys()) assert.ok(!(field in FIELD_LEDGER), `${field} is shown by a test`);
});

test("what has a test is served, and what has a reason is not", async () => {
  // No handler is called: the core is not looked at.
  const router = await containerdRouter({} as ContainerdCore);
  for (const { path, row } of await apiMethods()) {
    assert.equal(router.serves(path), !("reason" in LEDGER[row]!), path);
  }
});

test("the page is up to date", async () => {
  assert.equal(readFileSync(PAGE, "utf8"), await page(), "run tools/node tools/containerd-ledger.ts");
});
