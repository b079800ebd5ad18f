// Flags and fields that no other file is about: limits by update, descriptors passed on, the terminal's size, every rlimit, clocks.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle, CGROUP_V2, RUNTIME } from "./bundle.ts";

const MIB = 1 << 20;

test("update: each flag changes its limit, and --resources takes a file", () => {
  using box = new Bundle(
    (spec) => void Object.assign(spec.linux!.resources!, { memory: { limit: 64 * MIB, swap: 64 * MIB } }),
  );
  box.sleeping();
  const place = (name: string) => `/sys/fs/cgroup/${CGROUP_V2 ? "" : name.split(".")[0]}/${box.id}/${name}`;
  const file = (name: string) => readFileSync(place(name), "utf8").trim();
  const set = (flags: string[], v1: Record<string, string>, v2: Record<string, string>) => {
    box.ok("update", ...flags, box.id);
    for (const [name, value] of Object.entries(CGROUP_V2 ? v2 : v1)) assert.equal(file(name), value, flags.join(" "));
  };
  const n = (mib: number) => String(mib * MIB);
  set(["--memory-swap", n(128)], { "memory.memsw.limit_in_bytes": n(128) }, { "memory.swap.max": n(64) });
  set(["--memory", n(100)], { "memory.limit_in_bytes": n(100) }, { "memory.max": n(100) });
  set(["--memory-reservation", n(50)], { "memory.soft_limit_in_bytes": n(50) }, { "memory.low": n(50) });
  set(["--cpu-share", "512"], { "cpu.shares": "512" }, { "cpu.weight": "59" });
  set(["--cpu-period", "50000"], { "cpu.cfs_period_us": "50000" }, { "cpu.max": "max 50000" });
  set(["--cpu-quota", "20000"], { "cpu.cfs_quota_us": "20000" }, { "cpu.max": "20000 50000" });
  set(["--cpu-burst", "5000"], { "cpu.cfs_burst_us": "5000" }, { "cpu.max.burst": "5000" });
  set(["--cpuset-cpus", "0"], { "cpuset.cpus": "0" }, { "cpuset.cpus": "0" });
  set(["--cpuset-mems", "0"], { "cpuset.mems": "0" }, { "cpuset.mems": "0" });
  set(["--pids-limit", "25"], { "pids.max": "25" }, { "pids.max": "25" });
  set(["--cpu-idle", "1"], { "cpu.idle": "1" }, { "cpu.idle": "1" });
  const kernel = box.runt("update", "--kernel-memory", n(50), box.id);
  assert.equal(kernel.status, 0, kernel.err);
  for (const [flag, value, ...names] of [
    ["--blkio-weight", "500", "blkio.weight", "blkio.bfq.weight", "io.bfq.weight"],
    ["--cpu-rt-period", "500000", "cpu.rt_period_us"],
    ["--cpu-rt-runtime", "1000", "cpu.rt_runtime_us"],
    ["--kernel-memory-tcp", n(20), "memory.kmem.tcp.limit_in_bytes"],
    ["--mem-bw-schema", "MB:0=50"],
  ] as const) {
    const { status, err } = box.runt("update", flag, value, box.id);
    // what this host's cgroups, scheduler or processor have not is refused by name; kernel memory is passed over with a warning
    if (status !== 0) assert.match(err, /linux\.(resources\.(blockIO|cpu|memory)|intelRdt)/, flag);
    else if (!/limits of kernel memory are ignored/.test(err)) {
      const there = names.filter((name) => existsSync(place(name))).map((name) => file(name).replace("default ", ""));
      assert.ok(there.includes(value), `${flag}: ${there}`);
    }
  }
  const resources = join(box.dir, "resources.json");
  writeFileSync(resources, JSON.stringify({ pids: { limit: 31 } }));
  set(["--resources", resources], { "pids.max": "31" }, { "pids.max": "31" });
  // the record keeps what all of them have changed
  const { updated } = JSON.parse(readFileSync(join(box.state, box.id, "state.json"), "utf8"));
  assert.deepEqual(updated.pids, { limit: 31 });
  assert.deepEqual(updated.memory, { swap: 128 * MIB, limit: 100 * MIB, reservation: 50 * MIB });
  assert.equal(updated.cpu.period, 50000);
  assert.equal(updated.cpu.cpus, "0");
  assert.equal(box.status(), "running");
  assert.match(box.runt("update", "--memory", "much", box.id).err, /--memory.*"much"/);
  writeFileSync(resources, JSON.stringify({ memory: { limit: "1g" } }));
  assert.match(
    box.runt("update", "-r", resources, box.id).err,
    /resources\.json: memory\.limit: expected a number, got "1g"/,
  );
});

test("--preserve-fds passes descriptors on, by run, create and exec, and no other", () => {
  using box = new Bundle();
  const file = join(box.dir, "passed");
  writeFileSync(file, "passed on");
  const fds = [openSync(file, "r"), openSync(file, "r")];
  const call = (...args: string[]) =>
    spawnSync(RUNTIME, ["--root", box.state, ...args], {
      cwd: box.dir,
      stdio: ["ignore", "pipe", "pipe", ...fds],
      encoding: "utf8",
      timeout: 120_000,
    });
  try {
    box.spec.process!.args = ["sh", "-c", "cat <&3; test -e /proc/self/fd/4; echo $?"];
    box.write();
    const run = call("run", "--preserve-fds", "1", box.id);
    assert.equal(run.stdout, "passed on1\n", run.stderr);
    box.sleeping();
    const exec = call(
      "exec",
      "--preserve-fds",
      "1",
      box.id,
      "sh",
      "-c",
      "test -e /proc/self/fd/3; echo $?; test -e /proc/self/fd/4; echo $?",
    );
    assert.equal(exec.stdout, "0\n1\n", exec.stderr);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
});

/** Takes one connection after the other and what each says. */
async function listening(path: string, said: string[]): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("data", (data) => void said.push(String(data)));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

/** A verb that may wait for us. */
async function spawned(box: Bundle, ...args: string[]): Promise<void> {
  const child = box.spawn(...args);
  let err = "";
  child.stderr.on("data", (data) => void (err += data));
  child.stdin.end();
  assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0, `${args.join(" ")}: ${err}`);
}

test("--pidfd-socket gets a word and a descriptor, by create, run and exec; --pid-file the number", async () => {
  using box = new Bundle((spec) => void (spec.process!.args = ["sleep", "1000"]));
  const path = join(box.dir, "pidfd.sock");
  const said: string[] = [];
  const server = await listening(path, said);
  try {
    const pidFile = join(box.dir, "pid");
    await spawned(box, "create", "--pidfd-socket", path, "--pid-file", pidFile, box.id);
    await until("create has told", () => said.length === 1);
    assert.equal(JSON.parse(box.runt("state", box.id).out).pid, Number(readFileSync(pidFile, "utf8")));
    box.ok("start", box.id);
    await spawned(box, "exec", "--pidfd-socket", path, box.id, "true");
    await until("exec has told", () => said.length === 2);
    const other = `${box.id}-run`;
    box.others.push(other);
    box.spec.linux!.cgroupsPath = `/${other}`;
    box.write();
    await spawned(box, "run", "--detach", "--pidfd-socket", path, "--pid-file", pidFile, other);
    await until("run has told", () => said.length === 3);
    assert.ok(existsSync(`/proc/${readFileSync(pidFile, "utf8")}`));
  } finally {
    server.close();
  }
});

/** Takes terminals and holds them: prints what came along, and each one's size as stty does. */
const HOLDER = `
import fcntl, socket, struct, sys, termios
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(sys.argv[1])
listener.listen()
held = []
while True:
    connection, _ = listener.accept()
    data, fds, _, _ = socket.recv_fds(connection, 100, 1)
    held += fds
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(fds[0], termios.TIOCGWINSZ, bytes(8)))
    print(data.decode(), rows, columns, flush=True)
`;

test("process.terminal and consoleSize: /dev/console is the terminal, of that size; exec's own too", async () => {
  using box = new Bundle((spec) => {
    Object.assign(spec.process!, { terminal: true, consoleSize: { height: 33, width: 77 }, args: ["sleep", "1000"] });
  });
  const path = join(box.dir, "console");
  const holder = spawn("python3", ["-c", HOLDER, path], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  holder.stdout.on("data", (data) => void (said += data));
  try {
    await until("somebody takes terminals", () => existsSync(path));
    await spawned(box, "create", "--console-socket", path, box.id);
    await until("the first is there", () => said === "/dev/ptmx 33 77\n");
    box.ok("start", box.id);
    assert.equal(box.exec("stty size < /dev/console").out, "33 77\n");
    const file = join(box.dir, "process.json");
    const process = { ...box.spec.process, consoleSize: { height: 11, width: 22 }, args: ["sleep", "100"] };
    writeFileSync(file, JSON.stringify(process));
    await spawned(box, "exec", "--console-socket", path, "--process", file, "--detach", box.id);
    await until("the second is there", () => said.endsWith("\n/dev/ptmx 11 22\n"));
  } finally {
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
});

test("exec --ignore-paused waits in a paused container for its thaw; without it it is refused", async () => {
  using box = new Bundle();
  box.sleeping();
  box.ok("pause", box.id);
  assert.match(box.exec("true").err, /cannot exec in a paused container/);
  const done = spawned(box, "exec", "--ignore-paused", box.id, "sh", "-c", ": > /tmp/ran");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(!existsSync(join(box.rootfs, "tmp/ran")), "it waits");
  box.ok("resume", box.id);
  await done;
  assert.ok(existsSync(join(box.rootfs, "tmp/ran")));
});

test("exec --cgroup: a group below the container's own", () => {
  using box = new Bundle();
  box.sleeping();
  const line = CGROUP_V2 ? "0::" : ":pids:";
  assert.match(box.runt("exec", "--cgroup", "/nosuch", box.id, "true").err, /nosuch/);
  const { out } = box.runt("exec", "--cgroup", "/", box.id, "sh", "-c", `grep '${line}' /proc/self/cgroup`);
  assert.match(out, new RegExp(`/${box.id}\n$`));
});

const RLIMITS: Readonly<Record<string, RegExp>> = {
  RLIMIT_AS: /Max address space/,
  RLIMIT_CORE: /Max core file size/,
  RLIMIT_CPU: /Max cpu time/,
  RLIMIT_DATA: /Max data size/,
  RLIMIT_FSIZE: /Max file size/,
  RLIMIT_LOCKS: /Max file locks/,
  RLIMIT_MEMLOCK: /Max locked memory/,
  RLIMIT_MSGQUEUE: /Max msgqueue size/,
  RLIMIT_NICE: /Max nice priority/,
  RLIMIT_NOFILE: /Max open files/,
  RLIMIT_NPROC: /Max processes/,
  RLIMIT_RSS: /Max resident set/,
  RLIMIT_RTPRIO: /Max realtime priority/,
  RLIMIT_RTTIME: /Max realtime timeout/,
  RLIMIT_SIGPENDING: /Max pending signals/,
  RLIMIT_STACK: /Max stack size/,
};

test("process.rlimits: every type there is, soft and hard; twice or unknown is named", () => {
  const limits = readFileSync("/proc/self/limits", "utf8");
  // lowered a little, to what this host surely allows
  const wanted = Object.entries(RLIMITS).map(([type, name]) => {
    const line = limits.split("\n").find((one) => name.test(one))!;
    const [, hard = ""] = line.slice(26).trim().split(/\s+/);
    const most = hard === "unlimited" ? 2 ** 40 : Number(hard);
    return { type, soft: Math.floor(most / 4), hard: Math.floor(most / 2) };
  });
  using box = new Bundle((spec) => void (spec.process!.rlimits = wanted));
  const shown = box.sh("cat /proc/self/limits").split("\n");
  for (const { type, soft, hard } of wanted) {
    const line = shown.find((one) => RLIMITS[type]!.test(one))!;
    assert.deepEqual(line.slice(26).trim().split(/\s+/).slice(0, 2).map(Number), [soft, hard], type);
  }
  box.spec.process!.rlimits = [wanted[0]!, wanted[0]!];
  box.write();
  assert.match(box.runt("run", box.id).err, /process\.rlimits: RLIMIT_AS is given twice/);
});

test("linux.timeOffsets: both clocks, seconds and nanoseconds, for exec too", () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces!.push({ type: "time" });
    spec.linux!.timeOffsets = {
      monotonic: { secs: 7881, nanosecs: 2718281 },
      boottime: { secs: 1337, nanosecs: 3141519 },
    };
  });
  const script = "tr -s ' ' < /proc/self/timens_offsets; cut -d. -f1 /proc/uptime";
  box.sleeping();
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(".")[0]);
  const [monotonic, boottime, shown] = box.exec(script).out.split("\n");
  assert.match(monotonic!, /^monotonic 7881 0*2718281$/);
  assert.match(boottime!, /^boottime 1337 0*3141519$/);
  assert.ok(Number(shown) >= uptime + 1337 && Number(shown) < uptime + 1337 + 60, `${shown} after ${uptime}`);
});

test("global flags: --root keeps containers apart, --rootless and --criu are taken, --version names the specification", () => {
  using box = new Bundle();
  box.sleeping();
  const other = spawnSync(RUNTIME, ["--root", join(box.dir, "other"), "state", box.id], { encoding: "utf8" });
  assert.match(other.stderr, /does not exist/);
  assert.equal(box.runt("--rootless", "false", "--criu", "criu", "state", box.id).status, 0);
  assert.match(box.runt("--version").out, /^runt version \S+\n[\s\S]*spec: 1\.3\.0\n/);
  assert.deepEqual(JSON.parse(box.runt("ps", "--format", "json", box.id).out).length, 1);
});

test("--bundle names the folder of config.json, absolute or from here, for create, run and spec; without it that is here", () => {
  using box = new Bundle((spec) => void (spec.process!.args = ["echo", "found"]));
  mkdirSync(join(box.dir, "elsewhere"));
  const from = (folder: string, words: string) =>
    box.shell(`cd ${folder} && ${RUNTIME} --root ${box.state} ${words} ${box.id} < /dev/null`);
  assert.equal(from("/", `run --bundle ${box.dir}`).out, "found\n");
  assert.equal(from("elsewhere", "run -b ..").out, "found\n");
  assert.equal(from(".", "run").out, "found\n");
  for (const verb of ["run", "create"])
    assert.match(from("elsewhere", verb).err, /JSON specification file .*elsewhere\/config\.json not found/, verb);
  const created = from("elsewhere", "create --bundle ..");
  assert.equal(created.status, 0, created.err);
  assert.equal(JSON.parse(box.runt("state", box.id).out).bundle, box.dir);
  mkdirSync(join(box.dir, "fresh"));
  assert.equal(box.shell(`cd elsewhere && ${RUNTIME} spec --bundle ../fresh`).status, 0);
  assert.ok(existsSync(join(box.dir, "fresh/config.json")));
});
