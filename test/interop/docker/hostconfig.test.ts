// Every field of a container's configuration: what it does, seen from inside, or how it is refused.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api, frames } from "./client.ts";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const NONE = { NetworkMode: "none" };
/** What a shell line writes in a container with this HostConfig and the rest of the body. */
const sh = (line: string, host: object = {}, body: object = {}) =>
  api.run({ Cmd: ["sh", "-c", line], ...body, HostConfig: { ...NONE, ...host } });
/** A file of the container's own control group, of version 1 or 2. */
const group = (v1: string, v2: string) => {
  const [controller, ...file] = v1.split("/");
  return `if [ -e /sys/fs/cgroup/cgroup.controllers ]; then cat /sys/fs/cgroup/${v2}; else cat /sys/fs/cgroup/${controller}/${file.join("/")}; fi`;
};
const V2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

test("process: Cmd, Entrypoint, Env, User, WorkingDir, Hostname, Domainname, Tty, Labels, StopSignal, StopTimeout, Shell", async () => {
  const body = {
    Cmd: "whole",
    Entrypoint: ["sh", "-c", "echo $0 $FOO; id -u; id -g; pwd; hostname; hostname -f; tty || true"],
    Env: ["FOO=bar"],
    User: "1000:1001",
    WorkingDir: "/some/where",
    Hostname: "inside",
    Domainname: "example.test",
    Labels: { a: "b" },
    StopSignal: "SIGUSR1",
    StopTimeout: 7,
    Shell: ["/bin/sh"],
    ArgsEscaped: true,
    OnBuild: ["RUN x"],
    AttachStdout: true,
    AttachStderr: true,
  };
  const id = await api.create({ ...body, HostConfig: {} });
  const { Config, Path, Args } = await api.inspect(id);
  assert.deepEqual([Config.AttachStdin, Config.AttachStdout, Config.AttachStderr], [false, true, true]);
  assert.deepEqual([Path, Args], ["sh", ["-c", body.Entrypoint[2], "whole"]]);
  for (const name of ["User", "WorkingDir", "Hostname", "Domainname", "Labels", "StopSignal", "StopTimeout", "Shell"])
    assert.deepEqual(Config[name], body[name as "User"], name);
  await api.start(id);
  await api.expect(200, "POST", `/containers/${id}/wait`);
  const logs = await api.expect(200, "GET", `/containers/${id}/logs?stdout=1`);
  const text = frames(logs.body)[0]![1];
  assert.equal(text, "whole bar\n1000\n1001\n/some/where\ninside\ninside.example.test\nnot a tty\n");
  await api.remove(id);
  for (const [bad, message] of [
    [{ WorkingDir: "x" }, /needs to be an absolute path/],
    [{ Env: ["=x"] }, /invalid environment variable/],
    [{ StopSignal: "NOSUCH" }, /[Ii]nvalid signal/],
    [{ Hostname: "-x" }, /invalid hostname/],
    [{ Image: "" }, /no image specified/],
    [{ Cmd: [1] }, /Cmd must be a list of strings/],
    [{ Volumes: { x: {} } }, /invalid volume specification/],
  ] as const)
    await api.refused(400, message, "POST", "/containers/create", { Image: "busybox", ...bad });
});

test("terminal and input: Tty, OpenStdin, StdinOnce, AttachStdin; ConsoleSize is the first size of the terminal", async () => {
  const id = await api.create({
    Cmd: ["sh", "-c", "stty size; cat"],
    Tty: true,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    HostConfig: { ...NONE, ConsoleSize: [33, 101] },
  });
  const stream = api.stream(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`);
  await stream.ready();
  await api.start(id);
  await until("the size", () => stream.data.includes("33 101\r\n"));
  await api.expect(200, "POST", `/containers/${id}/resize?h=44&w=55`);
  stream.socket.end("\x04");
  await stream.ended;
  await api.remove(id);
});

test("health checks are kept and warned of; NetworkDisabled leaves the loopback alone", async () => {
  const made = await api.expect(201, "POST", "/containers/create", {
    Image: "busybox",
    Healthcheck: { Test: ["CMD", "true"], Interval: 1e9 },
    NetworkDisabled: true,
    Cmd: ["ls", "/sys/class/net"],
  });
  const { Id, Warnings } = made.json();
  assert.match(Warnings.join(), /Health checks are not carried out yet/);
  assert.deepEqual((await api.inspect(Id)).Config.Healthcheck, { Test: ["CMD", "true"], Interval: 1e9 });
  await api.start(Id);
  await api.expect(200, "POST", `/containers/${Id}/wait`);
  assert.equal(frames((await api.call("GET", `/containers/${Id}/logs?stdout=1`)).body)[0]![1], "lo\n");
  await api.remove(Id);
});

test("memory and CPU limits reach the control group", async () => {
  const host = {
    Memory: 64 << 20,
    MemoryReservation: 32 << 20,
    MemorySwap: 128 << 20,
    CpuShares: 512,
    CpuPeriod: 50_000,
    CpuQuota: 25_000,
    CpusetCpus: "0",
    CpusetMems: "0",
    PidsLimit: 77,
    OomKillDisable: false,
    ...(V2 ? {} : { MemorySwappiness: 10 }),
  };
  const lines = [
    group("memory/memory.limit_in_bytes", "memory.max"),
    group("memory/memory.soft_limit_in_bytes", "memory.low"),
    V2 ? "echo skipped" : "cat /sys/fs/cgroup/memory/memory.swappiness",
    group("cpu/cpu.cfs_quota_us", "cpu.max"),
    group("cpuset/cpuset.cpus", "cpuset.cpus"),
    group("cpuset/cpuset.mems", "cpuset.mems"),
    group("pids/pids.max", "pids.max"),
    group("cpu/cpu.shares", "cpu.weight"),
  ];
  const seen = (await sh(lines.join("; "), host)).trim().split("\n");
  const weight = V2 ? "20" : "512";
  const quota = V2 ? "25000 50000" : "25000";
  const wanted = [64 << 20, 32 << 20, V2 ? "skipped" : 10, quota, "0", "0", 77];
  assert.deepEqual(seen.slice(0, 7), wanted.map(String));
  if (!V2) assert.equal(seen[7], weight);
  assert.match(await sh(group("cpu/cpu.cfs_quota_us", "cpu.max"), { NanoCpus: 5e8 }), /^50000/);
  for (const [bad, message] of [
    [{ Memory: 1 }, /Minimum memory limit/],
    [{ MemorySwap: 1 << 30 }, /always set the Memory limit/],
    [{ Memory: 64 << 20, MemoryReservation: 128 << 20 }, /memory reservation/],
    [{ MemorySwappiness: 101 }, /range is 0-100/],
    [{ NanoCpus: 1e15 }, /range of CPUs/],
    [{ CpuPeriod: 1 }, /CPU cfs period/],
    [{ CpuQuota: 1 }, /CPU cfs quota/],
    [{ BlkioWeight: 1 }, /blkio weight/],
    [{ ShmSize: -1 }, /SHM size/],
    [{ OomScoreAdj: 2000 }, /oom score adj/],
    [{ Memory: "64m" }, /HostConfig\.Memory must be a whole number, not "64m"/],
  ] as const)
    await api.refused(400, message, "POST", "/containers/create", { Image: "busybox", HostConfig: bad });
});

test("what reaches the runtime's configuration: block devices, real-time CPU, kernel TCP memory, annotations", async () => {
  // Not started: not every kernel has these controllers. spec.test.ts shows where they go.
  const host = {
    BlkioWeight: 300,
    BlkioWeightDevice: [{ Path: "/dev/null", Weight: 200 }],
    BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 1024 }],
    BlkioDeviceWriteBps: [{ Path: "/dev/null", Rate: 1024 }],
    BlkioDeviceReadIOps: [{ Path: "/dev/null", Rate: 10 }],
    BlkioDeviceWriteIOps: [{ Path: "/dev/null", Rate: 10 }],
    CpuRealtimePeriod: 1_000_000,
    CpuRealtimeRuntime: 950_000,
    KernelMemoryTCP: 1 << 20,
    Annotations: { "some.thing": "x" },
    ContainerIDFile: "/where/the/client/wrote",
    CgroupParent: "/wharf-nowhere",
  };
  const id = await api.create({ HostConfig: { ...NONE, ...host } });
  const kept = (await api.inspect(id)).HostConfig;
  for (const [name, value] of Object.entries(host)) assert.deepEqual(kept[name], value, name);
  await api.remove(id);
});

test("security: CapAdd, CapDrop, Privileged, SecurityOpt, GroupAdd, ReadonlyRootfs, MaskedPaths, ReadonlyPaths, Ulimits, OomScoreAdj", async () => {
  const caps = (host: object) => sh("grep CapEff /proc/self/status", host);
  assert.match(await caps({ CapDrop: ["ALL"] }), /0{16}$/m);
  assert.match(await caps({ CapDrop: ["ALL"], CapAdd: ["NET_ADMIN"] }), /0{12}1000$/m);
  assert.match(await caps({ Privileged: true }), /[1-9a-f][0-9a-f]{9}$/m);
  assert.match(await sh("grep NoNewPrivs /proc/self/status", { SecurityOpt: ["no-new-privileges"] }), /1$/m);
  assert.match(await sh("grep Seccomp: /proc/self/status", { SecurityOpt: ["seccomp=unconfined"] }), /0$/m);
  assert.match(await sh("grep Seccomp: /proc/self/status"), /2$/m);
  assert.match(await sh("id -G", { GroupAdd: ["4242"] }), /\b4242\b/);
  assert.match(await sh("touch /x 2>&1 || true", { ReadonlyRootfs: true }), /Read-only/);
  const paths = { MaskedPaths: ["/proc/version"], ReadonlyPaths: ["/etc"] };
  assert.match(await sh("cat /proc/version; touch /etc/x 2>&1 || true", paths), /^touch.*Read-only/);
  const limits = { Ulimits: [{ Name: "nofile", Soft: 123, Hard: 456 }], OomScoreAdj: 500 };
  assert.equal(await sh("ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj", limits), "123\n456\n500\n");
  await api.refused(400, /invalid --security-opt/, "POST", "/containers/create", {
    Image: "busybox",
    HostConfig: { SecurityOpt: ["apparmor=mine"] },
  });
});

test("namespaces: PidMode, IpcMode, UTSMode, CgroupnsMode, UsernsMode, Sysctls, ShmSize, Init, Runtime", async () => {
  assert.equal(await sh("hostname", { UTSMode: "host" }), `${hostname()}\n`);
  assert.match(await sh("cat /proc/1/comm", { PidMode: "host" }), /^(?!sh\n)/);
  const first = await api.create({ Cmd: ["sh", "-c", "sleep 1000"], HostConfig: { ...NONE, IpcMode: "shareable" } });
  await api.start(first);
  const ns = async (kind: string) => (await daemon.ok("exec", first, "readlink", `/proc/self/ns/${kind}`)).trim();
  const joined = { PidMode: `container:${first}`, IpcMode: `container:${first}` };
  assert.equal(
    await sh("readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc", joined),
    `${await ns("pid")}\n${await ns("ipc")}\n`,
  );
  await api.remove(first);
  const own = await sh("readlink /proc/self/ns/cgroup", { CgroupnsMode: "private" });
  assert.notEqual(own, await sh("readlink /proc/self/ns/cgroup", { CgroupnsMode: "host" }));
  assert.equal(
    await sh("cat /proc/sys/net/ipv4/ip_default_ttl", { Sysctls: { "net.ipv4.ip_default_ttl": "77" } }),
    "77\n",
  );
  assert.match(await sh("df -m /dev/shm | tail -1", { ShmSize: 3 << 20 }), /\s3\s/);
  assert.match(await sh("cat /proc/1/cmdline", { Init: true }), /init/);
  assert.equal(await sh("echo runs", { UsernsMode: "host", Runtime: "runt" }), "runs\n");
  for (const [bad, message] of [
    [{ PidMode: "x" }, /invalid PID mode/],
    [{ IpcMode: "x" }, /invalid IPC mode/],
    [{ UTSMode: "x" }, /invalid UTS mode/],
    [{ CgroupnsMode: "x" }, /invalid cgroup namespace mode/],
    [{ UsernsMode: "x" }, /invalid user namespace mode/],
    [{ Runtime: "nosuch" }, /unknown or invalid runtime name/],
  ] as const)
    await api.refused(400, message, "POST", "/containers/create", { Image: "busybox", HostConfig: bad });
});

test("devices: Devices, DeviceCgroupRules", async () => {
  const Devices = [{ PathOnHost: "/dev/zero", PathInContainer: "/dev/nothing", CgroupPermissions: "r" }];
  assert.equal(await sh("head -c 3 /dev/nothing | wc -c", { Devices }), "3\n");
  const rule = "mknod /dev/mine c 1 7; head -c 1 /dev/mine | wc -c";
  assert.equal(await sh(rule, { DeviceCgroupRules: ["c 1:7 rwm"] }), "1\n");
  await api.refused(400, /invalid device cgroup rule/, "POST", "/containers/create", {
    Image: "busybox",
    HostConfig: { DeviceCgroupRules: ["x"] },
  });
});

test("mounts: Binds, Mounts with every option, Tmpfs, Volumes, VolumesFrom, VolumeDriver", async () => {
  const host = join(daemon.dir, "bound");
  mkdirSync(host);
  writeFileSync(join(host, "f"), "bound\n");
  assert.equal(await sh("cat /b/f", { Binds: [`${host}:/b`] }), "bound\n");
  assert.match(await sh("touch /b/x 2>&1 || true", { Binds: [`${host}:/b:ro`] }), /Read-only/);
  const mount = (more: object) => ({ Mounts: [{ Type: "bind", Source: host, Target: "/m", ...more }] });
  assert.match(await sh("touch /m/x 2>&1 || true", mount({ ReadOnly: true, Consistency: "cached" })), /Read-only/);
  const BindOptions = { Propagation: "private", NonRecursive: true, ReadOnlyNonRecursive: true };
  assert.equal(await sh("cat /m/f", mount({ BindOptions })), "bound\n");
  const force = { ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } };
  assert.match(await sh("touch /m/x 2>&1 || true", mount(force)), /Read-only/);
  const missing = join(host, "made");
  const made = { Mounts: [{ Type: "bind", Source: missing, Target: "/m", BindOptions: { CreateMountpoint: true } }] };
  assert.equal(await sh("ls /m", made), "");
  assert.ok(existsSync(missing));
  const VolumeOptions = { NoCopy: true, Labels: { a: "b" }, DriverConfig: { Name: "local" } };
  const volume = { Mounts: [{ Type: "volume", Source: "hv", Target: "/etc", VolumeOptions }] };
  const id = await api.create({ Cmd: ["ls", "/etc"], HostConfig: { ...NONE, ...volume } });
  assert.deepEqual((await api.expect(200, "GET", "/volumes/hv")).json().Labels, { a: "b" });
  await api.remove(id);
  await api.expect(204, "DELETE", "/volumes/hv");
  const TmpfsOptions = { SizeBytes: 1 << 20, Mode: 0o700, Options: [["noexec"]] };
  const tmpfs = { Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions }], Tmpfs: { "/u": "size=2m" } };
  const table = await sh("grep -E ' /[tu] ' /proc/mounts; stat -c %a /t", tmpfs);
  assert.match(table, /\/t tmpfs \S*noexec\S*size=1024k/);
  assert.match(table, /\/u tmpfs \S*size=2048k/);
  assert.match(table, /^700$/m);
  const from = await api.create({
    Cmd: ["true"],
    Volumes: { "/v": {} },
    HostConfig: { ...NONE, VolumeDriver: "local" },
  });
  assert.match(await sh("grep ' /v ' /proc/mounts", { VolumesFrom: [`${from}:ro`] }), /\bro\b/);
  await api.remove(from);
  for (const [bad, message] of [
    [{ Binds: ["x:y"] }, /mount path must be absolute/],
    [{ Binds: ["/a:/b:what"] }, /invalid mode/],
    [{ Binds: ["/a:/b"], Tmpfs: { "/b": "" } }, /Duplicate mount point/],
    [{ Mounts: [{ Type: "bind", Source: "/no/such", Target: "/m" }] }, /bind source path does not exist/],
    [mount({ BindOptions: { ReadOnlyForceRecursive: true, NonRecursive: true } }), /cannot be combined/],
    [mount({ BindOptions: { ReadOnlyForceRecursive: true, Propagation: "shared" } }), /needs the propagation rprivate/],
    [{ Mounts: [{ Type: "what", Target: "/m" }] }, /must be one of bind, volume/],
    [{ VolumesFrom: ["nosuch"] }, /No such container: nosuch/],
    [{ Binds: ["vv:/v"], VolumeDriver: "nfs" }, /plugin "nfs" not found/],
  ] as const)
    await api.refused(400, message, "POST", "/containers/create", { Image: "busybox", HostConfig: bad });
  await daemon.clean();
});

test("PortBindings and PublishAllPorts: a given port, any port, an address; inspect, list and 127.0.0.1 know them", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => free.on("listening", resolve));
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  const id = await api.create({
    Cmd: ["sh", "-c", "mkdir /w; echo hi > /w/index.html; exec httpd -f -p 80 -h /w"],
    ExposedPorts: { "81/tcp": {}, "53/udp": {} },
    HostConfig: {
      PortBindings: { "80/tcp": [{ HostPort: String(port) }, { HostIp: "127.0.0.1", HostPort: "" }] },
      PublishAllPorts: true,
    },
  });
  await api.start(id);
  const { Ports } = (await api.inspect(id)).NetworkSettings;
  assert.deepEqual(Ports["80/tcp"][0], { HostIp: "0.0.0.0", HostPort: String(port) });
  assert.equal(Ports["80/tcp"][1].HostIp, "127.0.0.1");
  for (const name of ["81/tcp", "53/udp"]) assert.match(Ports[name][0].HostPort, /^\d+$/);
  for (const one of [port, Ports["80/tcp"][1].HostPort]) {
    const text = await until("an answer", () =>
      fetch(`http://127.0.0.1:${one}/`).then(
        (answer) => answer.text(),
        () => undefined,
      ),
    );
    assert.equal(text, "hi\n");
  }
  const [row] = (await api.expect(200, "GET", `/containers/json?filters={"publish":["80"]}`)).json();
  assert.ok(row.Ports.some(({ PublicPort }: { PublicPort: number }) => PublicPort === port));
  const other = await api.create({
    Cmd: ["true"],
    HostConfig: { PortBindings: { "80/tcp": [{ HostPort: String(port) }] } },
  });
  await api.refused(409, /already in use/, "POST", `/containers/${other}/start`);
  await api.remove(id, other);
  for (const HostPort of ["70000", "9-8", "x"])
    await api.refused(400, /invalid (port|range)/, "POST", "/containers/create", {
      Image: "busybox",
      HostConfig: { PortBindings: { "80/tcp": [{ HostPort }] } },
    });
  await daemon.clean();
});

test("a range of host ports: each container takes the first that is free, and when none is, that is said", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.on("listening", resolve));
  // The probe's port is taken; the two behind it are, as a rule, free.
  const { port } = probe.address() as { port: number };
  const make = async () => {
    const range = { "80/tcp": [{ HostPort: `${port}-${port + 2}` }] };
    const id = await api.create({ Cmd: ["sleep", "1000"], HostConfig: { PortBindings: range } });
    return { id, answer: await api.call("POST", `/containers/${id}/start`) };
  };
  const made = [await make(), await make(), await make()];
  const ports = [];
  for (const { id, answer } of made)
    if (answer.status === 204) ports.push(Number((await api.inspect(id)).NetworkSettings.Ports["80/tcp"][0].HostPort));
  assert.ok(ports.every((one) => one > port && one <= port + 2) && new Set(ports).size === ports.length, `${ports}`);
  const last = made.at(-1)!.answer;
  assert.equal(last.status, 409);
  assert.match(last.json().message, new RegExp(`0.0.0.0:${port}-${port + 2}/tcp is already in use`));
  await api.remove(...made.map(({ id }) => id));
  await new Promise((resolve) => probe.close(resolve));
  await daemon.clean();
});

test("logging: LogConfig's drivers and options; AutoRemove; RestartPolicy", async () => {
  const logged = async (LogConfig: object) => {
    const id = await api.create({ Cmd: ["sh", "-c", "seq 1 20000"], HostConfig: { ...NONE, LogConfig } });
    await api.start(id);
    await api.expect(200, "POST", `/containers/${id}/wait`);
    const answer = await api.call("GET", `/containers/${id}/logs?stdout=1`);
    const lines =
      answer.status === 200
        ? frames(answer.body)
            .map(([, text]) => text)
            .join("")
            .split("\n").length - 1
        : 0;
    await api.remove(id);
    return lines;
  };
  assert.equal(await logged({ Type: "json-file", Config: { "max-file": "3" } }), 20000);
  assert.equal(await logged({ Type: "local", Config: {} }), 20000);
  assert.equal(await logged({ Type: "none", Config: {} }), 0);
  const few = await logged({ Type: "json-file", Config: { "max-size": "100k", "max-file": "2", mode: "blocking" } });
  assert.ok(few > 0 && few < 20000, String(few));
  const refused = (status: number, message: RegExp, HostConfig: object) =>
    api.refused(status, message, "POST", "/containers/create", { Image: "busybox", HostConfig });
  await refused(400, /logging plugin x: plugin "x" not found/, { LogConfig: { Type: "x" } });
  await refused(400, /unknown log opt 'x' for json-file/, { LogConfig: { Config: { x: "y" } } });
  for (const [Config, message] of [
    [{ tag: "{{.Nope" }, /the log option tag is no template/],
    [{ "env-regex": "(" }, /env-regex is no regular expression/],
    [{ compress: "maybe" }, /invalid compress: "maybe"/],
    [{ compress: "true", "max-size": "1m" }, /compress cannot be true when max-file is less than 2/],
    [{ "max-size": "1x" }, /invalid max-size/],
    [{ "max-file": "0" }, /invalid max-file/],
    [{ mode: "fast" }, /logging mode not supported: fast/],
    [{ "max-buffer-size": "1m" }, /only supported with 'mode=non-blocking'/],
  ] as const)
    await refused(400, message, { LogConfig: { Config } });
  await refused(400, /unknown policy 'x'/, { RestartPolicy: { Name: "x" } });
  await refused(400, /maximum retry count can only be used with 'on-failure'/, {
    RestartPolicy: { Name: "always", MaximumRetryCount: 2 },
  });
  await refused(400, /AutoRemove/, { AutoRemove: true, RestartPolicy: { Name: "always" } });
  const id = await api.create({ Cmd: ["true"], HostConfig: { ...NONE, AutoRemove: true } });
  const removed = api.call("POST", `/containers/${id}/wait?condition=removed`);
  await api.start(id);
  assert.equal((await removed).json().StatusCode, 0);
  await api.refused(404, /No such container/, "GET", `/containers/${id}/json`);
});

test("log options: what labels, env and tag put beside the lines; packed files are read with the rest", async () => {
  const begin = async (Type: string, Config: Record<string, string>, script: string) => {
    const body = { Cmd: ["sh", "-c", script], Env: ["A=1 2", "B=x", "OTHER=o"], Labels: { "l.a": "ä&", m: "n" } };
    const id = await api.create({ ...body, HostConfig: { ...NONE, LogConfig: { Type, Config } } });
    await api.start(id);
    return id;
  };
  const ended = (id: string) => api.expect(200, "POST", `/containers/${id}/wait`);
  const logs = async (id: string, query: string) =>
    frames((await api.expect(200, "GET", `/containers/${id}/logs?stdout=1&${query}`)).body)
      .map(([, text]) => text)
      .join("");
  const options = { labels: "l.a,none", "env-regex": "^[AB]$", env: "OTHER", tag: "{{.ID}}/{{.ImageName}}" };
  for (const driver of ["json-file", "local"]) {
    const own = driver === "local" ? {} : options;
    const id = await begin(driver, { ...own, mode: "non-blocking", "max-buffer-size": "2m" }, "echo one; printf two");
    await ended(id);
    const beside = driver === "local" ? "" : `A=1+2,B=x,OTHER=o,l.a=%C3%A4%26,tag=${id.slice(0, 12)}%2Fbusybox`;
    assert.equal(await logs(id, "details=1"), `${beside} one\n${beside} two`);
    assert.match(await logs(id, "timestamps=1&tail=1"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z two$/);
    const { LogPath } = (await api.expect(200, "GET", `/containers/${id}/json`)).json() as { LogPath: string };
    assert.equal(LogPath === "", driver === "local", LogPath);
    await api.remove(id);
  }
  const packing = { "max-size": "200k", "max-file": "60", compress: "true" };
  const script = "seq 1 10000; until [ -e /go ]; do sleep 0.05; done; seq 10001 30000";
  const id = await begin("json-file", packing, script);
  const { LogPath } = (await api.expect(200, "GET", `/containers/${id}/json`)).json() as { LogPath: string };
  // the packer has its own time
  const names = () =>
    [...new Set(readdirSync(dirname(LogPath)).map((name) => name.replace(/\.gz(\.tmp)?$/, "")))].sort();
  await until("a packed file", () => readdirSync(dirname(LogPath)).some((name) => name.endsWith(".gz")));
  await daemon.ok("exec", id, "touch", "/go");
  await ended(id);
  const before = names();
  const numbers = (from: number) => `${Array.from({ length: 30001 - from }, (_, at) => from + at).join("\n")}\n`;
  assert.equal(await logs(id, ""), numbers(1));
  assert.equal(await logs(id, "tail=25000"), numbers(5001));
  assert.equal(await logs(id, "tail=25000&since=1"), numbers(5001));
  assert.deepEqual(names(), before);
  await api.remove(id);
});

test("what this host or this daemon has not is refused by its name", async () => {
  for (const [HostConfig, status, message] of [
    [{ Isolation: "hyperv" }, 400, /linux only supports 'default'/],
    [{ Cgroup: "container:x" }, 400, /invalid cgroup mode/],
    [{ StorageOpt: { size: "1G" } }, 400, /storage-opt is supported only/],
    [
      { DeviceRequests: [{ Driver: "nvidia", Count: -1, Capabilities: [["gpu"]] }] },
      400,
      /could not select device driver "nvidia"/,
    ],
    [{ CpuCount: 1 }, 400, /CpuCount is for Windows/],
    [{ CpuPercent: 1 }, 400, /CpuPercent is for Windows/],
    [{ IOMaximumIOps: 1 }, 400, /IOMaximumIOps is for Windows/],
    [{ IOMaximumBandwidth: 1 }, 400, /IOMaximumBandwidth is for Windows/],
    [{ Mounts: [{ Type: "image", Source: "busybox", Target: "/i" }] }, 501, /cannot be mounted into a container yet/],
    [{ NetworkMode: "nosuch" }, 400, /network nosuch not found/],
  ] as const)
    await api.refused(status, message, "POST", "/containers/create", { Image: "busybox", HostConfig });
});

test("networks of a request: what only networks of a user's own have is refused", async () => {
  const refused = (status: number, message: RegExp, EndpointsConfig: object, NetworkMode = "bridge") =>
    api.refused(status, message, "POST", "/containers/create", {
      Image: "busybox",
      HostConfig: { NetworkMode },
      NetworkingConfig: { EndpointsConfig },
    });
  await refused(400, /alias is supported only/, { bridge: { Aliases: ["a"] } });
  await refused(400, /links are supported only/, { bridge: { Links: ["a:b"] } });
  await refused(400, /user defined networks only/, { bridge: { IPAMConfig: { IPv4Address: "172.17.0.9" } } });
  await refused(501, /endpoint option x is not there yet/, { bridge: { DriverOpts: { x: "y" } } });
  await refused(400, /cannot be on host as well/, { bridge: {}, host: {} });
  await refused(400, /network nosuch not found/, { nosuch: {} });
  const answered = {
    NetworkID: "x",
    EndpointID: "x",
    Gateway: "x",
    IPAddress: "1.2.3.4",
    IPPrefixLen: 1,
    GwPriority: 1,
    DNSNames: [],
  };
  const id = await api.create({ NetworkingConfig: { EndpointsConfig: { none: answered } } });
  assert.equal((await api.inspect(id)).NetworkSettings.IPAddress, "");
  await api.remove(id);
});
