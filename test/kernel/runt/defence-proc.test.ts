// Ways out of a container by way of /proc, and by links and exchanges where the runtime mounts, makes and writes.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

test("a process on its way into a container cannot be looked into from there (CVE-2016-9962)", async () => {
  using box = new Bundle((spec) => {
    // root in there has every capability over what lives in its user namespace, and is the host's by number
    const mapping = [{ containerID: 0, hostID: 0, size: 65536 }];
    spec.linux!.namespaces!.push({ type: "user" });
    spec.linux!.uidMappings = mapping;
    spec.linux!.gidMappings = mapping;
    for (const set of ["bounding", "permitted", "effective"] as const)
      spec.process!.capabilities![set]!.push("CAP_SYS_PTRACE");
  });
  // the filter holds the process up where it sets its umask, until its listener answers, who never does: it is inside, with the
  // host's descriptors still open
  const listener = createServer({ pauseOnConnect: true }, (connection) => void held.push(connection));
  const held: Socket[] = [];
  const listenerPath = join(box.dir, "listener.sock");
  await new Promise<void>((resolve) => listener.listen(listenerPath, resolve));
  box.spec.linux!.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath,
    syscalls: [{ names: ["umask"], action: "SCMP_ACT_NOTIFY" }],
  };
  using _ = { [Symbol.dispose]: () => void listener.close() };
  box.sleeping();
  const given = { args: ["true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0, umask: 0o22 } };
  writeFileSync(join(box.dir, "process.json"), JSON.stringify(given));
  const child = box.spawn("exec", "--process", join(box.dir, "process.json"), box.id);
  child.stdin.end();
  try {
    const links =
      "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline) in *process.jso[n]*) for l in $p/fd/* $p/exe $p/cwd; do readlink $l; done | grep -c .;; esac; done";
    await until("the process is held up", () => held.length >= 2);
    let seen = "";
    await until("the process in sight", () => {
      seen = box.exec(links).out;
      return seen !== "";
    });
    assert.equal(seen, "0\n");
  } finally {
    child.kill("SIGKILL");
    for (const connection of held) connection.destroy();
  }
});

test("nothing is written through the container's own /proc, whatever lies there (CVE-2019-16884, CVE-2025-52881)", () => {
  using box = new Bundle((spec) => {
    // no procfs: what the image calls /proc is in its place
    spec.mounts = spec.mounts!.filter(({ destination }) => destination !== "/proc");
    spec.linux!.maskedPaths = [];
    spec.linux!.readonlyPaths = [];
    spec.linux!.sysctl = { "kernel.msgmax": "12345", "net.ipv4.ping_group_range": "0 7" };
    spec.process!.oomScoreAdj = 500;
    spec.process!.noNewPrivileges = true;
    spec.mounts!.push({ destination: "/real", type: "proc", source: "proc" });
  });
  const files = [
    "self/attr/exec",
    "self/oom_score_adj",
    "sys/kernel/msgmax",
    "sys/net/ipv4/ping_group_range",
    "self/setgroups",
  ];
  for (const file of files) {
    mkdirSync(join(box.rootfs, "proc", file, ".."), { recursive: true });
    writeFileSync(join(box.rootfs, "proc", file), "untouched");
  }
  const look = "cat /real/sys/kernel/msgmax /real/sys/net/ipv4/ping_group_range /real/self/oom_score_adj";
  assert.equal(box.sh(look), "12345\n0\t7\n500\n");
  box.sleeping();
  assert.equal(box.exec("cat /real/self/oom_score_adj").out, "500\n");
  const given = {
    args: ["cat", "/real/self/oom_score_adj"],
    cwd: "/",
    env: ["PATH=/bin"],
    user: { uid: 0, gid: 0 },
    oomScoreAdj: 600,
  };
  writeFileSync(join(box.dir, "process.json"), JSON.stringify(given));
  assert.equal(box.runt("exec", "--process", join(box.dir, "process.json"), box.id).out, "600\n");
  // one that names none has the container's, not that of who asks
  writeFileSync(join(box.dir, "process.json"), JSON.stringify({ ...given, oomScoreAdj: undefined }));
  assert.equal(box.runt("exec", "--process", join(box.dir, "process.json"), box.id).out, "500\n");
  for (const file of files) assert.equal(readFileSync(join(box.rootfs, "proc", file), "utf8"), "untouched", file);
});

test("/proc and /sys of the image must not be links (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642)", () => {
  for (const name of ["proc", "sys"]) {
    using box = new Bundle();
    rmSync(join(box.rootfs, name), { recursive: true });
    mkdirSync(join(box.rootfs, "elsewhere"));
    symlinkSync("/elsewhere", join(box.rootfs, name));
    const { status, err } = box.runt("run", box.id);
    assert.equal(status, 1, "it has run");
    assert.match(err, new RegExp(`"/${name}" must be mounted on ordinary directory`));
  }
});

test("a volume cannot stand in for /proc, nor for what lies in it (CVE-2019-16884)", () => {
  const mounts = [
    { destination: "/proc", type: "bind", options: ["bind"] },
    { destination: "/proc/self/attr", type: "bind", options: ["bind"] },
    { destination: "/proc/../proc/./sys", type: "tmpfs", options: [] },
    { destination: "/proc", type: "tmpfs", options: [] },
  ];
  for (const mount of mounts) {
    using box = new Bundle();
    mkdirSync(join(box.dir, "fake"));
    box.spec.mounts!.push({ ...mount, source: mount.type === "bind" ? join(box.dir, "fake") : "tmpfs" });
    box.write();
    box.spec.process!.args = ["echo", "it has run"];
    box.write();
    const { status, out, err } = box.runt("run", box.id);
    assert.deepEqual({ status, out }, { status: 1, out: "" });
    assert.match(err, /"\/proc[^"]*" cannot be mounted because it is (inside \/proc|not of type proc)/);
  }
  // what lxcfs shows is let through, and the host's own procfs too
  using box = new Bundle();
  writeFileSync(join(box.dir, "uptime"), "1.00 2.00\n");
  box.spec.mounts!.push({
    destination: "/proc/uptime",
    type: "bind",
    source: join(box.dir, "uptime"),
    options: ["bind"],
  });
  assert.equal(box.sh("cat /proc/uptime"), "1.00 2.00\n");
  using host = new Bundle((spec) => {
    spec.mounts = spec.mounts!.filter(({ destination }) => destination !== "/proc");
    spec.mounts!.push({ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] });
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "pid");
  });
  assert.equal(host.sh(`test -d /proc/${process.pid} && echo ours`), "ours\n");
});

test("exec gives no inheritable capabilities that nobody asked for (CVE-2022-29162)", () => {
  using box = new Bundle();
  box.sleeping();
  const sets = (...flags: string[]) =>
    box.runt("exec", ...flags, box.id, "grep", "Cap\\(Inh\\|Amb\\)", "/proc/self/status").out;
  for (const flags of [[], ["--cap", "CAP_SYS_TIME"]])
    assert.equal(sets(...flags), "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
  const { out } = box.shell(`cd $(mktemp -d -p ${box.dir}) && ${box.runtime} spec && cat config.json`);
  assert.equal(JSON.parse(out).process.capabilities.inheritable, undefined);
});

test("what the image has at /dev/pts/<n> is not taken for the terminal (CVE-2025-52565)", () => {
  using box = new Bundle();
  // in devpts's place a folder of the image's: the terminal is one of the host's, of a number that can be guessed
  const pts = join(box.dir, "pts");
  mkdirSync(pts);
  for (let n = 0; n < 200; n++) symlinkSync("/proc/version", join(pts, `${n}`));
  box.spec.mounts = box.spec.mounts!.filter(({ destination }) => destination !== "/dev/pts");
  box.spec.mounts.push({ destination: "/dev/pts", type: "bind", source: pts, options: ["bind"] });
  box.spec.process!.terminal = true;
  // 88: Unix98 terminals, 136 to 143 as they come
  assert.match(box.sh("stat -c %t /dev/console"), /^8[89a-f]\r?\n$/);
});

test("a link of the image at /dev/console leads the terminal nowhere (CVE-2025-52565)", () => {
  using box = new Bundle((spec) => {
    // the image's own /dev
    spec.mounts = spec.mounts!.filter(({ destination }) => destination !== "/dev" && destination !== "/dev/shm");
    spec.process!.terminal = true;
    spec.process!.args = ["grep", "-e", "sysrq", "-e", "console", "/proc/self/mountinfo"];
  });
  mkdirSync(join(box.rootfs, "dev/pts"));
  symlinkSync("/proc/sysrq-trigger", join(box.rootfs, "dev/console"));
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 1);
  assert.match(err, /\/dev\/console.*ELOOP/);
  unlinkSync(join(box.rootfs, "dev/console"));
  assert.match(box.runt("run", box.id).out, / \/dev\/console /);
});
