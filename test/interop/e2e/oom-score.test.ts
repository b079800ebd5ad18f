// Whom the kernel takes when memory is short: containers, then shims, then the daemon; a container has what it asks for, and its execs have the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { shimOf } from "../../../src/daemon/containerd/conformance/task-harness.ts";
import { execute } from "../cli/program.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";

before(() => build());

const scoreOf = (pid: number) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));

test("daemon, shim, container and exec have their OOM scores", async () => {
  await using daemon = await Daemon.start({ config: "oom-score = 300\n" });
  await daemon.busybox();
  assert.equal(scoreOf(daemon.pid), 300);
  const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8").trim().split(" ");
  assert.deepEqual(
    children.map(Number).map(scoreOf),
    children.map(() => 300),
  );
  const sleeps = ["busybox", "sleep", "1000"];
  // by the shim that waits, and by one that is made for a container with more to do
  for (const [score, args] of [
    [0, []],
    [500, ["--oom-score-adj", "500"]],
  ] as const) {
    const id = await daemon.ok("run", "-d", "--network", "none", ...args, ...sleeps);
    const pid = Number(await daemon.ok("inspect", "--format", "{{.State.Pid}}", id));
    assert.deepEqual([scoreOf(pid), scoreOf(shimOf(pid))], [score, 301]);
    assert.equal(await daemon.ok("exec", id, "cat", "/proc/self/oom_score_adj"), String(score));
    await daemon.ok("rm", "-f", id);
  }
  // who names none has the shim's, as with containerd; an exec that names none has the container's
  const ctr = async (...args: string[]) => {
    const done = await execute([join(BIN, "ctr"), "-a", join(daemon.state, "containerd.sock"), "-n", "moby", ...args]);
    assert.equal(done.code, 0, done.stderr);
    return done.stdout.trim();
  };
  const look = ["cat", "/proc/self/oom_score_adj"];
  await ctr(
    "run",
    "-d",
    "--cgroup",
    `/${daemon.cgroup}/one`,
    "docker.io/library/busybox:latest",
    "one",
    "sleep",
    "1000",
  );
  assert.equal(await ctr("tasks", "exec", "--exec-id", "e", "one", ...look), "301");
  await ctr("tasks", "kill", "-s", "9", "one");
  await until("its end", async () => (await ctr("tasks", "ls")).includes("STOPPED"));
  await ctr("tasks", "rm", "one");
  await ctr("containers", "rm", "one");
});
