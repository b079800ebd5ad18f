import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WharfError } from "../common/errors.ts";
import { checkRuntimes } from "./config-check.ts";

test("checkRuntimes() wants systemd where a handler has it make the control groups", () => {
  const folder = mkdtempSync(join(tmpdir(), "check-"));
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const handler = { type: process.execPath, binary: "", root: "", systemdCgroup: true };
  checkRuntimes({ runt: handler }, [], folder);
  checkRuntimes({ runt: { ...handler, systemdCgroup: false } }, [], join(folder, "missing"));
  assert.throws(
    () => checkRuntimes({ runt: handler }, [], join(folder, "missing")),
    (error) =>
      error instanceof WharfError &&
      error.code === "FailedPrecondition" &&
      /runtime handler "runt": systemd-cgroup .* does not run here/.test(error.message),
  );
});
