// Known ways out of a container, each tried by a hostile image.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle, RUNTIME, until } from "./bundle.ts";

test("the runtime cannot be overwritten by way of /proc/<pid>/exe (CVE-2019-5736)", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-own-"));
  try {
    // a copy of its own: what writes to it must not fail for being in use by others
    const program = join(dir, "runt");
    copyFileSync(RUNTIME, program);
    const digest = () => createHash("sha256").update(readFileSync(program)).digest("hex");
    const before = digest();
    using box = new Bundle((spec) => {
      spec.process!.args = ["sleep", "1000"];
      spec.process!.capabilities!.effective!.push("CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE");
      spec.process!.capabilities!.permitted!.push("CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE");
      spec.process!.capabilities!.bounding!.push("CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE");
    });
    box.runtime = program;
    // the image's command is a link to whatever executes it: the runtime becomes a process of the container
    symlinkSync("/proc/self/exe", join(box.rootfs, "bin/runt"));
    box.ok("create", box.id);
    box.ok("start", box.id);
    // waits for the end of its input: long enough to be looked at
    const held = spawn(program, ["--root", box.state, "exec", box.id, "runt", "update", "-r", "-", "x"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    const find = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */runt*|/) echo ${p#/proc/};; esac; done";
    let pid = "";
    await until("the runtime in the container", () => {
      pid = box.exec(find).out.trim().split("\n")[0] ?? "";
      return pid !== "";
    });
    const attack = `exec 3</proc/${pid}/exe || exit 9; kill -9 ${pid}; sleep 0.3; echo overwritten > /proc/self/fd/3`;
    box.ok("exec", "--detach", box.id, "sh", "-c", `(${attack}) 2>/tmp/answer; echo done >> /tmp/answer`);
    held.stdin.end();
    const answer = join(box.rootfs, "tmp/answer");
    await until("the attack's end", () => existsSync(answer) && readFileSync(answer, "utf8").includes("done"));
    assert.match(readFileSync(answer, "utf8"), /Read-only file system/);
    assert.equal(digest(), before);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("no descriptor above 2 reaches the container, by create, run or exec (CVE-2024-21626)", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["ls", "/proc/self/fd"];
  });
  // 3 is the one by which ls reads the folder
  assert.equal(box.runt("run", box.id).out, "0\n1\n2\n3\n");
  box.sleeping();
  assert.equal(box.runt("exec", box.id, "ls", "/proc/self/fd").out, "0\n1\n2\n3\n");
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  assert.deepEqual(readdirSync(`/proc/${pid}/fd`).sort(), ["0", "1", "2"]);
});

test("process.cwd by /proc/self/fd leads nowhere (CVE-2024-21626)", () => {
  for (let fd = 3; fd < 12; fd++) {
    using box = new Bundle((spec) => {
      spec.process!.cwd = `/proc/self/fd/${fd}`;
      spec.process!.args = ["cat", "../../../../../../../../etc/shadow"];
    });
    const { status, out } = box.runt("run", box.id);
    assert.notEqual(status, 0, `fd ${fd}: ${out}`);
  }
});

test("symlinks of the image do not lead mounts, devices or folders out of the root", () => {
  const outside = mkdtempSync(join(tmpdir(), "wharf-outside-"));
  try {
    using box = new Bundle((spec) => {
      spec.mounts!.push({ destination: "/escape/inner", type: "tmpfs", source: "tmpfs" });
      spec.mounts!.push({ destination: "/dots", type: "tmpfs", source: "tmpfs" });
      spec.linux!.devices = [{ path: "/escape/device", type: "c", major: 1, minor: 3 }];
      spec.linux!.maskedPaths = ["/escape"];
    });
    symlinkSync(outside, join(box.rootfs, "escape"));
    symlinkSync(`../../../../../..${outside}/dots`, join(box.rootfs, "dots"));
    box.sh(`test -d ${outside}`);
    assert.deepEqual(readdirSync(outside), []);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("a folder exchanged for a symlink in a loop while containers start leads no mount outside (CVE-2021-30465)", async () => {
  const outside = mkdtempSync(join(tmpdir(), "wharf-outside-"));
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "/shared/target/inner", type: "tmpfs", source: "tmpfs" });
    spec.process!.args = ["true"];
  });
  const shared = join(box.rootfs, "shared");
  mkdirSync(join(shared, "target"), { recursive: true });
  symlinkSync(outside, join(shared, "link"));
  const script = `
    import os, ctypes
    libc = ctypes.CDLL(None)
    os.chdir(${JSON.stringify(shared)})
    while True: libc.renameat2(-100, b"target", -100, b"link", 2)`;
  const racer = spawn("python3", ["-c", script.replace(/^ {4}/gm, "")], { stdio: "ignore" });
  try {
    for (let i = 0; i < 40; i++) {
      box.runt("run", box.id);
      assert.deepEqual(readdirSync(outside), []);
    }
  } finally {
    racer.kill("SIGKILL");
    await new Promise((resolve) => racer.on("exit", resolve));
    rmSync(outside, { recursive: true });
  }
});

test("masked files are covered by the real null device whatever the image calls /dev/null (CVE-2025-31133)", () => {
  using box = new Bundle((spec) => {
    // no /dev of its own: the image's is there when masks are made
    spec.mounts = spec.mounts!.filter(({ destination }) => !destination.startsWith("/dev"));
    spec.linux!.maskedPaths = ["/proc/version"];
    spec.linux!.readonlyPaths = [];
  });
  symlinkSync("/proc/sys/kernel/core_pattern", join(box.rootfs, "dev/null"));
  assert.equal(box.sh("stat -c '%t:%T' /proc/version"), "1:3\n");
});

test("the seccomp cache is not used where others may write to it", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
    };
  });
  assert.match(box.sh("mkdir /tmp/x 2>&1 || :"), /not permitted/);
  const cache = join(box.state, ".seccomp");
  const [name] = readdirSync(cache);
  // somebody else's program that allows everything
  const allow = Buffer.from("060000000000ff7f", "hex");
  writeFileSync(join(cache, name!), allow);
  chmodSync(join(cache, name!), 0o666);
  assert.match(box.sh("mkdir /tmp/x 2>&1 || :"), /not permitted/);
});
