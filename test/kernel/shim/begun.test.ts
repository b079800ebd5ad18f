// A Create whose Start is on its way (START_FOLLOWS): the program runs as soon as it is made, and all is told as if it had waited to be started.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode } from "../../../src/common/errors.ts";
import { Status } from "../../../src/common/gen/containerd/types/task.ts";
import { START_FOLLOWS } from "../../../src/common/shim.ts";
import { textIfThere } from "../../support/files.ts";
import { until } from "../../support/until.ts";
import { alive, Daemon, type TestShim } from "./harness.ts";

/** Both requests at once, as the daemon sends them. */
function begin(daemon: Daemon, { task, id, bundle }: TestShim) {
  const request = { id, bundle, rootfs: daemon.mounts, options: daemon.options };
  const created = task.create(request, { metadata: { [START_FOLLOWS]: "1" } });
  const started = task.start({ id });
  // either may be looked at later
  for (const one of [created, started]) one.catch(() => {});
  return { created, started };
}

test("its creation, start and end are told in this order, however short it is", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "exit 7"] });
  const { id, task } = shim;
  const { created, started } = begin(daemon, shim);
  const { pid } = await created;
  assert.equal((await started).pid, pid);
  assert.equal((await task.wait({ id })).exitStatus, 7);
  assert.equal((await task.state({ id })).status, Status.STOPPED);
  await task.delete({ id });
  await daemon.event("/tasks/delete");
  const topics = daemon.events.map(({ topic }) => topic);
  assert.deepEqual(topics, ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]);
  const told = await daemon.event("/tasks/exit");
  assert.deepEqual([told.containerId, told.pid, told.exitStatus], [id, pid, 7]);
});

test("it runs without having been started, and its end is not told before its start", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "exit 3"] });
  const { id, bundle, task } = shim;
  const request = { id, bundle, rootfs: daemon.mounts, options: daemon.options };
  const { pid } = await task.create(request, { metadata: { [START_FOLLOWS]: "1" } });
  const state = () => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  const gone = () => {
    try {
      return state() === "Z";
    } catch {
      return true;
    }
  };
  await until("its end", gone);
  await daemon.event("/tasks/create");
  assert.notEqual((await task.state({ id })).status, Status.STOPPED);
  await task.start({ id });
  assert.equal((await task.wait({ id })).exitStatus, 3);
  await daemon.event("/tasks/exit");
  const topics = daemon.events.map(({ topic }) => topic);
  assert.deepEqual(topics, ["/tasks/create", "/tasks/start", "/tasks/exit"]);
  await assert.rejects(task.start({ id }), (error) => isCode(error, "FailedPrecondition"));
});

test("what keeps it from running is told by its creation; nothing is left", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["/etc"] });
  const { id, bundle, task } = shim;
  const { created, started } = begin(daemon, shim);
  await assert.rejects(created, /\/etc/);
  await assert.rejects(started);
  await assert.rejects(task.state({ id }), (error) => isCode(error, "NotFound"));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle), "the root file system is unmounted");
  assert.deepEqual(daemon.events, []);
});

test("one whose start never comes can be killed and deleted, while its program runs and after its end", async () => {
  await using daemon = new Daemon();
  for (const [script, signal] of [
    ["exit 3", false],
    ["sleep 1000", false],
    ["sleep 1000", true],
  ] as const) {
    await using shim = await daemon.start({ args: ["sh", "-c", script] });
    const { id, bundle, task } = shim;
    const request = { id, bundle, rootfs: daemon.mounts, options: daemon.options };
    const { pid } = await task.create(request, { metadata: { [START_FOLLOWS]: "1" } });
    if (script === "exit 3") await until("its end", () => !existsSync(`/proc/${pid}`));
    if (signal) {
      await task.kill({ id, signal: 9 });
      assert.equal((await task.wait({ id })).exitStatus, 137);
      await assert.rejects(task.start({ id }), (error) => isCode(error, "FailedPrecondition"));
    }
    assert.equal((await task.delete({ id })).exitStatus, script === "exit 3" ? 3 : 137);
    await until("its deletion is told", () =>
      daemon.events.some(({ topic, event }) => topic === "/tasks/delete" && event.containerId === id),
    );
    const topics = daemon.events.filter(({ event }) => event.containerId === id).map(({ topic }) => topic);
    assert.deepEqual(topics, ["/tasks/create", "/tasks/exit", "/tasks/delete"]);
  }
});

test("that it ran out of memory before anybody listened is told, before its end", async () => {
  await using daemon = new Daemon();
  let late = false;
  for (let i = 0; i < 50 && !late; i++) {
    const script = "until [ -e /dev/go ]; do :; done; tail /dev/zero";
    await using shim = await daemon.start({ memory: 16 << 20, args: ["sh", "-c", script] });
    const { id, task, bundle } = shim;
    const { created, started } = begin(daemon, shim);
    let answered = false;
    const noted = created.finally(() => (answered = true)).catch(() => {});
    await sleep(0);
    // the shim stands still as soon as the program has been made, mostly before it knows of it: nobody else has this turn meanwhile
    let pid = 0;
    for (const end = Date.now() + 60_000; !pid && Date.now() < end; )
      pid = Number(textIfThere(join(bundle, "init.pid")));
    process.kill(shim.pid, "SIGSTOP");
    try {
      await sleep(100);
      late = !answered;
      await until("its file system", () => existsSync(`/proc/${pid}/root/dev/pts`));
      writeFileSync(`/proc/${pid}/root/dev/go`, "");
      await until("its end", () => !alive(pid));
    } finally {
      process.kill(shim.pid, "SIGCONT");
    }
    await Promise.all([noted, started]);
    assert.equal((await task.wait({ id })).exitStatus, 137);
    assert.ok(daemon.events.some(({ topic, event }) => topic === "/tasks/oom" && event.containerId === id));
    await task.delete({ id });
  }
  assert.ok(late, "the shim was stopped in time once");
});
