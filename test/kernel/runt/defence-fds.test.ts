// What a container's processes hold besides their streams: nothing, unless asked for; and nothing of the host's on the way.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LinuxSeccomp } from "../../../src/common/oci/runtime.ts";
import { until } from "../../support/until.ts";
import { Bundle, RUNTIME } from "./bundle.ts";

/** Calls the runtime as a careless caller does: with a folder of the host open at 3 to 9, to be inherited. */
function careless(box: Bundle, ...args: string[]): string {
  const host = openSync("/", "r");
  try {
    const { stdout, stderr, status } = spawnSync(RUNTIME, ["--root", box.state, ...args], {
      cwd: box.dir,
      stdio: ["ignore", "pipe", "pipe", host, host, host, host, host, host, host],
      encoding: "utf8",
      timeout: 120_000,
    });
    assert.equal(status, 0, stderr);
    return stdout;
  } finally {
    closeSync(host);
  }
}

const fdsOf = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b);
const pidOf = (box: Bundle) => JSON.parse(box.runt("state", box.id).out).pid as number;
/** The last one is that by which ls reads the folder. */
const LIST = ["ls", "-1", "/proc/self/fd"];

test("no descriptor above 2 reaches the container, whatever the caller has open: run and exec (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => void (spec.process!.args = LIST));
  assert.equal(careless(box, "run", box.id), "0\n1\n2\n3\n");
  assert.equal(careless(box, "run", "--preserve-fds", "2", box.id), "0\n1\n2\n3\n4\n5\n");
  box.sleeping();
  assert.equal(careless(box, "exec", box.id, ...LIST), "0\n1\n2\n3\n");
  assert.equal(careless(box, "exec", "--preserve-fds", "2", box.id, ...LIST), "0\n1\n2\n3\n4\n5\n");
});

test("no descriptor above 2 reaches the container, whatever the caller has open: create and start (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => void (spec.process!.args = ["sleep", "1000"]));
  // files: who waits for pipes to be closed would wait for the container
  box.shell(`${RUNTIME} --root ${box.state} create ${box.id} 3</ 4</ 9</ >out 2>&1 </dev/null`);
  box.shell(`${RUNTIME} --root ${box.state} start ${box.id} 3</ 4</ 9</`);
  assert.deepEqual(fdsOf(pidOf(box)), [0, 1, 2]);
});

test("no descriptor above 2 reaches the container, whatever the caller has open: with a terminal (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
    spec.process!.args = LIST;
  });
  assert.equal(careless(box, "run", box.id).replaceAll("\r", ""), "0\n1\n2\n3\n");
  box.spec.process!.terminal = false;
  box.sleeping();
  assert.equal(careless(box, "exec", "--tty", box.id, ...LIST).replaceAll("\r", ""), "0\n1\n2\n3\n");
});

test("no descriptor above 2 reaches hooks, whatever the caller has open (CVE-2024-21626)", () => {
  const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
  using box = new Bundle();
  mkdirSync(join(box.dir, "said"));
  for (const kind of kinds) {
    const file = kind === "startContainer" ? `/tmp/${kind}` : join(box.dir, "said", kind);
    const args = ["sh", "-c", `ls /proc/self/fd > ${file}`];
    box.spec.hooks = { ...box.spec.hooks, [kind]: [{ path: "/bin/sh", args, env: ["PATH=/bin:/usr/bin"] }] };
  }
  box.write();
  careless(box, "run", box.id);
  for (const kind of kinds) {
    const file = join(kind === "startContainer" ? join(box.rootfs, "tmp") : join(box.dir, "said"), kind);
    assert.equal(readFileSync(file, "utf8"), "0\n1\n2\n3\n", kind);
  }
});

test("process.cwd by /proc/self/fd leads nowhere, whatever the caller has open (CVE-2024-21626)", () => {
  const files = ["../../../../../../../../etc/os-release", "etc/os-release"];
  const [begin, held] = [`${RUNTIME} --root`, "3</ 4</ 5</ 6</ 7</ 8</ 9</ </dev/null"];
  using sleeping = new Bundle();
  sleeping.sleeping();
  using box = new Bundle((spec) => void (spec.process!.args = ["cat", ...files]));
  for (let fd = 3; fd < 11; fd++) {
    const cwd = `/proc/self/fd/${fd}`;
    box.spec.process!.cwd = cwd;
    box.write();
    assert.equal(box.shell(`${begin} ${box.state} run ${box.id} ${held}`).out, "", `run, ${fd}`);
    box.runt("delete", "--force", box.id);
    const exec = `${begin} ${sleeping.state} exec --cwd ${cwd} ${sleeping.id} cat ${files.join(" ")} ${held}`;
    assert.equal(box.shell(exec).out, "", `exec, ${fd}`);
  }
  // and they would have told it
  box.shell("mkdir -p rootfs/etc && echo inside > rootfs/etc/os-release");
  box.spec.process!.cwd = "/etc";
  box.write();
  assert.equal(box.runt("run", box.id).out, "inside\n");
});

test("process.cwd outside of the root is refused, also where the caller hands that folder over (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => void (spec.process!.args = ["cat", "etc/os-release"]));
  const words = (verb: string) => `${RUNTIME} --root ${box.state} ${verb} --preserve-fds 1`;
  box.spec.process!.cwd = "/proc/self/fd/3";
  box.write();
  const run = box.shell(`${words("run")} ${box.id} 3</`);
  assert.equal(run.out, "");
  assert.match(run.err, /process\.cwd "\/proc\/self\/fd\/3" is outside of the container's root/);
  box.spec.process!.cwd = "/";
  box.sleeping();
  const exec = box.shell(`${words("exec")} --cwd /proc/self/fd/3 ${box.id} cat etc/os-release 3</`);
  assert.equal(exec.out, "");
  assert.match(exec.err, /process\.cwd "\/proc\/self\/fd\/3" is outside of the container's root/);
});

/** Only what leads nowhere. */
function assertNoWayOut(pid: number, most: RegExp): void {
  for (const fd of fdsOf(pid).filter((fd) => fd > 2)) assert.match(readlinkSync(`/proc/${pid}/fd/${fd}`), most);
}

const FILTER: LinuxSeccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["reboot"], action: "SCMP_ACT_ERRNO" }],
};

test("a created container, which waits for its start, holds nothing of the host's or the caller's (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["true"];
    spec.linux!.seccomp = FILTER;
  });
  box.shell(`${RUNTIME} --root ${box.state} create ${box.id} 3</ 4</ 9</ >out 2>&1 </dev/null`);
  assertNoWayOut(pidOf(box), /^(socket:|anon_inode:\[signalfd\]$)/);
});

test("what is about to become the program holds nothing of the host's or the caller's, and hooks of the image cannot look at it (CVE-2024-21626)", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["true"];
    spec.linux!.seccomp = FILTER;
    const script = "for fd in /proc/1/fd/*; do readlink $fd; done > /tmp/seen; echo > /tmp/ready; read word < /tmp/go";
    spec.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin"] }] };
  });
  const tmp = join(box.rootfs, "tmp");
  box.shell(`mkfifo ${tmp}/go`);
  const run = spawn("sh", ["-c", `exec ${RUNTIME} --root ${box.state} run ${box.id} 3</ 4</ 9</`], {
    cwd: box.dir,
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => run.on("exit", resolve));
  try {
    await until("the hook", () => existsSync(join(tmp, "ready")));
    assertNoWayOut(pidOf(box), /^(socket:|pipe:|anon_inode:\[pidfd\]$)/);
    assert.equal(readFileSync(join(tmp, "seen"), "utf8"), "");
  } finally {
    box.shell(`timeout 20 sh -c 'echo > ${tmp}/go'`);
  }
  assert.equal(await ended, 0);
});
