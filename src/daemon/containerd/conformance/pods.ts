/** The contract of SandboxController with a real shim: as root, with busybox in the rootfs. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import { SHIM_SANDBOXER } from "../api/sandboxes.ts";
import type { Containerd } from "../api.ts";
import { rejects } from "./harness.ts";
import { encode, isAlive, listen, pick, shimOf, socketsOf, type TaskSubject, taskSpec, until } from "./task-harness.ts";

const namespaces = ["ipc", "uts", "network"].map((type) => ({ type }));
const podSpec = {
  typeUrl: SPEC_TYPE_URL,
  value: encode({ ociVersion: "1.1.0", hostname: "pod", linux: { namespaces } }),
};

export function podsSuite(name: string, create: () => Promise<TaskSubject>): void {
  const check = (title: string, body: (subject: TaskSubject, client: () => Containerd) => Promise<void>) =>
    test(`${name}: pods: ${title}`, async () => {
      await using subject = await create();
      await body(subject, () => subject.client("a"));
    });
  const controller = (client: Containerd) => client.sandboxController(SHIM_SANDBOXER);
  /** A pod that runs. */
  const begin = async ({ runtime }: TaskSubject, client: Containerd, id: string) => {
    const sandbox = await client.sandboxes.create({ id, runtime, spec: podSpec, sandboxer: SHIM_SANDBOXER });
    await controller(client).create({ id, sandbox });
    return await controller(client).start(id);
  };
  const run = async (subject: TaskSubject, client: Containerd, id: string, sandbox: string, pod: number) => {
    const shared = ["ipc", "uts", "net"].map((type) => ({
      type: type === "net" ? "network" : type,
      path: `/proc/${pod}/ns/${type}`,
    }));
    const spec = taskSpec(
      subject,
      id,
      ["/bin/busybox", "sleep", "1000"],
      [...shared, { type: "pid" }, { type: "mount" }],
    );
    const { runtime } = subject;
    await client.containers.create({ id, runtime, sandbox, spec: { typeUrl: SPEC_TYPE_URL, value: spec } });
    await client.tasks.create({ containerId: id, rootfs: subject.rootfs });
    return (await client.tasks.start({ containerId: id })).pid;
  };
  const left = ({ state }: TaskSubject) =>
    ["tasks/a", "sandboxes/a"].flatMap((path) => (existsSync(join(state, path)) ? readdirSync(join(state, path)) : []));

  check(
    "a pod is created, started, asked, stopped and shut down; its events come in order",
    async (subject, client) => {
      const events = listen(client(), "topic~=^/sandboxes/");
      const { runtime } = subject;
      const sandbox = await client().sandboxes.create({ id: "p1", runtime, spec: podSpec, labels: { a: "b" } });
      const pods = controller(client());
      await pods.create({ id: "p1", sandbox });
      await rejects(pods.create({ id: "p1", sandbox }), "AlreadyExists");
      assert.equal((await pods.status("p1")).state, "SANDBOX_NOTREADY");
      const instance = await pods.start("p1");
      assert.ok(isAlive(instance.pid));
      assert.deepEqual([instance.version, instance.labels], [3, { a: "b" }]);
      assert.match(instance.address, /^ttrpc\+unix:\/\/\//);
      await rejects(pods.start("p1"), "FailedPrecondition");
      assert.deepEqual(await pods.platform("p1"), { os: "linux", architecture: "amd64" });
      assert.equal((await pods.metrics("p1"))?.id, "p1");
      const status = await pods.status("p1", { verbose: true });
      assert.deepEqual(
        [status.pid, status.state, status.info.pid],
        [instance.pid, "SANDBOX_READY", String(instance.pid)],
      );
      await pods.update("p1", sandbox, ["labels"]);
      await rejects(pods.wait("p1", { signal: AbortSignal.timeout(50) }), "Canceled");
      const waiting = pods.wait("p1");
      await pods.stop("p1", { timeoutSecs: 1 });
      const exit = await waiting;
      assert.equal(exit.exitStatus, 137);
      assert.deepEqual(await pods.wait("p1"), exit, "waiting after the end answers, too");
      assert.equal(isAlive(instance.pid), false);
      await pods.shutdown("p1");
      await rejects(pods.shutdown("p1"), "NotFound");
      assert.deepEqual(left(subject), []);
      const told = await events.until("/sandboxes/exit");
      const topics = told.map(({ topic }) => topic);
      assert.deepEqual(topics, ["/sandboxes/create", "/sandboxes/start", "/sandboxes/exit"]);
      assert.deepEqual(pick(told[2]!, "sandboxId", "exitStatus"), ["p1", 137]);
    },
  );

  check("its containers share its shim and namespaces, and go with it", async (subject, client) => {
    const { pid } = await begin(subject, client(), "p1");
    const first = await run(subject, client(), "c1", "p1", pid);
    const second = await run(subject, client(), "c2", "p1", pid);
    assert.equal(shimOf(first), shimOf(pid));
    assert.equal(shimOf(second), shimOf(pid));
    for (const type of ["ipc", "uts", "net"]) {
      assert.equal(readlinkSync(`/proc/${first}/ns/${type}`), readlinkSync(`/proc/${second}/ns/${type}`), type);
    }
    const { tasks } = client();
    await tasks.kill({ containerId: "c1", signal: 9 });
    assert.equal((await tasks.wait({ containerId: "c1" })).exitStatus, 137);
    await tasks.delete("c1");
    assert.equal((await controller(client()).status("p1")).state, "SANDBOX_READY", "the shim stays");
    await controller(client()).shutdown("p1");
    assert.deepEqual(await tasks.list(), []);
    assert.equal(isAlive(second), false);
    assert.deepEqual(left(subject), []);
    await rejects(tasks.create({ containerId: "c1", rootfs: subject.rootfs }), "NotFound");
    assert.deepEqual(left(subject), []);
  });

  check("a restarted daemon finds its pods, and how they ended meanwhile", async (subject, client) => {
    const lives = await begin(subject, client(), "lives");
    const ends = await begin(subject, client(), "ends");
    const made = await client().sandboxes.create({ id: "made", runtime: subject.runtime, spec: podSpec });
    await controller(client()).create({ id: "made", sandbox: made });
    const task = await run(subject, client(), "c1", "lives", lives.pid);
    await subject.restart(async () => void process.kill(ends.pid, "SIGKILL"));
    const pods = controller(client());
    assert.deepEqual(
      [(await pods.status("lives")).state, (await pods.status("lives")).pid],
      ["SANDBOX_READY", lives.pid],
    );
    assert.equal((await pods.wait("ends")).exitStatus, 137);
    assert.equal((await client().tasks.get({ containerId: "c1" })).pid, task);
    await run(subject, client(), "c2", "lives", lives.pid);
    await pods.start("made");
    for (const id of ["lives", "ends", "made"]) await pods.shutdown(id);
    assert.deepEqual(left(subject), []);
  });

  check("a pod whose shim is killed has ended, with its containers", async (subject, client) => {
    const events = listen(client(), `topic=="/sandboxes/exit"`);
    const { pid } = await begin(subject, client(), "p1");
    const task = await run(subject, client(), "c1", "p1", pid);
    process.kill(shimOf(pid), "SIGKILL");
    const pods = controller(client());
    assert.equal((await pods.wait("p1")).exitStatus, 137);
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 137);
    assert.equal((await pods.status("p1")).state, "SANDBOX_NOTREADY");
    await rejects(pods.metrics("p1"), "Unavailable");
    await pods.stop("p1");
    await pods.shutdown("p1");
    assert.deepEqual([isAlive(task), isAlive(pid)], [false, false]);
    assert.deepEqual(left(subject), []);
    await until("its event", () => events.got.length > 0);
    await sleep(50);
    assert.equal(events.got.length, 1);
  });

  check("a pod whose shim's socket is taken away is not left unseen", async (subject, client) => {
    const { pid } = await begin(subject, client(), "p1");
    const task = await run(subject, client(), "c1", "p1", pid);
    const shim = shimOf(pid);
    const sockets = socketsOf(shim).filter((path) => existsSync(path));
    assert.ok(sockets.length > 0);
    await subject.restart(async () => {
      for (const path of sockets) rmSync(path);
    });
    const events = listen(client(), `topic=="/sandboxes/exit"`);
    assert.equal((await controller(client()).wait("p1")).exitStatus, 137);
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 137);
    await events.until("/sandboxes/exit");
    assert.deepEqual([isAlive(task), isAlive(pid), isAlive(shim)], [false, false, false]);
    await controller(client()).shutdown("p1");
    assert.deepEqual(left(subject), []);
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(subject.state));
  });

  check("what cannot be a sandbox leaves nothing", async (subject, client) => {
    const { runtime } = subject;
    const spec = { typeUrl: SPEC_TYPE_URL, value: encode({ linux: { namespaces: [{ type: "user" }] } }) };
    const pods = controller(client());
    await pods.create({ id: "p1", sandbox: { id: "p1", runtime, spec } });
    await rejects(pods.start("p1"), "InvalidArgument");
    await rejects(pods.create({ id: "p2", sandbox: { id: "p2", runtime }, rootfs: subject.rootfs }), "InvalidArgument");
    assert.deepEqual(left(subject), []);
    assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(subject.state));
  });
}
