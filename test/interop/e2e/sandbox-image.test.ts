// The setting `sandbox-image`: an image out of a registry holds the pods of the controller podsandbox, as containerd's pause image does.
import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { describe, WharfError } from "../../../src/common/errors.ts";
import { PodSandboxConfig } from "../../../src/common/gen/cri/sandbox-config.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { PODSANDBOX_SANDBOXER } from "../../../src/daemon/containerd/api/sandboxes.ts";
import { GrpcConnection } from "../../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../../src/daemon/grpc/client/containerd.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { build, Daemon, until } from "./daemon.ts";
import { busyboxTar, makeLayout, push } from "./layouts.ts";

type Config = Parameters<typeof packAny<PodSandboxConfig>>[1];

let registry: RegistryProcess;
let pause: string;
let silent: string;
/** With `pause` in its configuration. */
let daemon: Daemon;

before(async () => {
  build();
  registry = await startRegistry();
  await using scratch = Daemon.prepare();
  const files = { "etc/passwd": "holder:x:4242:4243::/:\n", "etc/group": "extra:x:77:holder\n" };
  const layers = [{ tar: busyboxTar(join(scratch.dir, "base"), files) }];
  const config = {
    ...{ User: "holder", Entrypoint: ["/bin/sleep"], Cmd: ["10000"], Env: ["MINE=1"], WorkingDir: "/etc" },
    Labels: { from: "image", app: "image", "containerd.io/restart.status": "running" },
  };
  [pause, silent] = [`${registry.host}/test/pause:v1`, `${registry.host}/test/silent:v1`];
  await push(makeLayout(join(scratch.dir, "pause"), { layers, config: { config } }), pause);
  await push(makeLayout(join(scratch.dir, "silent"), { layers, config: { config: {} } }), silent);
  daemon = await Daemon.start({ config: `sandbox-image = "${pause}"\n` });
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** A client of the daemon's containerd socket, which is there a moment after the other, in its namespace `default`. */
async function open(of: Daemon) {
  const connection = new GrpcConnection(join(of.state, "containerd.sock"));
  const client = new RemoteContainerd(connection, "default");
  await until("containerd.sock", () => client.namespaces.list().catch(() => undefined));
  const pods = client.sandboxController(PODSANDBOX_SANDBOXER);
  const create = async (id: string, config: Config = {}) => {
    const sandbox = { id, runtime: { name: "io.containerd.runt.v2" } };
    const linux = { cgroupParent: `/${of.cgroup}`, ...config.linux };
    await pods.create({ id, sandbox, options: packAny(PodSandboxConfig, { ...config, linux }) });
  };
  return { client, pods, create, [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

const words = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0").filter(Boolean);

test("a pod is held by the image that the configuration names, which is pulled and runs as it says", async () => {
  using opened = await open(daemon);
  const { client, pods, create } = opened;
  await create("p1", { labels: { app: "pod" } });
  const container = await client.containers.get("p1");
  assert.deepEqual([container.image, container.snapshotter, container.snapshotKey], [pause, "overlayfs", "p1"]);
  assert.deepEqual(container.labels, { from: "image", app: "pod", "io.cri-containerd.kind": "sandbox" });
  assert.deepEqual(
    (await client.images.list()).map(({ name }) => name),
    [pause],
  );
  const { pid } = await pods.start("p1");
  assert.deepEqual(words(pid, "cmdline"), ["/bin/sleep", "10000"]);
  assert.ok(words(pid, "environ").includes("MINE=1"));
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  assert.match(status, /^Uid:\t4242\t/m);
  assert.match(status, /^Gid:\t4243\t/m);
  assert.match(status, /^Groups:\t77 4243 $/m);
  const info = JSON.parse((await pods.status("p1", { verbose: true })).info.info!) as Record<string, unknown>;
  assert.deepEqual([info.image, info.snapshotKey, info.processStatus], [pause, "p1", "running"]);
  await create("p2", { linux: { securityContext: { runAsUser: { value: 7 }, supplementalGroups: [9] } } });
  const second = await pods.start("p2");
  assert.match(readFileSync(`/proc/${second.pid}/status`, "utf8"), /^Uid:\t7\t/m);
  for (const id of ["p1", "p2"]) await pods.shutdown(id);
  const left: string[] = [];
  for await (const { name, kind } of client.snapshots().walk()) if (kind !== "committed") left.push(name);
  assert.deepEqual(left, []);
  await daemon.clean();
});

test("in a user namespace the image's files are the pod's root's", async () => {
  // Which has to get there.
  chmodSync(daemon.dir, 0o755);
  using opened = await open(daemon);
  const { client, pods, create } = opened;
  const range = [{ hostId: 100000, length: 65536 }];
  const namespaceOptions = { usernsOptions: { uids: range, gids: range } };
  const annotations = { "containerd.io/snapshot/mine": "1", other: "2" };
  await create("p1", { annotations, linux: { securityContext: { namespaceOptions } } });
  const { pid } = await pods.start("p1");
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t104242\t/m);
  assert.equal(statSync(`/proc/${pid}/root/etc/passwd`).uid, 100000);
  const { labels } = await client.snapshots().stat("p1");
  const uidmapping = "0:100000:65536";
  assert.deepEqual(labels, {
    ...{ "containerd.io/snapshot/mine": "1" },
    ...{ "containerd.io/snapshot/uidmapping": uidmapping, "containerd.io/snapshot/gidmapping": uidmapping },
  });
  await pods.shutdown("p1");
  await daemon.clean();
});

test("a pod that could not be made can be asked for again at once", async () => {
  using opened = await open(daemon);
  await assert.rejects(opened.create("p1", { labels: { long: "x".repeat(5000) } }), (error) => {
    assert.equal(WharfError.from(error).code, "InvalidArgument", describe(error));
    return true;
  });
  await opened.create("p1");
  await opened.pods.shutdown("p1");
  await daemon.clean();
});

test("kill -9 while its root file system is made leaves nothing", async () => {
  await daemon.restart("SIGTERM", { WHARF_FAILPOINT: "podsandbox.root-made" });
  {
    using opened = await open(daemon);
    await assert.rejects(opened.create("p1"));
    await daemon.ended();
  }
  await daemon.start();
  using opened = await open(daemon);
  assert.deepEqual(await opened.client.containers.list(), []);
  await daemon.clean();
  await opened.create("p1");
  await opened.pods.shutdown("p1");
});

test("an image that is not there, or runs nothing, is said to be so", async () => {
  for (const [image, code, said] of [
    [`${registry.host}/test/gone:v1`, "NotFound", /gone/],
    [silent, "InvalidArgument", /names no program to run/],
  ] as const) {
    await using other = await Daemon.start({ config: `sandbox-image = "${image}"\n` });
    using opened = await open(other);
    await assert.rejects(opened.create("p1"), (error) => {
      assert.equal(WharfError.from(error).code, code, describe(error));
      assert.match(describe(error), said);
      return true;
    });
    assert.deepEqual(await opened.client.containers.list(), []);
    await other.clean();
  }
});
