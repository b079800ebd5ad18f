import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig } from "../../../common/docker/container.ts";
import { defaultSeccomp } from "../../../common/oci/seccomp-default.ts";
import { completeHostConfig } from "../containers/host-config.ts";
import { mountPointsOf } from "../containers/mount-points.ts";
import type { ContainerRecord } from "../containers/record.ts";
import { NEVER } from "../containers/record.ts";
import { ALL_CAPABILITIES, capabilitiesOf } from "./capabilities.ts";
import { parseBind } from "./mounts.ts";
import { buildSpec, mergeEnvironment } from "./spec.ts";

function specOf(
  host: Parameters<typeof completeHostConfig>[0],
  config: Partial<ContainerConfig> = {},
  network: "own" | "host" = "own",
  context: { systemdCgroup?: boolean; cgroupParent?: string } = {},
) {
  const hostConfig = completeHostConfig(host, "none");
  const record: ContainerRecord = {
    id: "a".repeat(64),
    name: "x",
    created: NEVER,
    path: "sh",
    args: ["-c", "true"],
    config: {
      Hostname: "aaaa",
      Domainname: "",
      User: "",
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: null,
      Cmd: null,
      Image: "x",
      Volumes: null,
      WorkingDir: "",
      Entrypoint: null,
      OnBuild: null,
      Labels: {},
      ...config,
    },
    hostConfig,
    mounts: mountPointsOf(hostConfig),
    imageId: "",
    imageSnapshot: "",
    platform: "linux",
    restartCount: 0,
    networks: {},
    state: {
      phase: "created",
      pid: 0,
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: NEVER,
      finishedAt: NEVER,
      stopped: false,
    },
  };
  return buildSpec(record, {
    user: { uid: 0, gid: 0 },
    network,
    ownFiles: [{ source: "/s/hosts", destination: "/etc/hosts" }],
    pidOf: () => 77,
    capabilities: ALL_CAPABILITIES,
    cgroupParent: "/docker",
    ...context,
  });
}

test("buildSpec() names a scope where systemd makes the control groups", () => {
  const pathOf = (CgroupParent: string, cgroupParent = "/docker") =>
    specOf({ CgroupParent }, {}, "own", { systemdCgroup: true, cgroupParent }).linux?.cgroupsPath;
  assert.equal(pathOf(""), `system.slice:docker:${"a".repeat(64)}`);
  assert.equal(pathOf("my.slice"), `my.slice:docker:${"a".repeat(64)}`);
  assert.equal(pathOf("", "/above.slice/above-own.slice"), `above-own.slice:docker:${"a".repeat(64)}`);
  assert.throws(() => pathOf("/above"), /should be a valid slice/);
});

test("buildSpec() gives the defaults of Docker", () => {
  const spec = specOf({});
  assert.deepEqual(spec.process?.env, [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=aaaa",
  ]);
  assert.deepEqual(spec.process?.args, ["sh", "-c", "true"]);
  assert.equal(spec.process?.cwd, "/");
  assert.deepEqual(
    spec.mounts?.map(({ destination }) => destination),
    ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm", "/etc/hosts"],
  );
  assert.deepEqual(
    spec.linux?.namespaces?.map(({ type }) => type).filter((type) => type !== "cgroup"),
    ["mount", "network", "uts", "pid", "ipc"],
  );
  assert.equal(spec.linux?.cgroupsPath, `/docker/${"a".repeat(64)}`);
  assert.equal(spec.linux?.maskedPaths?.length, 12);
  assert.equal(spec.linux?.seccomp?.defaultErrnoRet, 1);
});

test("buildSpec() turns limits, modes and security options into their places", () => {
  const spec = specOf(
    {
      Memory: 64 << 20,
      NanoCpus: 500_000_000,
      PidsLimit: 50,
      ReadonlyRootfs: true,
      IpcMode: "host",
      PidMode: "container:other",
      UTSMode: "host",
      SecurityOpt: ["no-new-privileges", "seccomp=unconfined"],
      Ulimits: [{ Name: "nofile", Soft: 10, Hard: -1 }],
      Sysctls: { "net.core.somaxconn": "5" },
    },
    { Tty: true, Env: ["A=b", "PATH=/x"] },
    "host",
  );
  const { resources, namespaces, seccomp, sysctl } = spec.linux!;
  assert.deepEqual(resources?.memory, { disableOOMKiller: false, limit: 64 << 20, swap: 128 << 20 });
  assert.deepEqual(resources?.cpu, { period: 100_000, quota: 50_000 });
  assert.deepEqual(resources?.pids, { limit: 50 });
  assert.deepEqual(
    namespaces?.filter(({ type }) => type !== "cgroup"),
    [{ type: "mount" }, { type: "pid", path: "/proc/77/ns/pid" }],
  );
  assert.equal(seccomp, undefined);
  assert.deepEqual(sysctl, { "net.core.somaxconn": "5" });
  assert.equal(spec.hostname, undefined);
  assert.equal(spec.process?.noNewPrivileges, true);
  assert.deepEqual(spec.process?.env, ["PATH=/x", "HOSTNAME=aaaa", "TERM=xterm", "A=b"]);
  assert.deepEqual(spec.process?.rlimits, [{ type: "RLIMIT_NOFILE", soft: 10, hard: 2 ** 64 }]);
  assert.ok(spec.root?.readonly);
  assert.ok(spec.mounts?.find(({ destination }) => destination === "/etc/hosts")?.options?.includes("ro"));
  assert.ok(!spec.mounts?.find(({ destination }) => destination === "/dev/shm")?.options?.includes("ro"));
});

test("buildSpec() passes on block devices, real-time CPU, kernel TCP memory, annotations and the group's parent", () => {
  const spec = specOf({
    BlkioWeight: 300,
    BlkioWeightDevice: [{ Path: "/dev/null", Weight: 200 }],
    BlkioDeviceReadBps: [{ Path: "/dev/null", Rate: 1 }],
    BlkioDeviceWriteBps: [{ Path: "/dev/null", Rate: 2 }],
    BlkioDeviceReadIOps: [{ Path: "/dev/null", Rate: 3 }],
    BlkioDeviceWriteIOps: [{ Path: "/dev/null", Rate: 4 }],
    CpuRealtimePeriod: 1_000_000,
    CpuRealtimeRuntime: 950_000,
    KernelMemoryTCP: 1 << 20,
    Annotations: { "some.thing": "x" },
    CgroupParent: "/above",
  });
  const device = { major: 1, minor: 3 };
  assert.deepEqual(spec.linux?.resources?.blockIO, {
    weight: 300,
    weightDevice: [{ ...device, weight: 200 }],
    throttleReadBpsDevice: [{ ...device, rate: 1 }],
    throttleWriteBpsDevice: [{ ...device, rate: 2 }],
    throttleReadIOPSDevice: [{ ...device, rate: 3 }],
    throttleWriteIOPSDevice: [{ ...device, rate: 4 }],
  });
  assert.deepEqual(spec.linux?.resources?.cpu, { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 });
  assert.equal(spec.linux?.resources?.memory?.kernelTCP, 1 << 20);
  assert.deepEqual(spec.annotations, { "some.thing": "x" });
  assert.match(spec.linux?.cgroupsPath ?? "", /^\/above\//);
});

test("buildSpec() for a privileged container opens what is closed", () => {
  const spec = specOf({ Privileged: true });
  assert.deepEqual(spec.linux?.maskedPaths, []);
  assert.equal(spec.linux?.seccomp, undefined);
  assert.deepEqual(spec.linux?.resources?.devices, [{ allow: true, access: "rwm" }]);
  assert.ok(spec.linux?.devices?.some(({ path }) => path === "/dev/null"));
  assert.ok(!spec.mounts?.find(({ destination }) => destination === "/sys")?.options?.includes("ro"));
  assert.equal(spec.process?.capabilities?.bounding?.length, ALL_CAPABILITIES.length);
});

test("buildSpec() mounts binds and tmpfs, shallow paths first, in place of defaults", () => {
  const spec = specOf({ Binds: ["/tmp:/a/b:ro", "/tmp:/dev/shm"], Tmpfs: { "/a": "size=1m,exec" } });
  const mounts = spec.mounts!.map(({ destination, type, options }) => `${destination} ${type} ${options?.join(",")}`);
  assert.deepEqual(mounts.slice(-4), [
    "/a tmpfs nosuid,nodev,rprivate,size=1m,exec",
    "/a/b bind rbind,rro,rprivate",
    "/dev/shm bind rbind,rprivate",
    "/etc/hosts bind rbind,rprivate",
  ]);
  assert.equal(mounts.filter((mount) => mount.startsWith("/dev/shm")).length, 1);
});

test("mergeEnvironment() keeps the first place and removes by name", () => {
  assert.deepEqual(mergeEnvironment(["A=1", "B=2"], ["B=3", "C=4", "A"]), ["B=3", "C=4"]);
});

test("capabilitiesOf() adds and drops", () => {
  const of = (add: string[] | null, drop: string[] | null) => capabilitiesOf({ add, drop, privileged: false });
  assert.equal(of(null, null).length, 14);
  assert.deepEqual(of(["net_admin"], ["ALL"]), ["CAP_NET_ADMIN"]);
  assert.ok(!of(["ALL"], ["SYS_ADMIN"]).includes("CAP_SYS_ADMIN"));
  assert.equal(of(["ALL"], ["SYS_ADMIN"]).length, ALL_CAPABILITIES.length - 1);
  assert.throws(() => of(["NOPE"], null), /unknown capability "NOPE"/);
});

test("defaultSeccomp() depends on capabilities and is made once for the same ones", () => {
  const names = (capabilities: string[]) => defaultSeccomp(capabilities, "x64").syscalls!;
  const plain = names([]);
  assert.ok(plain.some((rule) => rule.names[0] === "clone3" && rule.errnoRet === 38));
  assert.ok(!plain.some((rule) => rule.names.includes("mount")));
  const admin = names(["CAP_SYS_ADMIN"]);
  assert.ok(admin.some((rule) => rule.names.includes("mount") && rule.names.includes("clone3")));
  assert.ok(!admin.some((rule) => rule.errnoRet === 38));
  assert.equal(defaultSeccomp([], "x64"), defaultSeccomp(["CAP_CHOWN"], "x64"));
});

test("parseBind() says what is wrong", () => {
  assert.deepEqual(parseBind("/a:/b/../c:ro,rslave"), { source: "/a", destination: "/c", mode: "ro,rslave" });
  for (const bad of ["/a:b", "/a:/", ":/b", "/a:/b:nope", "/a:/b:ro:x"])
    assert.throws(() => parseBind(bad), /invalid volume specification/, bad);
});

test("completeHostConfig() refuses limits that cannot be, in Docker's words", () => {
  const fails = (host: Parameters<typeof completeHostConfig>[0], message: RegExp) =>
    assert.throws(() => completeHostConfig(host, "none"), message);
  fails({ Memory: 1 << 20 }, /Minimum memory limit allowed is 6MB/);
  fails({ Memory: 64 << 20, MemorySwap: 32 << 20 }, /Minimum memoryswap limit/);
  fails({ NanoCpus: 1e15 }, /range of CPUs is from 0.01 to/);
  fails(
    { AutoRemove: true, RestartPolicy: { Name: "always" } },
    /can't create 'AutoRemove' container with restart policy/,
  );
  fails({ IpcMode: "nope" }, /invalid IPC mode: nope/);
  fails({ SecurityOpt: ["nope=1"] }, /invalid --security-opt/);
  fails({ LogConfig: { Type: "syslog" } }, /logging plugin syslog: plugin "syslog" not found/);
});

test("--init: our own program is mounted read-only and runs the command", () => {
  const spec = specOf({ Init: true });
  assert.deepEqual(spec.process?.args, ["/sbin/docker-init", "--", "sh", "-c", "true"]);
  const mount = spec.mounts?.find(({ destination }) => destination === "/sbin/docker-init");
  assert.deepEqual(mount?.options, ["bind", "ro", "nosuid", "nodev", "rprivate"]);
  // In another's PID namespace there is no process 1 of ours to be.
  assert.deepEqual(specOf({ Init: true, PidMode: "host" }).process?.args, ["sh", "-c", "true"]);
});
