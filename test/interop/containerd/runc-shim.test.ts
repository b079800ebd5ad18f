// Our core on containerd's shim and on ours, both with runc: the suites of tasks, run inside the peers' root.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { execute } from "../cli/program.ts";

const ROOT = join(import.meta.dirname, "../../..");

// Each in a /run of its own.
describe("in the peers root", { concurrency: 2 }, () => {
  for (const shim of ["runc", "runt"])
    test(`the core's tasks run on containerd-shim-${shim}-v2 with runc`, async () => {
      const script = join(import.meta.dirname, "runc-shim.ts");
      const args = [
        "enter",
        "--bind",
        ROOT,
        join(ROOT, "tools/node"),
        "--test-timeout=300000",
        script,
        ...(shim === "runc" ? [] : [shim]),
      ];
      const inner = await execute([join(ROOT, "tools/peers"), ...args], { timeoutMs: 500_000 });
      assert.equal(inner.code, 0, `${inner.stdout}\n${inner.stderr}`);
      assert.match(inner.stdout, /(?:# |ℹ )pass 25$/m);
    });
});
