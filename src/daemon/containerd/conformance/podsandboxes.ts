/** The contract of the controller `podsandbox` with a real shim: as root, with busybox in the rootfs. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NamespaceMode, PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { Spec } from "../../../common/oci/runtime.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import { PODSANDBOX_SANDBOXER } from "../api/sandboxes.ts";
import type { Containerd } from "../api.ts";
import { rejects } from "./harness.ts";
import { isAlive, listen, pick, removeCgroup, shimOf, type TaskSubject, taskSpec, until } from "./task-harness.ts";

interface Member {
  id: string;
  sandbox: string;
  pid: number;
  inside?: string;
  /** It is in the pod's user namespace. */
  mapped?: boolean;
}

type Config = Parameters<typeof packAny<PodSandboxConfig>>[1];

export function podSandboxesSuite(name: string, create: () => Promise<TaskSubject>): void {
  const check = (title: string, body: (subject: TaskSubject, client: () => Containerd) => Promise<void>) =>
    test(`${name}: podsandbox: ${title}`, async () => {
      await using stack = new AsyncDisposableStack();
      const subject = await create();
      // The pods' parent belongs to whoever names it: the daemon leaves it.
      stack.defer(() => removeCgroup(subject.cgroup));
      stack.use(subject);
      await body(subject, () => subject.client("a")).catch((error: unknown) => {
        // What goes wrong in cleaning up after it would hide it.
        console.error(error);
        throw error;
      });
    });
  const controller = (client: Containerd) => client.sandboxController(PODSANDBOX_SANDBOXER);
  const optionsOf = ({ cgroup }: TaskSubject, { linux, ...rest }: Config = {}) =>
    packAny(PodSandboxConfig, { ...rest, linux: { cgroupParent: `/${cgroup}`, ...linux } });
  const make = async (subject: TaskSubject, client: Containerd, id: string, config?: Config) => {
    const options = optionsOf(subject, config);
    const { runtime } = subject;
    const sandbox = await client.sandboxes.create({ id, runtime, sandboxer: PODSANDBOX_SANDBOXER });
    await controller(client).create({ id, sandbox, options });
  };
  const begin = async (subject: TaskSubject, client: Containerd, id: string, config?: Config) => {
    await make(subject, client, id, config);
    return await controller(client).start(id);
  };
  const specOf = async (client: Containerd, id: string) =>
    JSON.parse(new TextDecoder().decode((await client.containers.get(id)).spec!.value)) as Spec;
  /** A container of the pod; found by the sandbox, or by its annotation alone. */
  const run = async (
    subject: TaskSubject,
    client: Containerd,
    { id, sandbox, pid, inside = "sleep 1000", mapped = false }: Member,
    by: "sandbox" | "annotation" = "sandbox",
  ) => {
    const shared = [...(mapped ? ["user"] : []), "ipc", "uts", "net", "pid"].map((type) => ({
      type: type === "net" ? "network" : type,
      path: `/proc/${pid}/ns/${type}`,
    }));
    const args = ["/bin/busybox", "sh", "-c", inside];
    const spec = JSON.parse(
      new TextDecoder().decode(taskSpec(subject, id, args, [...shared, { type: "mount" }])),
    ) as Spec;
    const shm = (await specOf(client, sandbox)).mounts!.find(({ destination }) => destination === "/dev/shm")!;
    spec.mounts!.push({ ...shm, options: ["rbind", "rw"] });
    delete spec.hostname;
    if (mapped) {
      spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
      spec.linux!.gidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }];
    }
    if (by === "annotation") spec.annotations = { "io.kubernetes.cri.sandbox-id": sandbox };
    const { runtime } = subject;
    const value = new TextEncoder().encode(JSON.stringify(spec));
    const place = by === "sandbox" ? { sandbox } : {};
    await client.containers.create({ id, runtime, ...place, spec: { typeUrl: SPEC_TYPE_URL, value } });
    await client.tasks.create({ containerId: id, rootfs: subject.rootfs });
    return (await client.tasks.start({ containerId: id })).pid;
  };
  const files = ({ state }: TaskSubject) =>
    ["tasks/a", "podsandboxes/a"].flatMap((path) =>
      existsSync(join(state, path)) ? readdirSync(join(state, path)) : [],
    );
  /** Nothing is left: no container, task, file, mount. */
  const gone = (subject: TaskSubject, client: Containerd) =>
    until("nothing that is left", async () => {
      const left = [...files(subject), ...(await client.tasks.list())];
      return left.length === 0 && !readFileSync("/proc/self/mountinfo", "utf8").includes(subject.state);
    });

  check("one is created, started, asked, stopped and shut down; its events come in order", async (subject, client) => {
    const events = listen(client(), "topic~=^/sandboxes/");
    const metadata = { name: "web", namespace: "shop", uid: "u1" };
    await make(subject, client(), "p1", { metadata, hostname: "pod", labels: { app: "web" } });
    const pods = controller(client());
    await rejects(pods.create({ id: "p1" }), "AlreadyExists");
    assert.equal((await pods.status("p1")).state, "SANDBOX_UNKNOWN");
    const early = pods.wait("p1");
    const instance = await pods.start("p1");
    assert.ok(isAlive(instance.pid));
    assert.match(readFileSync(`/proc/${instance.pid}/cgroup`, "utf8"), new RegExp(`/${subject.cgroup}/p1$`, "m"));
    assert.equal(instance.labels.oci_runtime_type, subject.runtime.name);
    await rejects(pods.start("p1"), "FailedPrecondition");
    const container = await client().containers.get("p1");
    assert.deepEqual(container.labels, { app: "web", "io.cri-containerd.kind": "sandbox" });
    assert.equal(instance.createdAt, container.createdAt);
    const { annotations } = await specOf(client(), "p1");
    const said = ["container-type", "sandbox-id", "sandbox-name", "sandbox-namespace", "sandbox-uid"];
    assert.deepEqual(
      said.map((one) => annotations![`io.kubernetes.cri.${one}`]),
      ["sandbox", "p1", "web", "shop", "u1"],
    );
    assert.deepEqual(await pods.platform("p1"), { os: "linux", architecture: "amd64" });
    assert.equal((await pods.metrics("p1"))?.id, "p1");
    const status = await pods.status("p1", { verbose: true });
    assert.deepEqual([status.pid, status.state], [instance.pid, "SANDBOX_READY"]);
    const info = JSON.parse(status.info.info!) as { pid: number; processStatus: string; runtimeSpec: Spec };
    assert.deepEqual([info.pid, info.processStatus, info.runtimeSpec.hostname], [instance.pid, "running", "pod"]);
    await pods.update("p1", { id: "p1" }, ["labels"]);
    await rejects(pods.wait("p1", { signal: AbortSignal.timeout(50) }), "Canceled");
    await pods.stop("p1");
    assert.equal((await early).exitStatus, 137);
    assert.deepEqual(await pods.wait("p1"), await early, "waiting after the end answers, too");
    assert.equal(isAlive(instance.pid), false);
    const ended = await pods.status("p1");
    assert.deepEqual([ended.state, ended.pid, ended.exitedAt], ["SANDBOX_NOTREADY", 0, (await early).exitedAt]);
    await pods.stop("p1");
    await pods.shutdown("p1");
    await pods.shutdown("p1");
    await rejects(client().containers.get("p1"), "NotFound");
    await gone(subject, client());
    const told = await events.until("/sandboxes/exit");
    const topics = told.map(({ topic }) => topic);
    assert.deepEqual(topics, ["/sandboxes/create", "/sandboxes/start", "/sandboxes/exit"]);
    assert.deepEqual(pick(told[2]!, "sandboxId", "exitStatus"), ["p1", 137]);
  });

  check("its containers share its shim, its namespaces and its memory, and go with it", async (subject, client) => {
    const config = { hostname: "pod", linux: { sysctls: { "kernel.shm_rmid_forced": "1" } } };
    const { pid } = await begin(subject, client(), "p1", config);
    const inside = "hostname > /dev/shm/name; cat /proc/sys/kernel/shm_rmid_forced >> /dev/shm/name; sleep 1000";
    const first = await run(subject, client(), { id: "c1", sandbox: "p1", pid, inside });
    const second = await run(subject, client(), { id: "c2", sandbox: "p1", pid }, "annotation");
    for (const one of [first, second]) {
      assert.equal(shimOf(one), shimOf(pid));
      for (const type of ["ipc", "uts", "net", "pid"]) {
        assert.equal(readlinkSync(`/proc/${one}/ns/${type}`), readlinkSync(`/proc/${pid}/ns/${type}`), type);
      }
    }
    assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"));
    const name = `/proc/${second}/root/dev/shm/name`;
    const read = () => (existsSync(name) ? readFileSync(name, "utf8") : "");
    await until("what the first has written", () => read() === "pod\n1\n");
    const { tasks } = client();
    await tasks.kill({ containerId: "c2", signal: 9 });
    assert.equal((await tasks.wait({ containerId: "c2" })).exitStatus, 137);
    await tasks.delete("c2");
    assert.equal((await controller(client()).status("p1")).state, "SANDBOX_READY", "the shim stays");
    await controller(client()).shutdown("p1");
    assert.deepEqual([isAlive(first), isAlive(pid)], [false, false]);
    await gone(subject, client());
    await rejects(tasks.create({ containerId: "c1", rootfs: subject.rootfs }), "NotFound");
    await gone(subject, client());
  });

  check("a restarted daemon finds them, and how they ended meanwhile", async (subject, client) => {
    const lives = await begin(subject, client(), "lives");
    const ends = await begin(subject, client(), "ends");
    await make(subject, client(), "made");
    const task = await run(subject, client(), { id: "c1", sandbox: "lives", pid: lives.pid });
    await subject.restart(async () => void process.kill(ends.pid, "SIGKILL"));
    const pods = controller(client());
    const { state, pid } = await pods.status("lives");
    assert.deepEqual([state, pid], ["SANDBOX_READY", lives.pid]);
    assert.equal((await pods.wait("ends")).exitStatus, 137);
    assert.equal((await client().tasks.get({ containerId: "c1" })).pid, task);
    await run(subject, client(), { id: "c2", sandbox: "lives", pid: lives.pid });
    await pods.start("made");
    await subject.restart();
    assert.equal((await controller(client()).wait("ends")).exitStatus, 137);
    for (const id of ["lives", "ends", "made"]) await controller(client()).shutdown(id);
    await gone(subject, client());
  });

  check("one whose shim is killed has ended, with its containers", async (subject, client) => {
    const events = listen(client(), `topic=="/sandboxes/exit"`);
    const { pid } = await begin(subject, client(), "p1");
    const task = await run(subject, client(), { id: "c1", sandbox: "p1", pid });
    process.kill(shimOf(pid), "SIGKILL");
    const pods = controller(client());
    assert.equal((await pods.wait("p1")).exitStatus, 137);
    assert.equal((await client().tasks.wait({ containerId: "c1" })).exitStatus, 137);
    assert.equal((await pods.status("p1")).state, "SANDBOX_NOTREADY");
    await pods.stop("p1");
    await pods.shutdown("p1");
    assert.deepEqual([isAlive(task), isAlive(pid)], [false, false]);
    await gone(subject, client());
    assert.equal((await events.until("/sandboxes/exit")).length, 1);
  });

  check("the configuration says which namespaces are the host's, and what the files hold", async (subject, client) => {
    const { NODE } = NamespaceMode;
    const securityContext = { namespaceOptions: { network: NODE, ipc: NODE, pid: NODE }, runAsUser: { value: 7 } };
    const dnsConfig = { servers: ["192.0.2.1"], searches: ["a.test", "b.test"], options: ["ndots:2"] };
    const { pid } = await begin(subject, client(), "p1", { dnsConfig, linux: { securityContext } });
    for (const type of ["ipc", "uts", "net", "pid"]) {
      assert.equal(readlinkSync(`/proc/${pid}/ns/${type}`), readlinkSync(`/proc/self/ns/${type}`), type);
    }
    assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t7\t7\t7\t7$/m);
    const resolv = "search a.test b.test\nnameserver 192.0.2.1\noptions ndots:2\n";
    assert.equal(readFileSync(`/proc/${pid}/root/etc/resolv.conf`, "utf8"), resolv);
    const held = await begin(subject, client(), "p2");
    const netns = `/proc/${held.pid}/ns/net`;
    const pods = controller(client());
    const sandbox = { id: "p3", runtime: subject.runtime };
    await pods.create({ id: "p3", sandbox, netnsPath: netns, options: optionsOf(subject) });
    assert.equal(readlinkSync(`/proc/${(await pods.start("p3")).pid}/ns/net`), readlinkSync(netns));
    for (const id of ["p1", "p2", "p3"]) await pods.shutdown(id);
    await gone(subject, client());
  });

  /** Of a process, as numbers: what the user namespace has. */
  const ids = (pid: number) => readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/).map(Number);
  const userns = {
    usernsOptions: { uids: [{ hostId: 100000, length: 65536 }], gids: [{ hostId: 200000, length: 65536 }] },
  };

  check("one in a user namespace has its own root, and so have its containers", async (subject, client) => {
    const pods = controller(client());
    const securityContext = { namespaceOptions: userns };
    const { pid } = await begin(subject, client(), "p1", { hostname: "pod", linux: { securityContext } });
    assert.deepEqual(ids(pid), [0, 100000, 65536]);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(status, /^Uid:\t165535\t/m);
    assert.match(status, /^Gid:\t265535\t/m);
    const task = await run(subject, client(), { id: "c1", sandbox: "p1", pid, mapped: true });
    for (const type of ["user", "ipc", "net"])
      assert.equal(readlinkSync(`/proc/${task}/ns/${type}`), readlinkSync(`/proc/${pid}/ns/${type}`), type);
    assert.match(readFileSync(`/proc/${task}/status`, "utf8"), /^Uid:\t100000\t/m);
    // A network that was made in a user namespace brings it along.
    const netnsPath = `/proc/${pid}/ns/net`;
    const options = optionsOf(subject, { linux: { securityContext } });
    await pods.create({ id: "p2", sandbox: { id: "p2", runtime: subject.runtime }, netnsPath, options });
    const second = await pods.start("p2");
    for (const type of ["user", "net"])
      assert.equal(readlinkSync(`/proc/${second.pid}/ns/${type}`), readlinkSync(`/proc/${pid}/ns/${type}`), type);
    assert.notEqual(readlinkSync(`/proc/${second.pid}/ns/ipc`), readlinkSync(`/proc/${pid}/ns/ipc`));
    const foreign = { netnsPath: "/proc/self/ns/net", options, sandbox: { id: "p3", runtime: subject.runtime } };
    assert.match((await rejects(pods.create({ id: "p3", ...foreign }), "FailedPrecondition")).message, /p3/);
    await subject.restart();
    assert.equal((await controller(client()).status("p2")).state, "SANDBOX_READY");
    for (const id of ["p2", "p1"]) await controller(client()).shutdown(id);
    await gone(subject, client());
  });

  check("its holder is filtered by the seccomp profile that the pod names", async (subject, client) => {
    const mode = async (id: string, securityContext: object) => {
      const { pid } = await begin(subject, client(), id, { linux: { securityContext } });
      const [, seccomp] = /^Seccomp:\s*(\d)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
      await controller(client()).shutdown(id);
      return seccomp;
    };
    assert.equal(await mode("none", {}), "0");
    assert.equal(await mode("default", { seccomp: {} }), "2");
    const file = join(subject.dir, "profile.json");
    const syscalls = [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }];
    writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
    assert.equal(await mode("own", { seccomp: { profileType: 2, localhostRef: file } }), "2");
    await gone(subject, client());
  });

  check("what containerd's CRI plugin leaves in the record says what it is", async (subject, client) => {
    const { runtime, cgroup } = subject;
    const held = await begin(subject, client(), "net");
    const NetNSPath = `/proc/${held.pid}/ns/net`;
    const Config = { metadata: { name: "web" }, hostname: "pod", linux: { cgroup_parent: `/${cgroup}` } };
    const Metadata = { ID: "p1", Name: "web___0", Config, NetNSPath, RuntimeHandler: "runc", IP: "10.0.0.2" };
    const value = new TextEncoder().encode(JSON.stringify({ Version: "v1", Metadata }));
    const metadata = { typeUrl: "github.com/containerd/cri/pkg/store/sandbox/Metadata", value };
    const record = { id: "p1", runtime, sandboxer: PODSANDBOX_SANDBOXER, extensions: { metadata } };
    await client().sandboxes.create(record);
    const pods = controller(client());
    // Found in the store; what comes with the request stands back.
    await pods.create({ id: "p1", options: packAny(PodSandboxConfig, { hostname: "other" }) });
    const { pid } = await pods.start("p1");
    assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync(NetNSPath));
    assert.equal((await specOf(client(), "p1")).hostname, "pod");
    const { extensions } = await client().containers.get("p1");
    const written = new TextDecoder().decode(extensions["io.cri-containerd.sandbox.metadata"]!.value);
    assert.deepEqual(JSON.parse(written), { Version: "v1", Metadata: { ...Metadata, ProcessLabel: "" } });
    const info = JSON.parse((await pods.status("p1", { verbose: true })).info.info!) as Record<string, unknown>;
    assert.deepEqual([info.config, info.sandboxMetadata], [Config, { ...Metadata, ProcessLabel: "" }]);
    for (const id of ["p1", "net"]) await pods.shutdown(id);
    await gone(subject, client());
  });

  check("what cannot be one leaves nothing, and says why", async (subject, client) => {
    const { runtime } = subject;
    const pods = controller(client());
    const config = (linux: NonNullable<Config["linux"]>) => optionsOf(subject, { linux });
    const pod = (more: object, extensions = {}) => ({ id: "p1", sandbox: { id: "p1", runtime, extensions }, ...more });
    const refused = [
      [{ id: "a b", sandbox: { id: "a b", runtime } }, "InvalidArgument"],
      [{ id: "p1" }, "NotFound"],
      [{ id: "p1", sandbox: { id: "p1", runtime: { name: "io.x.nothing.v9" } } }, "NotFound"],
      [{ id: "p1", sandbox: { id: "p1", runtime }, rootfs: subject.rootfs }, "InvalidArgument"],
      [
        { id: "p1", sandbox: { id: "p1", runtime }, options: { typeUrl: "x", value: new Uint8Array() } },
        "InvalidArgument",
      ],
      [pod({ options: config({ securityContext: { namespaceOptions: { usernsOptions: {} } } }) }), "InvalidArgument"],
      [pod({ options: config({ securityContext: { seccompProfilePath: "mine" } }) }), "InvalidArgument"],
      [pod({ options: config({ securityContext: { selinuxOptions: { level: "c1" } } }) }), "InvalidArgument"],
      [pod({}, { metadata: { typeUrl: "x", value: new Uint8Array() } }), "InvalidArgument"],
    ] as const;
    for (const [request, code] of refused) await rejects(pods.create(request), code);
    // What only the runtime can say comes with the start.
    const options = config({ sysctls: { "no.such.sysctl": "1" } });
    await pods.create({ id: "p1", sandbox: { id: "p1", runtime }, options });
    assert.ok((await rejects(pods.start("p1"), "InvalidArgument", "Unknown", "NotFound", "Internal")).message);
    await rejects(client().containers.get("p1"), "NotFound");
    const calls = [pods.start("p1"), pods.stop("p1"), pods.wait("p1"), pods.status("p1"), pods.metrics("p1")];
    await Promise.all(calls.map((call) => rejects(call, "NotFound")));
    const spec = { typeUrl: SPEC_TYPE_URL, value: taskSpec(subject, "p1", ["/bin/busybox", "true"]) };
    await client().containers.create({ id: "p1", runtime, spec });
    await rejects(pods.create({ id: "p1", sandbox: { id: "p1", runtime } }), "AlreadyExists");
    await client().containers.get("p1");
    await gone(subject, client());
  });
}
