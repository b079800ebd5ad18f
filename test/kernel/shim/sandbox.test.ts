// A shim that is a pod: the sandbox service beside the task service, containers that share the pod's namespaces.
import assert from "node:assert/strict";
import { readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Code, isCode } from "../../../src/common/errors.ts";
import { SandboxService } from "../../../src/common/gen/containerd/sandbox/runtime.ts";
import { NamespaceMode, PodSandboxConfig } from "../../../src/common/gen/cri/sandbox-config.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { minds } from "../../support/signals.ts";
import { until } from "../../support/until.ts";
import { alive, Daemon, type SpecChange, specOf } from "./harness.ts";

const code = (wanted: Code) => (error: unknown) => {
  assert.ok(isCode(error, wanted), `${wanted} expected, not ${(error as { code?: string }).code}: ${error}`);
  return true;
};

const namespace = (pid: number, type: string) => readlinkSync(`/proc/${pid}/ns/${type}`);

/** A shim that is a sandbox, created from its spec, or without one from CRI's options. */
async function pod(daemon: Daemon, change: SpecChange = {}, config?: Parameters<typeof packAny<PodSandboxConfig>>[1]) {
  const shim = await daemon.start(change);
  const sandbox = shim.client.connection.client(SandboxService);
  const { id: sandboxId, bundle: bundlePath } = shim;
  if (config) rmSync(join(bundlePath, "config.json"));
  const options = config && packAny(PodSandboxConfig, config);
  await sandbox.createSandbox({ sandboxId, bundlePath, options });
  return {
    ...{ shim, sandbox, sandboxId },
    [Symbol.asyncDispose]: async () => {
      await sandbox.shutdownSandbox({ sandboxId }).catch(() => {});
      await shim[Symbol.asyncDispose]();
    },
  };
}

test("a sandbox is created, started, asked, stopped, waited for and shut down", async () => {
  await using daemon = new Daemon();
  await using it = await pod(daemon);
  const { shim, sandbox, sandboxId } = it;
  await assert.rejects(sandbox.createSandbox({ sandboxId: "other" }), code("AlreadyExists"));
  await assert.rejects(sandbox.startSandbox({ sandboxId: "other" }), code("NotFound"));
  const before = await sandbox.sandboxStatus({ sandboxId });
  assert.deepEqual([before.sandboxId, before.pid, before.state], [sandboxId, 0, "SANDBOX_NOTREADY"]);
  const { pid, createdAt } = await sandbox.startSandbox({ sandboxId });
  assert.ok(alive(pid) && createdAt!.seconds > 0);
  for (const type of ["ipc", "uts", "net"]) assert.notEqual(namespace(pid, type), namespace(process.pid, type), type);
  assert.equal(namespace(pid, "mnt"), namespace(process.pid, "mnt"));
  await assert.rejects(sandbox.startSandbox({ sandboxId }), code("FailedPrecondition"));
  await sandbox.pingSandbox({ sandboxId });
  assert.deepEqual(
    { ...(await sandbox.platform({ sandboxId })).platform },
    {
      ...{ os: "linux", architecture: "amd64", variant: "", osVersion: "" },
    },
  );
  const status = await sandbox.sandboxStatus({ sandboxId, verbose: true });
  assert.deepEqual([status.pid, status.state, status.info.pid], [pid, "SANDBOX_READY", String(pid)]);
  const { metrics } = await sandbox.sandboxMetrics({ sandboxId });
  assert.deepEqual([metrics!.id, /\.Metrics$/.test(metrics!.data!.typeUrl)], [sandboxId, true]);
  // A pod's shim does not go because it has no container.
  await shim.task.shutdown({ id: sandboxId });
  const waiting = sandbox.waitSandbox({ sandboxId });
  await sandbox.stopSandbox({ sandboxId });
  const { exitStatus, exitedAt } = await waiting;
  assert.deepEqual([exitStatus, alive(pid)], [137, false]);
  assert.deepEqual(
    (await sandbox.waitSandbox({ sandboxId })).exitedAt,
    exitedAt,
    "waiting after the end answers at once",
  );
  assert.equal((await sandbox.sandboxStatus({ sandboxId })).state, "SANDBOX_NOTREADY");
  await assert.rejects(sandbox.sandboxMetrics({ sandboxId }), code("NotFound"));
  await assert.rejects(sandbox.startSandbox({ sandboxId }), code("FailedPrecondition"));
  await sandbox.shutdownSandbox({ sandboxId });
  await shim.client.closed;
});

test("containers share the pod's namespaces and its shim; stopping asks them first, shutting down removes them", async () => {
  await using daemon = new Daemon();
  await using it = await pod(daemon, { without: ["mount", "pid"] });
  const { shim, sandbox, sandboxId } = it;
  const { pid } = await sandbox.startSandbox({ sandboxId });
  const run = async (name: string, command: string) => {
    const id = `${sandboxId}-${name}`;
    const bundle = daemon.bundle(id);
    const spec = specOf(id, { args: ["sh", "-c", command] }) as { linux: { namespaces: object[] }; hostname?: string };
    delete spec.hostname;
    const shared = ["ipc", "uts"].map((type) => ({ type, path: `/proc/${pid}/ns/${type}` }));
    const own = [{ type: "pid" }, { type: "mount" }];
    spec.linux.namespaces = [...shared, { type: "network", path: `/proc/${pid}/ns/net` }, ...own];
    writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
    const created = await shim.task.create({ id, bundle, rootfs: daemon.mounts, options: daemon.options });
    await shim.task.start({ id });
    return { id, pid: created.pid };
  };
  const polite = await run("a", "trap 'exit 3' TERM; while :; do sleep 0.1; done");
  const stubborn = await run("b", "trap '' TERM; while :; do sleep 0.1; done");
  for (const type of ["ipc", "uts", "net"]) {
    assert.equal(namespace(polite.pid, type), namespace(pid, type), type);
    assert.equal(namespace(stubborn.pid, type), namespace(pid, type), type);
  }
  assert.equal((await shim.task.connect({ id: polite.id })).shimPid, shim.pid);
  for (const one of [polite, stubborn]) await until("what it does with SIGTERM", () => minds(one.pid, 15));
  await sandbox.stopSandbox({ sandboxId, timeoutSecs: 5 });
  assert.equal((await shim.task.wait({ id: polite.id })).exitStatus, 3);
  assert.equal((await shim.task.wait({ id: stubborn.id })).exitStatus, 137);
  await sandbox.shutdownSandbox({ sandboxId });
  await shim.client.closed;
  await daemon.event("/tasks/delete", { containerId: polite.id });
  await daemon.event("/tasks/delete", { containerId: stubborn.id });
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(sandboxId), "nothing is mounted");
});

test("CRI's configuration says what a pod without a spec shares; a network namespace that is given is joined", async () => {
  await using daemon = new Daemon();
  await using other = await pod(daemon);
  const network = (await other.sandbox.startSandbox({ sandboxId: other.sandboxId })).pid;
  const shim = await daemon.start();
  await using _shim = shim;
  rmSync(join(shim.bundle, "config.json"));
  const { id: sandboxId, bundle: bundlePath } = shim;
  const sandbox = shim.client.connection.client(SandboxService);
  const options = packAny(PodSandboxConfig, {
    hostname: "pod-name",
    linux: {
      sysctls: { "kernel.shm_rmid_forced": "1" },
      securityContext: { namespaceOptions: { pid: NamespaceMode.POD, ipc: NamespaceMode.POD } },
    },
  });
  await sandbox.createSandbox({ sandboxId, bundlePath, options, netnsPath: `/proc/${network}/ns/net` });
  const { pid } = await sandbox.startSandbox({ sandboxId });
  assert.equal(namespace(pid, "net"), namespace(network, "net"));
  assert.notEqual(namespace(pid, "pid"), namespace(process.pid, "pid"));
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^NSpid:\s+\d+\s+1$/m);
  assert.equal(readFileSync(`/proc/${pid}/comm`, "utf8"), "sandbox\n");
  await sandbox.shutdownSandbox({ sandboxId });
  await shim.client.closed;
});

test("the host's namespaces stay where the pod wants them; what cannot be held is refused", async () => {
  await using daemon = new Daemon();
  await using host = await pod(
    daemon,
    {},
    { linux: { securityContext: { namespaceOptions: { network: 2, ipc: 2 } } } },
  );
  const { pid } = await host.sandbox.startSandbox({ sandboxId: host.sandboxId });
  for (const type of ["ipc", "uts", "net"]) assert.equal(namespace(pid, type), namespace(process.pid, type), type);
  const shim = await daemon.start();
  await using _shim = shim;
  const { id: sandboxId, bundle: bundlePath } = shim;
  const sandbox = shim.client.connection.client(SandboxService);
  await assert.rejects(
    sandbox.createSandbox({ sandboxId, bundlePath, rootfs: daemon.mounts }),
    code("InvalidArgument"),
  );
  writeFileSync(join(bundlePath, "config.json"), JSON.stringify({ linux: { namespaces: [{ type: "user" }] } }));
  await sandbox.createSandbox({ sandboxId, bundlePath });
  await assert.rejects(sandbox.startSandbox({ sandboxId }), code("InvalidArgument"));
  await sandbox.shutdownSandbox({ sandboxId });
});

test("a sandbox whose shim is killed has no process left", async () => {
  await using daemon = new Daemon();
  const it = await pod(daemon);
  const { shim, sandbox, sandboxId } = it;
  const { pid } = await sandbox.startSandbox({ sandboxId });
  process.kill(shim.pid, "SIGKILL");
  await shim.client.closed;
  const { exitStatus } = daemon.delete(shim);
  assert.equal(exitStatus, 137);
  await until("its end", () => !alive(pid));
});
