// The process in which the shim has its runtime work is killed (by the OOM killer, say), and the shim is not: the request fails, and nothing is left of it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isCode } from "../../../src/common/errors.ts";
import { Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { foldersOf } from "../../support/cgroups.ts";
import { until } from "../../support/until.ts";
import { Daemon, NAMESPACE, SHIM } from "./harness.ts";

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

test("that of Pause or Resume is killed with its work done: all is as before, and both can be asked for again", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, bundle, task } = shim;
  const [program, deadly] = [join(daemon.folder, "program"), join(daemon.folder, "deadly")];
  const killer = `for a; do [ "$a" != "$(cat ${deadly})" ] || { : > ${deadly}; kill -9 $PPID; sleep 1; }; done`;
  const runt = join(SHIM, "../runt");
  // what works for the process that is killed ends with it: what has to be undone is done by another one
  writeFileSync(program, `#!/bin/sh\nsetsid ${runt} "$@"; code=$?\n${killer}\nexit $code\n`, { mode: 0o755 });
  writeFileSync(deadly, "");
  const options = packAny(Options, { binaryName: program, root: join(daemon.folder, "own") });
  await task.create({ id, bundle, rootfs: daemon.mounts, options });
  await task.start({ id });
  const status = async () => (await task.state({ id })).status;
  for (const [name, work, before, after] of [
    ["pause", () => task.pause({ id }), 2, 4],
    ["resume", () => task.resume({ id }), 4, 2],
  ] as const) {
    writeFileSync(deadly, name);
    await assert.rejects(work(), /helper process ended without a result/);
    assert.equal(await status(), before);
    await work();
    assert.equal(await status(), after);
  }
  await task.kill({ id, signal: 9 });
  assert.equal((await task.wait({ id })).exitStatus, 137);
});

test("a container that another has frozen, or that is still on its way there, ends when it is killed", async (t) => {
  await using daemon = new Daemon();
  // many that are busy: it takes a while until all of them stand still
  const script =
    "for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do (while :; do :; done) & (while :; do :; done) & done; wait";
  await using shim = await daemon.start({ args: ["sh", "-c", script] });
  const { id, task } = shim;
  const { pid } = await daemon.create(shim);
  await task.start({ id });
  const busy = async () => (await task.pids({ id })).processes.length > 32;
  await until("all of them", busy);
  const line = readFileSync(`/proc/${pid}/cgroup`, "utf8").match(/^\d+:freezer:(.*)$/m);
  if (!line) return t.skip("v2: whoever is frozen can be killed");
  writeFileSync(`/sys/fs/cgroup/freezer${line[1]}/freezer.state`, "FROZEN");
  await task.kill({ id, signal: 9 });
  assert.equal((await task.wait({ id })).exitStatus, 137);
});
