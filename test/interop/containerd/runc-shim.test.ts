// Our core on containerd's shim and on ours, both with runc: the suites of tasks, run inside the peers' root.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../../..");

for (const shim of ["runc", "runt"])
  test(`the core's tasks run on containerd-shim-${shim}-v2 with runc`, () => {
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
    // Without NODE_TEST_CONTEXT the inner run reports to people, not to our runner.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const inner = spawnSync(join(ROOT, "tools/peers"), args, { encoding: "utf8", env });
    assert.equal(inner.status, 0, `${inner.stdout}\n${inner.stderr}`);
    assert.match(inner.stdout, /(?:# |ℹ )pass 23$/m);
  });
