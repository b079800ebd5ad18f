// A task's life through the shim: create, start, exec, kill, wait, delete, and the events that tell of it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Code, isCode } from "../../../src/common/errors.ts";
import { Metrics } from "../../../src/common/gen/containerd/cgroups/v1.ts";
import { Metrics as MetricsV2 } from "../../../src/common/gen/containerd/cgroups/v2.ts";
import { ProcessDetails } from "../../../src/common/gen/containerd/runc/options.ts";
import { TaskService } from "../../../src/common/gen/containerd/task/v2.ts";
import { RuntimeInfo } from "../../../src/common/gen/containerd/types/introspection.ts";
import { Status } from "../../../src/common/gen/containerd/types/task.ts";
import { unpackAny } from "../../../src/common/protobuf/any.ts";
import { decode } from "../../../src/common/protobuf/codec.ts";
import { spansFromLines } from "../../../src/common/trace.ts";
import { connectTtrpc } from "../../../src/daemon/shim/ttrpc.ts";
import { textIfThere } from "../../support/files.ts";
import { uniqueName } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { alive, Daemon, SHIM, type TaskClient } from "./harness.ts";

const code = (wanted: Code) => (error: unknown) => {
  assert.ok(isCode(error, wanted), `${wanted} expected, not ${(error as { code?: string }).code}: ${error}`);
  return true;
};

test("a task is created, started, waited for and deleted; its events come in order", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "exit 7"] });
  const { id, task, bundle } = shim;
  const { pid } = await daemon.create(shim);
  assert.ok(pid > 0 && alive(pid));
  assert.equal((await task.state({ id })).status, Status.CREATED);
  const exit = task.wait({ id });
  const begin = Math.floor(Date.now() / 1000);
  assert.equal((await task.start({ id })).pid, pid);
  const { exitStatus, exitedAt } = await exit;
  assert.equal(exitStatus, 7);
  assert.ok(exitedAt!.seconds >= begin && exitedAt!.seconds <= Date.now() / 1000);
  const state = await task.state({ id });
  assert.deepEqual([state.status, state.exitStatus, state.bundle, state.pid], [Status.STOPPED, 7, bundle, pid]);
  assert.equal((await task.wait({ id })).exitStatus, 7, "waiting after the end answers at once");
  const deleted = await task.delete({ id });
  assert.deepEqual([deleted.pid, deleted.exitStatus, deleted.exitedAt], [pid, 7, exitedAt]);
  assert.deepEqual(await daemon.event("/tasks/delete").then(() => daemon.events.map(({ topic }) => topic)), [
    "/tasks/create",
    "/tasks/start",
    "/tasks/exit",
    "/tasks/delete",
  ]);
  const told = await daemon.event("/tasks/exit");
  assert.deepEqual([told.containerId, told.id, told.pid, told.exitStatus], [id, id, pid, 7]);
  await assert.rejects(task.state({ id }), code("NotFound"));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle), "the root file system is unmounted");
  await task.shutdown({ id });
  assert.ok(!existsSync(shim.address.slice("unix://".length)), "its socket is gone when the answer is there");
  await shim.client.closed;
});

test("a shim that is told to end leaves its socket's place to the next one, also while it still has events to deliver", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, bundle, task, address } = shim;
  await daemon.create(shim);
  // nobody takes the events: it tries again for some seconds
  await daemon.stopEvents();
  await task.kill({ id, signal: 9 });
  await task.wait({ id });
  await task.delete({ id });
  await task.shutdown({ id });
  const { stdout } = daemon.command(id, bundle, "start");
  assert.equal((JSON.parse(stdout.toString()) as { address: string }).address, address);
  const next = await connectTtrpc(address);
  await shim.client.closed;
  assert.ok(existsSync(address.slice("unix://".length)), "it has not removed the other's socket");
  await next.connection.client(TaskService).shutdown({ id });
  await next.closed;
});

test("a shim that is told to end looks for the daemon all the time, however long its events have been refused", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, task } = shim;
  await daemon.create(shim);
  await daemon.event("/tasks/create", { containerId: id });
  await daemon.stopEvents();
  let refused = 0;
  const refusing = createServer((socket) => {
    refused++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => refusing.listen(`${daemon.address}.ttrpc`, resolve));
  await task.kill({ id, signal: 9 });
  await task.wait({ id });
  // from the sixth time on it waits for longer than an ending shim stays
  while (refused < 6) await sleep(20);
  await new Promise((resolve) => refusing.close(resolve));
  await daemon.serveEvents();
  await task.delete({ id });
  await task.shutdown({ id });
  await shim.client.closed;
  await daemon.event("/tasks/exit", { containerId: id });
  await daemon.event("/tasks/delete", { containerId: id });
});

test("execs have their own life; the init process's end is told last", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, task } = shim;
  await daemon.create(shim);
  await task.start({ id });
  const spec = (args: string[]) => ({
    typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
    value: Buffer.from(JSON.stringify({ args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } })),
  });
  await task.exec({ id, execId: "e1", spec: spec(["sh", "-c", "exit 3"]) });
  await assert.rejects(task.exec({ id, execId: "e1", spec: spec(["true"]) }), code("AlreadyExists"));
  await assert.rejects(task.exec({ id, execId: "../x", spec: spec(["true"]) }), code("InvalidArgument"));
  assert.equal((await task.state({ id, execId: "e1" })).status, Status.CREATED);
  const first = await task.start({ id, execId: "e1" });
  assert.equal((await task.wait({ id, execId: "e1" })).exitStatus, 3);
  assert.equal((await task.delete({ id, execId: "e1" })).pid, first.pid);
  await assert.rejects(task.state({ id, execId: "e1" }), code("NotFound"));
  await assert.rejects(task.start({ id, execId: "e1" }), code("NotFound"));

  await task.exec({ id, execId: "e2", spec: spec(["sleep", "1000"]) });
  const second = await task.start({ id, execId: "e2" });
  await assert.rejects(task.delete({ id, execId: "e2" }), code("FailedPrecondition"));
  const { processes } = await task.pids({ id });
  const named = processes.find(({ pid }) => pid === second.pid);
  assert.equal(unpackAny(ProcessDetails, named!.info!).execId, "e2");
  assert.equal(processes.length, 2);
  await task.kill({ id, execId: "e2", signal: 15 });
  assert.equal((await task.wait({ id, execId: "e2" })).exitStatus, 143);
  await assert.rejects(task.kill({ id, execId: "e2", signal: 15 }), code("NotFound"));
  await task.delete({ id, execId: "e2" });

  await task.exec({ id, execId: "e3", spec: spec(["sleep", "1000"]) });
  await task.start({ id, execId: "e3" });
  await assert.rejects(task.delete({ id }), code("FailedPrecondition"));
  await assert.rejects(task.start({ id }), code("FailedPrecondition"));
  await task.kill({ id, signal: 9 });
  assert.equal((await task.wait({ id })).exitStatus, 137);
  await daemon.event("/tasks/exit", { id });
  const exits = daemon.events.filter(({ topic }) => topic === "/tasks/exit").map(({ event }) => event.id);
  assert.deepEqual(exits, ["e1", "e2", "e3", id]);
  await assert.rejects(task.exec({ id, execId: "e4", spec: spec(["true"]) }), code("FailedPrecondition"));
  await assert.rejects(task.kill({ id, signal: 9 }), code("NotFound"));
  await task.delete({ id });
});

test("a failed create says why and leaves nothing", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["/no/such/program"] });
  const { task, id, bundle } = shim;
  await assert.rejects(
    async () => {
      await daemon.create(shim);
      await task.start({ id });
    },
    (error) => /no\/such\/program|no such file/i.test((error as Error).message),
  );
  await task.delete({ id }).catch(() => {});
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle), "nothing is mounted");
  await assert.rejects(task.create({ id, bundle, stdout: "gopher://x/y" }), code("InvalidArgument"));
  await assert.rejects(task.create({ id, bundle, stdout: "/no/such/fifo" }), code("NotFound"));
  await assert.rejects(
    task.create({ id, bundle, options: { typeUrl: "other.Options", value: new Uint8Array([8, 1]) } }),
    code("InvalidArgument"),
  );
});

test("a task that waits for its start can be looked into", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { task, id } = shim;
  await daemon.create(shim);
  const spec = {
    typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
    value: Buffer.from(
      JSON.stringify({ args: ["sh", "-c", "exit 5"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } }),
    ),
  };
  await task.exec({ id, execId: "early", spec });
  await task.start({ id, execId: "early" });
  assert.equal((await task.wait({ id, execId: "early" })).exitStatus, 5);
  await task.delete({ id, execId: "early" });
  assert.equal((await task.state({ id })).status, Status.CREATED);
  await task.delete({ id });
});

test("a created task can be deleted, and a created one killed", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { task, id } = shim;
  const { pid } = await daemon.create(shim);
  await assert.rejects(daemon.create(shim), code("AlreadyExists"));
  const deleted = await task.delete({ id });
  assert.equal(deleted.pid, pid);
  assert.ok(!alive(pid));
  await daemon.create(shim);
  await task.kill({ id, signal: 9 });
  assert.equal((await task.wait({ id })).exitStatus, 137);
  await assert.rejects(task.start({ id }), code("FailedPrecondition"));
  await task.delete({ id });
});

/** Of either version of cgroups: memory limit in bytes, processor time in ns, processes. */
async function figures(task: TaskClient, id: string): Promise<{ limit: bigint; cpu: bigint; pids: bigint }> {
  const { stats } = await task.stats({ id });
  if (stats!.typeUrl.endsWith(MetricsV2.typeName)) {
    const { memory, cpu, pids } = unpackAny(MetricsV2, stats!);
    return { limit: memory!.usageLimit, cpu: cpu!.usageUsec * 1000n, pids: pids!.current };
  }
  const { memory, cpu, pids } = unpackAny(Metrics, stats!);
  return { limit: memory!.usage!.limit, cpu: cpu!.usage!.total, pids: pids!.current };
}

test("pause, resume, statistics, update", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ memory: 64 << 20, args: ["sh", "-c", "while :; do :; done"] });
  const { task, id } = shim;
  await daemon.create(shim);
  await assert.rejects(task.pause({ id }), code("FailedPrecondition"));
  await task.start({ id });
  let stats = await figures(task, id);
  for (; stats.cpu <= 10_000_000n; stats = await figures(task, id)) await sleep(10);
  assert.equal(stats.limit, 64n << 20n);
  assert.ok(stats.pids >= 1n);
  await task.update({
    id,
    resources: { typeUrl: "x", value: Buffer.from(JSON.stringify({ memory: { limit: 32 << 20 } })) },
  });
  assert.equal((await figures(task, id)).limit, 32n << 20n);
  await task.pause({ id });
  assert.equal((await task.state({ id })).status, Status.PAUSED);
  await daemon.event("/tasks/paused", { containerId: id });
  await assert.rejects(task.pause({ id }), code("FailedPrecondition"));
  await task.resume({ id });
  assert.equal((await task.state({ id })).status, Status.RUNNING);
  await daemon.event("/tasks/resumed", { containerId: id });
  await assert.rejects(task.resume({ id }), code("FailedPrecondition"));
  await assert.rejects(task.checkpoint({ id }), code("InvalidArgument"));
  await task.pause({ id });
  await task.kill({ id, signal: 9, all: true });
  await task.resume({ id }).catch(() => {});
  assert.equal((await task.wait({ id })).exitStatus, 137);
  await task.delete({ id });
});

test("a container out of memory is told of", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ memory: 16 << 20, args: ["tail", "/dev/zero"] });
  const { task, id } = shim;
  await daemon.create(shim);
  await task.start({ id });
  await task.wait({ id });
  const told = daemon.events.filter(({ topic }) => topic === "/tasks/oom");
  assert.deepEqual([...new Set(told.map(({ event }) => event.containerId))], [id], "before the end is answered");
  await task.delete({ id });
});

test("who kills all has its answer, though the container is deleted and the shim told to end as soon as it has ended", async () => {
  await using daemon = new Daemon();
  for (let i = 0; i < 5; i++) {
    await using shim = await daemon.start({ without: ["pid"], args: ["sh", "-c", "sleep 999 & sleep 999"] });
    const { id, task } = shim;
    await daemon.create(shim);
    const exit = task.wait({ id });
    await task.start({ id });
    const killed = task.kill({ id, signal: 9, all: true });
    await exit;
    await task.delete({ id });
    await Promise.all([killed, task.shutdown({ id })]);
  }
});

test("without a pid namespace of its own, what the init process leaves is killed", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ without: ["pid"], args: ["sh", "-c", "sleep 999 & exec sleep 1000"] });
  const { task, id } = shim;
  await daemon.create(shim);
  await task.start({ id });
  const processes = await until("both", async () => {
    const found = (await task.pids({ id })).processes;
    return found.length === 2 && found;
  });
  await task.kill({ id, signal: 9 });
  await task.wait({ id });
  await daemon.event("/tasks/exit", { id });
  await until("the end of all", () => !processes.some(({ pid }) => alive(pid)));
  await task.delete({ id });
});

test("connect, shutdown with containers", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { task, id, pid } = shim;
  const created = await daemon.create(shim);
  const { shimPid, taskPid } = await task.connect({ id });
  assert.deepEqual([shimPid, taskPid], [pid, created.pid]);
  await task.shutdown({ id });
  assert.equal((await task.state({ id })).status, Status.CREATED, "it goes on while it holds a container");
});

test("version 3 of the service has the same methods", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "cat >/dev/null; sleep 1000"] });
  const { id, bundle } = shim;
  const task = shim.client.connection.client(TaskService, "containerd.task.v3.Task");
  const stdin = join(daemon.folder, "in");
  execFileSync("mkfifo", [stdin]);
  // For both directions: opening them waits for nobody.
  const writer = openSync(stdin, "r+");
  const { pid } = await task.create({ id, bundle, rootfs: daemon.mounts, options: daemon.options, stdin });
  assert.equal((await task.state({ id })).status, Status.CREATED);
  assert.equal((await task.start({ id })).pid, pid);
  assert.deepEqual(await task.connect({ id }).then(({ shimPid, taskPid }) => [shimPid, taskPid]), [shim.pid, pid]);
  const args = ["sh", "-c", "until [ \"$(stty size)\" = '33 99' ]; do sleep 0.1; done; exit 5"];
  const process = { args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 }, terminal: true };
  const spec = { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process", value: json(process) };
  const screen = join(daemon.folder, "screen");
  execFileSync("mkfifo", [screen]);
  const reader = openSync(screen, "r+");
  await task.exec({ id, execId: "e", spec, terminal: true, stdout: screen });
  await task.start({ id, execId: "e" });
  assert.ok((await task.pids({ id })).processes.length >= 2);
  await task.resizePty({ id, execId: "e", width: 99, height: 33 });
  assert.equal((await task.wait({ id, execId: "e" })).exitStatus, 5);
  assert.equal((await task.delete({ id, execId: "e" })).exitStatus, 5);
  closeSync(reader);
  const children = async () => (await task.pids({ id })).processes.map((one) => commandOf(one.pid));
  closeSync(writer);
  assert.ok(!(await children()).includes("sleep 1000"));
  await task.closeIO({ id, stdin: true });
  await until("what follows the input's end", async () => (await children()).includes("sleep 1000"));
  await task.update({ id, resources: { typeUrl: "x", value: json({ memory: { limit: 32 << 20 } }) } });
  assert.equal((await figures(task, id)).limit, 32n << 20n);
  await task.pause({ id });
  assert.equal((await task.state({ id })).status, Status.PAUSED);
  await task.resume({ id });
  assert.equal((await task.state({ id })).status, Status.RUNNING);
  await task.kill({ id, signal: 9, all: true });
  assert.equal((await task.wait({ id })).exitStatus, 137);
  assert.equal((await task.delete({ id })).exitStatus, 137);
  await task.shutdown({ id });
  await shim.client.closed;
});

/** Its words; of one that has ended none. */
const commandOf = (pid: number) => textIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

test("one shim serves a pod", async () => {
  await using daemon = new Daemon();
  const annotations = { "io.kubernetes.cri.sandbox-id": "pod1" };
  await using first = await daemon.start({ annotations });
  const bundle = daemon.bundle(`${first.id}-b`, { annotations });
  const { stdout } = daemon.command(`${first.id}-b`, bundle, "start", { MAX_SHIM_VERSION: "" });
  assert.equal(stdout.toString(), first.address, "an older daemon gets the bare address");
  await daemon.create(first);
  await first.task.create({ id: `${first.id}-b`, bundle, rootfs: daemon.mounts, options: daemon.options });
  for (const id of [first.id, `${first.id}-b`]) await first.task.start({ id });
  await first.task.kill({ id: `${first.id}-b`, signal: 9 });
  assert.equal((await first.task.wait({ id: `${first.id}-b` })).exitStatus, 137);
  await first.task.delete({ id: `${first.id}-b` });
  assert.equal((await first.task.state({ id: first.id })).status, Status.RUNNING);
});

test("the daemon's death ends nothing; its events wait for it; delete cleans up after a killed shim", async () => {
  await using daemon = new Daemon();
  daemon.away = true;
  await using shim = await daemon.start({ args: ["sh", "-c", "sleep 0.2; exit 5"] });
  const { id, task, pid, bundle } = shim;
  await daemon.create(shim);
  await task.start({ id });
  shim.client[Symbol.dispose]();
  await sleep(500);
  assert.ok(alive(pid));
  await daemon.serveEvents();
  const again = await shim.connect();
  assert.equal((await again.task.wait({ id })).exitStatus, 5);
  await daemon.event("/tasks/exit", { id, exitStatus: 5 });
  assert.deepEqual(
    daemon.events.map(({ topic }) => topic),
    ["/tasks/create", "/tasks/start", "/tasks/exit"],
  );
  await again.task.delete({ id });
  const created = await again.task.create({ id, bundle, rootfs: daemon.mounts, options: daemon.options });
  process.kill(pid, "SIGKILL");
  await again.client.closed;
  const answer = daemon.delete(shim);
  assert.deepEqual([answer.pid, answer.exitStatus], [created.pid, 137]);
  await until("its end", () => !alive(created.pid));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle));
  assert.ok(!existsSync(join(shim.address.slice("unix://".length))), "the dead shim's socket is removed");
});

test("delete takes away the layers that a helper, killed at its work, left mounted beside the root file system", async () => {
  await using daemon = new Daemon();
  const id = uniqueName("c");
  const bundle = daemon.bundle(id);
  const place = join(bundle, "rootfs.lower/0");
  mkdirSync(place, { recursive: true });
  assert.equal(spawnSync("mount", ["--bind", daemon.rootfs, place]).status, 0);
  const { status, stderr } = daemon.command(id, bundle, "delete");
  assert.equal(status, 0, String(stderr));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(bundle));
});

test("a sampled trace gets a span for the request and those of the runtime below it", async () => {
  await using daemon = new Daemon();
  mkdirSync(join(daemon.folder, "trace"));
  await using shim = await daemon.start();
  const { task, id, bundle } = shim;
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const metadata = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  const { mounts, options } = daemon;
  await task.create({ id, bundle, rootfs: mounts, options }, { metadata });
  await task.start({ id }, { metadata: { traceparent: metadata.traceparent.replace(/1$/, "0") } });
  const spans = spansFromLines(readFileSync(join(daemon.folder, "trace", `${traceId}.jsonl`), "utf8"));
  const own = spans.filter(({ service }) => service === "shim");
  assert.deepEqual(
    own.map(({ name, parentId }) => [name, parentId]),
    [["task Create", "00f067aa0ba902b7"]],
  );
  assert.ok(spans.some(({ service, parentId }) => service === "runt" && parentId === own[0]!.spanId));
  assert.deepEqual(readdirSync(join(daemon.folder, "trace")), [`${traceId}.jsonl`]);
});

test("-info tells the runtime's features, -v the version, bad flags an error", () => {
  const info = spawnSync(SHIM, ["-info"], { input: "" });
  const { name, features } = decode(RuntimeInfo, new Uint8Array(info.stdout));
  assert.equal(name, "io.containerd.runt.v2");
  assert.ok(JSON.parse(Buffer.from(features!.value).toString()).linux.namespaces.includes("pid"));
  assert.match(spawnSync(SHIM, ["-v"], { encoding: "utf8" }).stdout, /Version: {2}\d/);
  for (const [args, message] of [
    [["-namespace", "x", "-id", "y", "dance"], /unknown action "dance"/],
    [["-id", "y", "start"], /namespace cannot be empty/],
    [["-colour", "start"], /unknown flag -colour/],
    [["-namespace", "x", "-id", "y", "-bundle", "/no/where", "start"], /no\/where/],
  ] as const) {
    const { status, stderr } = spawnSync(SHIM, args, { encoding: "utf8", input: "" });
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
});

test("checkpoint and restore: without criu they say what is missing, and leave all as it was", async () => {
  const { PATH } = process.env;
  process.env.PATH = "/nowhere";
  using _path = new DisposableStack();
  _path.defer(() => {
    process.env.PATH = PATH;
  });
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, task } = shim;
  const path = join(daemon.folder, "images");
  const { pid } = await daemon.create(shim);
  await assert.rejects(task.checkpoint({ id, path }), /cannot checkpoint a created process/);
  await task.start({ id });
  await assert.rejects(task.checkpoint({ id, path: "" }), code("InvalidArgument"));
  const odd = { typeUrl: "my.Type", value: Buffer.from("x") };
  await assert.rejects(task.checkpoint({ id, path, options: odd }), code("InvalidArgument"));
  await assert.rejects(task.checkpoint({ id, path }), /need criu, which is not at criu/);
  assert.equal((await task.state({ id })).status, Status.RUNNING);
  assert.ok(alive(pid));

  await using other = await daemon.start();
  const request = { id: other.id, bundle: other.bundle, rootfs: daemon.mounts, options: daemon.options };
  assert.equal((await other.task.create({ ...request, checkpoint: join(daemon.folder, "none") })).pid, 0);
  assert.equal((await other.task.state({ id: other.id })).status, Status.CREATED);
  await assert.rejects(other.task.start({ id: other.id }), /there is no checkpoint at/);
  await assert.rejects(other.task.start({ id: other.id }), code("NotFound"), "it can be tried again");
  await other.task.delete({ id: other.id });
  await assert.rejects(other.task.state({ id: other.id }), code("NotFound"));
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(other.bundle));

  await using bad = await daemon.start();
  const attach = join(daemon.folder, "attach.sock");
  const stdout = `binary:///usr/libexec/wharf/wharf-logger?driver=none&attach=${attach}`;
  const rootfs = [{ type: "bind", source: join(daemon.folder, "nothing"), target: "", options: ["rbind"] }];
  const wrong = { ...request, id: bad.id, bundle: bad.bundle, rootfs, stdout, stderr: stdout, checkpoint: path };
  await assert.rejects(bad.task.create(wrong), code("NotFound"));
  assert.ok(!existsSync(attach), "its streams are given back");

  await using third = await daemon.start();
  const again = { id: third.id, bundle: third.bundle, rootfs: daemon.mounts, options: daemon.options };
  await third.task.create({ ...again, checkpoint: path });
  await assert.rejects(third.task.start({ id: third.id }), /need criu, which is not at criu/);
  // nothing runs that could be killed, and whose end could be waited for
  await third.task.delete({ id: third.id });
});
