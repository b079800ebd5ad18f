/** The contract of TaskManager, run with a real shim and runtime: as root, with busybox in the rootfs. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "../../../common/errors.ts";
import { Metrics } from "../../../common/gen/containerd/cgroups/v1.ts";
import { Metrics as MetricsV2 } from "../../../common/gen/containerd/cgroups/v2.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import { PROCESS_TYPE_URL, SPEC_TYPE_URL } from "../api/containers.ts";
import type { Containerd } from "../api.ts";
import { rejects } from "./harness.ts";
import {
  encode,
  isAlive,
  listen,
  pick,
  process_,
  shimOf,
  socketsOf,
  stopped,
  type TaskSubject,
  taskSpec,
  until,
} from "./task-harness.ts";

export function tasksSuite(name: string, create: () => Promise<TaskSubject>): void {
  const check = (title: string, body: (subject: TaskSubject, client: () => Containerd) => Promise<void>) => {
    test(`${name}: tasks: ${title}`, async () => {
      await using subject = await create();
      await body(subject, () => subject.client("a"));
    });
  };
  const container = async (subject: TaskSubject, id: string, command: string) => {
    const args = ["/bin/busybox", "sh", "-c", command];
    const value = taskSpec(subject, id, args);
    const { runtime } = subject;
    return subject.client("a").containers.create({ id, runtime, spec: { typeUrl: SPEC_TYPE_URL, value } });
  };
  const begin = async (subject: TaskSubject, id: string, command: string, stdout = "") => {
    await container(subject, id, command);
    const { tasks } = subject.client("a");
    const created = await tasks.create({ containerId: id, rootfs: subject.rootfs, stdout, stderr: stdout });
    assert.equal((await tasks.get({ containerId: id })).status, "created");
    const started = await tasks.start({ containerId: id });
    assert.equal(started.pid, created.pid);
    return started.pid;
  };
  const exec = (client: Containerd, containerId: string, execId: string, command: string) =>
    client.tasks.exec({ containerId, execId, spec: { typeUrl: PROCESS_TYPE_URL, value: encode(process_(command)) } });
  /** Lets the process end that waits for /end, and waits until its shim knows. */
  const ended = async ({ rootfs }: TaskSubject, pid: number) => {
    writeFileSync(join(rootfs[0]!.source, "end"), "");
    await until("its end", () => !existsSync(`/proc/${pid}`));
  };
  const bundles = ({ state }: TaskSubject) =>
    readdirSync(join(state, "tasks"), { recursive: true }).filter((path) => String(path).includes("/"));

  check("a process runs, writes, exits, and is deleted", async (subject, client) => {
    const events = listen(client());
    const log = join(subject.dir, "log");
    writeFileSync(log, "");
    const pid = await begin(subject, "c1", "echo hello; exit 7", `file://${log}`);
    const { tasks } = client();
    const exit = await tasks.wait({ containerId: "c1" });
    assert.equal(exit.exitStatus, 7);
    assert.deepEqual(await tasks.wait({ containerId: "c1" }), exit);
    const stopped = await tasks.get({ containerId: "c1" });
    assert.deepEqual([stopped.status, stopped.exitStatus, stopped.id], ["stopped", 7, "c1"]);
    await rejects(client().containers.delete("c1"), "FailedPrecondition");
    const deleted = await tasks.delete("c1");
    assert.deepEqual([deleted.id, deleted.pid, deleted.exitStatus], ["c1", pid, 7]);
    await rejects(tasks.get({ containerId: "c1" }), "NotFound");
    assert.equal(readFileSync(log, "utf8"), "hello\n");
    assert.deepEqual(bundles(subject), []);
    await client().containers.delete("c1");
    const told = await events.until("/tasks/delete");
    assert.deepEqual(
      told.map(({ topic }) => topic),
      ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"],
    );
    assert.deepEqual(pick(told[2]!, "containerId", "id", "pid", "exitStatus"), ["c1", "c1", pid, 7]);
  });

  check("a signal ends a process; what runs is not deleted", async (subject, client) => {
    await begin(subject, "c1", "while :; do sleep 1; done");
    const { tasks } = client();
    assert.equal((await tasks.get({ containerId: "c1" })).status, "running");
    await rejects(tasks.delete("c1"), "FailedPrecondition");
    await rejects(tasks.create({ containerId: "c1", rootfs: subject.rootfs }), "AlreadyExists");
    const waiting = tasks.wait({ containerId: "c1" });
    await rejects(tasks.wait({ containerId: "c1", signal: AbortSignal.timeout(50) }), "Canceled");
    await tasks.kill({ containerId: "c1", signal: 9 });
    assert.equal((await waiting).exitStatus, 137);
    assert.equal((await tasks.delete("c1")).exitStatus, 137);
  });

  check("processes are added, listed, waited for and deleted", async (subject, client) => {
    const init = await begin(subject, "c1", "while :; do sleep 1; done");
    const { tasks } = client();
    await exec(client(), "c1", "e1", "exit 3");
    await rejects(exec(client(), "c1", "e1", "true"), "AlreadyExists");
    const waiting = tasks.wait({ containerId: "c1", execId: "e1" });
    const { pid } = await tasks.start({ containerId: "c1", execId: "e1" });
    assert.notEqual(pid, init);
    assert.equal((await waiting).exitStatus, 3);
    const state = await tasks.get({ containerId: "c1", execId: "e1" });
    assert.deepEqual([state.id, state.status, state.exitStatus], ["e1", "stopped", 3]);
    const deleted = await tasks.deleteProcess({ containerId: "c1", execId: "e1" });
    assert.deepEqual([deleted.id, deleted.exitStatus, deleted.pid], ["e1", 3, pid]);
    await rejects(tasks.wait({ containerId: "c1", execId: "e1" }), "NotFound");
    await exec(client(), "c1", "e2", "sleep 100");
    await tasks.start({ containerId: "c1", execId: "e2" });
    assert.ok((await tasks.listPids("c1")).length >= 2);
    await tasks.kill({ containerId: "c1", execId: "e2", signal: 15 });
    assert.equal((await tasks.wait({ containerId: "c1", execId: "e2" })).exitStatus, 143);
    assert.deepEqual(
      (await tasks.list()).map(({ id, status }) => [id, status]),
      [["c1", "running"]],
    );
    for (const [filter, ids] of [
      ["id==c1", ["c1"]],
      ["id==c2", []],
      ["namespace==a", ["c1"]],
      ["namespace==b", []],
    ] as const) {
      assert.deepEqual(
        (await tasks.metrics([filter])).map(({ id }) => id),
        ids,
        filter,
      );
    }
    await end(client(), "c1");
  });

  check("its input is closed and its limits change when that is asked for", async (subject, client) => {
    const [stdin, stdout] = ["in", "out"].map((one) => join(subject.dir, one)) as [string, string];
    execFileSync("mkfifo", [stdin, stdout]);
    // For both directions: opening them waits for nobody, nor does reading.
    const [writer, reader] = [stdin, stdout].map((path) => openSync(path, constants.O_RDWR | constants.O_NONBLOCK)) as [
      number,
      number,
    ];
    let heard = "";
    const listen = () => {
      const buffer = Buffer.alloc(100);
      try {
        heard += buffer.toString("utf8", 0, readSync(reader, buffer));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      }
      return heard;
    };
    try {
      await container(subject, "c1", "cat; exit 4");
      const { tasks } = client();
      await tasks.create({ containerId: "c1", rootfs: subject.rootfs, stdin, stdout, stderr: stdout });
      await tasks.start({ containerId: "c1" });
      const limit = async () => {
        const data = (await tasks.metrics(["id==c1"]))[0]!.data!;
        const { pids } = isAny(data, MetricsV2) ? unpackAny(MetricsV2, data) : unpackAny(Metrics, data);
        return Number(pids!.limit);
      };
      assert.notEqual(await limit(), 77);
      const typeUrl = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
      await tasks.update({ containerId: "c1", resources: { typeUrl, value: encode({ pids: { limit: 77 } }) } });
      assert.equal(await limit(), 77);
      writeSync(writer, "hello\n");
      await until("what was typed", () => listen() === "hello\n");
      // Though nobody else has it open any more, the shim keeps it so.
      closeSync(writer);
      assert.equal((await tasks.get({ containerId: "c1" })).status, "running");
      await tasks.closeIO({ containerId: "c1", stdin: true });
      assert.equal((await tasks.wait({ containerId: "c1" })).exitStatus, 4);
      await tasks.delete("c1");
    } catch (error) {
      await client()
        .tasks.kill({ containerId: "c1", signal: 9 })
        .catch(() => {});
      throw error;
    }
  });

  check(
    "who asks for a task that is being created waits for it, and for one that fails, too",
    async (subject, client) => {
      await container(subject, "c1", "cat");
      const [gate, reached] = ["gate", "reached"].map((name) => join(subject.dir, name)) as [string, string];
      execFileSync("mkfifo", [gate]);
      const runtimePath = join(subject.dir, "containerd-shim-gate-v1");
      const shim = join(import.meta.dirname, "../../../../dist/bin/containerd-shim-runt-v2");
      const { tasks } = client();
      const ask = async (then: string) => {
        const script = `#!/bin/sh\ncase "$*" in *start) touch ${reached}; read -r _ < ${gate}; ${then} ;; esac\nexec ${shim} "$@"\n`;
        writeFileSync(runtimePath, script, { mode: 0o755 });
        const created = tasks.create({ containerId: "c1", rootfs: subject.rootfs, runtimePath });
        await until("the shim", () => existsSync(reached));
        const asked = [tasks.get({ containerId: "c1" }), tasks.closeIO({ containerId: "c1", stdin: true })] as const;
        let early = false;
        const note = () => {
          early = true;
        };
        for (const one of asked) one.then(note, note);
        // what does not wait is answered before this is
        assert.deepEqual(await tasks.list(), []);
        assert.equal(early, false);
        writeFileSync(gate, "\n");
        rmSync(reached);
        return [created, ...asked] as const;
      };
      const [none, ...neither] = await ask("exit 1");
      await rejects(none, "Unavailable");
      for (const one of neither) await rejects(one, "NotFound");
      const [created, got, closed] = await ask(":");
      const { pid } = await created;
      assert.deepEqual([(await got).status, (await got).pid], ["created", pid]);
      await closed;
      await tasks.delete("c1");
    },
  );

  check("the shim of a task may be another than its container's, by its path", async (subject, client) => {
    await container(subject, "c1", "exit 3");
    const calls = join(subject.dir, "calls");
    const path = join(subject.dir, "containerd-shim-other-v1");
    const shim = join(import.meta.dirname, "../../../../dist/bin/containerd-shim-runt-v2");
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${calls}\nexec ${shim} "$@"\n`, { mode: 0o755 });
    const { tasks } = client();
    await rejects(tasks.create({ containerId: "c1", rootfs: subject.rootfs, runtimePath: `${path}-none` }), "Unknown");
    await tasks.create({ containerId: "c1", rootfs: subject.rootfs, runtimePath: path });
    await tasks.start({ containerId: "c1" });
    assert.equal((await tasks.wait({ containerId: "c1" })).exitStatus, 3);
    await tasks.delete("c1");
    assert.match(readFileSync(calls, "utf8"), /-id c1 .*start\n/);
  });

  check("a task that was never started is deleted", async (subject, client) => {
    await container(subject, "c1", "true");
    await client().tasks.create({ containerId: "c1", rootfs: subject.rootfs });
    await client().tasks.delete("c1");
    await begin(subject, "c2", "true");
    await client().tasks.wait({ containerId: "c2" });
    await client().tasks.delete("c2");
    await client().tasks.create({ containerId: "c1", rootfs: subject.rootfs });
    await client().tasks.start({ containerId: "c1" });
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 0);
    await client().tasks.delete("c1");
    assert.deepEqual(bundles(subject), []);
  });

  check("a creation that fails leaves nothing", async (subject, client) => {
    const { tasks, containers } = client();
    await rejects(tasks.create({ containerId: "none" }), "NotFound");
    const bad = taskSpec(subject, "c1", ["/no/such/program"]);
    await containers.create({
      id: "c1",
      runtime: subject.runtime,
      spec: { typeUrl: SPEC_TYPE_URL, value: bad },
    });
    // A runtime may find out when it creates or when it starts.
    const failure = await tasks
      .create({ containerId: "c1", rootfs: subject.rootfs })
      .then(() => tasks.start({ containerId: "c1" }))
      .then(() => undefined, describe);
    assert.match(failure ?? "no failure", /^failed to create shim task: .*(?:no such file|not found|ENOENT)/i);
    await tasks.delete("c1").catch(() => {});
    await containers.create({
      id: "c2",
      runtime: { name: "io.containerd.nothing.v9" },
      spec: { typeUrl: SPEC_TYPE_URL, value: bad },
    });
    // containerd's code and words, which dockerd passes on
    const error = await rejects(tasks.create({ containerId: "c2" }), "Unknown");
    assert.match(describe(error), /^failed to start shim: failed to resolve runtime path: .*nothing-v9/);
    await containers.create({ id: "c4", runtime: { name: "invalid" }, spec: { typeUrl: SPEC_TYPE_URL, value: bad } });
    const nameless = await rejects(tasks.create({ containerId: "c4" }), "InvalidArgument");
    // containerd's words, which nerdctl's tests look for
    assert.match(describe(nameless), /invalid runtime name/);
    await containers.create({
      id: "c3",
      runtime: subject.runtime,
      spec: { typeUrl: SPEC_TYPE_URL, value: encode([]).subarray(0, 1) },
    });
    await rejects(tasks.create({ containerId: "c3", rootfs: subject.rootfs }), "InvalidArgument");
    assert.deepEqual(bundles(subject), []);
    for (const id of ["c1", "c2", "c3", "c4"]) await containers.delete(id);
  });

  check("a restarted daemon finds its tasks, and how they ended meanwhile", async (subject, client) => {
    const flag = join(subject.dir, "flag");
    const pid = await begin(subject, "lives", "while :; do sleep 1; done");
    const ends = await begin(subject, "ends", "until [ -e /end ]; do sleep 0.1; done; exit 5");
    await subject.restart(() => ended(subject, ends));
    const { tasks } = client();
    const all = (await tasks.list()).map(({ id, status, exitStatus }) => [id, status, exitStatus]);
    assert.deepEqual(all.sort(), [
      ["ends", "stopped", 5],
      ["lives", "running", 0],
    ]);
    assert.equal((await tasks.get({ containerId: "lives" })).pid, pid);
    assert.equal((await tasks.wait({ containerId: "ends" })).exitStatus, 5);
    await exec(client(), "lives", "e", "exit 4");
    await tasks.start({ containerId: "lives", execId: "e" });
    assert.equal((await tasks.wait({ containerId: "lives", execId: "e" })).exitStatus, 4);
    await tasks.delete("ends");
    await end(client(), "lives");
    assert.deepEqual(bundles(subject), [], flag);
  });

  check(
    "after a restart each end is told once more at most, with its pid, and no exec's code is lost",
    async (subject, client) => {
      await begin(subject, "c1", "while :; do sleep 1; done");
      const start = async (id: string, command: string) => {
        await exec(client(), "c1", id, command);
        return (await client().tasks.start({ containerId: "c1", execId: id })).pid;
      };
      const waited = async (id: string) => (await client().tasks.wait({ containerId: "c1", execId: id })).exitStatus;
      const events = listen(client(), `topic=="/tasks/exit"`);
      const before = await start("before", "exit 5");
      assert.equal(await waited("before"), 5);
      await events.until("/tasks/exit");
      // the note that it was told is not written with the event
      await sleep(1500);
      const meanwhile = await start("meanwhile", "until [ -e /end ]; do sleep 0.1; done; exit 4");
      const after_ = await start("after", "until [ -e /go ]; do sleep 0.1; done; exit 6");
      await subject.restart(() => ended(subject, meanwhile));
      const later = listen(client(), `topic=="/tasks/exit"`);
      for (const [id, status] of [
        ["before", 5],
        ["meanwhile", 4],
      ] as const)
        assert.equal(await waited(id), status);
      const go = await start("go", "touch /go");
      assert.equal(await waited("after"), 6);
      assert.equal(await waited("go"), 0);
      const ids = () => later.got.map((envelope) => String(pick(envelope, "id")[0]));
      await until("the events of what has ended now", () => ["after", "go"].every((id) => ids().includes(id)));
      // longer than the daemon waits for a shim's own event before it tells in its place
      await sleep(1500);
      const told = later.got.map((envelope) => pick(envelope, "id", "pid", "exitStatus"));
      told.sort(([a], [b]) => String(a).localeCompare(String(b)));
      const now = [
        ["after", after_, 6],
        ["go", go, 0],
      ];
      // on a busy machine the other may have been told before we listened again
      assert.deepEqual(
        told,
        ids().includes("meanwhile") ? [...now, ["meanwhile", meanwhile, 4]] : now,
        `before was ${before}`,
      );
      for (const execId of ["before", "meanwhile", "after", "go"]) {
        await client().tasks.deleteProcess({ containerId: "c1", execId });
        await rejects(client().tasks.wait({ containerId: "c1", execId }), "NotFound");
      }
      assert.equal(await start("before", "exit 9").then(() => waited("before")), 9);
      await end(client(), "c1");
    },
  );

  check("a dead shim's task is stopped with 137 and told once", async (subject, client) => {
    const events = listen(client(), `topic=="/tasks/exit"`);
    const pid = await begin(subject, "c1", "while :; do sleep 1; done");
    const { tasks } = client();
    const waiting = tasks.wait({ containerId: "c1" });
    process.kill(shimOf(pid), "SIGKILL");
    assert.equal((await waiting).exitStatus, 137);
    assert.equal((await tasks.get({ containerId: "c1" })).status, "stopped");
    assert.equal((await tasks.list())[0]?.exitStatus, 137);
    await rejects(tasks.kill({ containerId: "c1", signal: 9 }), "NotFound");
    assert.equal((await tasks.delete("c1")).exitStatus, 137);
    assert.deepEqual(bundles(subject), []);
    assert.equal(isAlive(pid), false);
    await until("its event", () => events.got.length > 0);
    await sleep(1500);
    assert.equal(events.got.length, 1);
  });

  check("a shim that hangs holds nobody else up", async (subject, client) => {
    const hung = await begin(subject, "hung", "while :; do sleep 1; done");
    await begin(subject, "c1", "while :; do sleep 1; done");
    const shim = shimOf(hung);
    await stopped(shim);
    try {
      const { tasks } = client();
      const all = (await tasks.list()).map(({ id, status }) => [id, status]);
      assert.deepEqual(all.sort(), [
        ["c1", "running"],
        ["hung", "unknown"],
      ]);
      assert.deepEqual(
        (await tasks.metrics()).map(({ id }) => id),
        ["c1"],
      );
      await exec(client(), "c1", "e", "exit 4");
      await tasks.start({ containerId: "c1", execId: "e" });
      assert.equal((await tasks.wait({ containerId: "c1", execId: "e" })).exitStatus, 4);
      await end(client(), "c1");
    } finally {
      process.kill(shim, "SIGCONT");
    }
    assert.equal((await client().tasks.get({ containerId: "hung" })).status, "running");
    await end(client(), "hung");
  });

  check("a shim that died while no daemon ran is noticed", async (subject, client) => {
    const pid = await begin(subject, "c1", "while :; do sleep 1; done");
    await subject.restart(async () => void process.kill(shimOf(pid), "SIGKILL"));
    const events = listen(client(), `topic=="/tasks/exit"`);
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 137);
    await client().tasks.delete("c1");
    assert.deepEqual(bundles(subject), []);
    assert.equal(isAlive(pid), false);
    await events.until("/tasks/exit");
  });

  check("a shim whose socket is taken away is not left unseen with its container", async (subject, client) => {
    const pid = await begin(subject, "c1", "while :; do sleep 1; done");
    const shim = shimOf(pid);
    const sockets = socketsOf(shim).filter((path) => existsSync(path));
    assert.ok(sockets.length > 0);
    await subject.restart(async () => {
      for (const path of sockets) rmSync(path);
    });
    const events = listen(client(), `topic=="/tasks/exit"`);
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 137);
    assert.deepEqual([isAlive(pid), isAlive(shim)], [false, false]);
    await events.until("/tasks/exit");
    assert.deepEqual(
      events.got.map((event) => pick(event, "containerId", "pid", "exitStatus")),
      [["c1", pid, 137]],
    );
    await client().tasks.delete("c1");
    assert.deepEqual(bundles(subject), []);
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(subject.state));
  });

  async function end(client: Containerd, id: string): Promise<void> {
    await client.tasks.kill({ containerId: id, signal: 9, all: true });
    await client.tasks.wait({ containerId: id });
    await client.tasks.delete(id);
  }
}
