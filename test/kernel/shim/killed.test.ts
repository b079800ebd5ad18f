// The process in which the shim has its runtime work is killed (by the OOM killer, say), and the shim is not: the request fails, and nothing is left of it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isCode } from "../../../src/common/errors.ts";
import { foldersOf } from "../../support/cgroups.ts";
import { Daemon, NAMESPACE } from "./harness.ts";

const KILLER = { path: "/bin/sh", args: ["sh", "-c", "kill -9 $PPID"] };

test("Create's is killed: no state, no group, no mount, no process is left, and the id is free", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ hooks: { createRuntime: [KILLER] } });
  const { id, bundle, task } = shim;
  await assert.rejects(daemon.create(shim), /helper process ended without a result/);
  await assert.rejects(task.state({ id }), (error) => isCode(error, "NotFound"));
  assert.deepEqual(readdirSync(join(daemon.folder, "runt", NAMESPACE)), []);
  const { linux } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as { linux: { cgroupsPath: string } };
  assert.deepEqual(foldersOf(linux.cgroupsPath), []);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle), "the root file system is unmounted");
  daemon.bundle(id);
  const { pid } = await daemon.create(shim);
  assert.ok(existsSync(`/proc/${pid}`));
});
