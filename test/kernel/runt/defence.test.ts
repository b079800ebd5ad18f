// Known ways out of a container, each tried by a hostile image.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { until } from "../../support/until.ts";
import { Bundle, RUNTIME } from "./bundle.ts";

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
    let seen: string[] = [];
    // the one that stays: for a moment the look's own process is the runtime, too
    await until("the runtime in the container", () => {
      const now = box.exec(find).out.trim().split("\n").filter(Boolean);
      pid = now.find((one) => seen.includes(one)) ?? "";
      seen = now;
      return pid !== "";
    });
    const attack = `exec 3</proc/${pid}/exe || exit 9; kill -9 ${pid}; sleep 0.3; echo overwritten > /proc/self/fd/3`;
    box.ok("exec", "--detach", box.id, "sh", "-c", `(${attack}) 2>/tmp/answer; echo done >> /tmp/answer`);
    const answer = join(box.rootfs, "tmp/answer");
    await until("the attack's end", () => existsSync(answer) && readFileSync(answer, "utf8").includes("done"));
    held.stdin.end();
    box.runtime = RUNTIME; // whatever has become of the other
    assert.match(readFileSync(answer, "utf8"), /Read-only file system/);
    assert.equal(digest(), before);
  } finally {
    rmSync(dir, { recursive: true });
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
    // inside, where the links lead in there
    const places = box.sh(`grep -o '${outside}[^ ]*' /proc/self/mountinfo`);
    assert.match(places, new RegExp(`${outside}/inner\n.*${outside}/dots\n.*${outside}\n`, "s"));
    assert.deepEqual(readdirSync(outside), []);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("masked files are covered by the real null device whatever the image calls /dev/null, also where it is not there (CVE-2025-31133)", () => {
  using box = new Bundle((spec) => {
    // no /dev of its own: the image's is there when masks are made
    spec.mounts = spec.mounts!.filter(({ destination }) => !destination.startsWith("/dev"));
    spec.linux!.maskedPaths = ["/proc/version"];
    spec.linux!.readonlyPaths = [];
  });
  const look = "stat -c '%t:%T' /proc/version; cat /proc/version";
  assert.equal(box.sh(look), "1:3\n", "no /dev/null in the image");
  // what is to be had instead of the mask: a file of the kernel's, to be written to
  for (const link of ["/proc/sys/kernel/core_pattern", "/proc/self/fd/1", "/etc/mine"]) {
    writeFileSync(join(box.rootfs, "etc/mine"), "mine");
    rmSync(join(box.rootfs, "dev/null"), { force: true });
    symlinkSync(link, join(box.rootfs, "dev/null"));
    assert.equal(box.sh(look), "1:3\n", link);
  }
  rmSync(join(box.rootfs, "dev/null"));
  writeFileSync(join(box.rootfs, "dev/null"), "a file");
  assert.equal(box.sh(look), "1:3\n", "a file");
});

const refusing = (spec: Spec) => {
  spec.linux!.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
  };
};
const TRY = "mkdir /tmp/x 2>&1 || :";

test("the seccomp cache: a program that others may write to, or have put there, is not used", () => {
  // somebody else's program that allows everything
  const allow = Buffer.from("060000000000ff7f", "hex");
  const kinds: Record<string, (file: string) => void> = {
    "for all to write": (file) => chmodSync(file, 0o666),
    "for a group to write": (file) => chmodSync(file, 0o620),
    "of another user": (file) => chownSync(file, 12345, 0),
    "a link to another's": (file) => {
      renameSync(file, `${file}.there`);
      chownSync(`${file}.there`, 12345, 0);
      symlinkSync(`${file}.there`, file);
    },
  };
  for (const [kind, spoil] of Object.entries(kinds)) {
    using box = new Bundle(refusing);
    assert.match(box.sh(TRY), /not permitted/);
    const cache = join(box.state, ".seccomp");
    for (const name of readdirSync(cache)) {
      writeFileSync(join(cache, name), allow);
      spoil(join(cache, name));
    }
    assert.match(box.sh(TRY), /not permitted/, kind);
  }
});

test("the seccomp cache: nothing is taken from a folder in which others may rename, nor put there", () => {
  using box = new Bundle(refusing);
  assert.match(box.sh(TRY), /not permitted/);
  const cache = join(box.state, ".seccomp");
  const [strict] = readdirSync(cache);
  box.spec.linux!.seccomp!.syscalls![0]!.names = ["reboot"];
  box.sh(TRY);
  box.shell(`rmdir ${join(box.rootfs, "tmp/x")}`);
  const lax = readdirSync(cache).find((name) => name !== strict)!;
  // both are ours; who may rename puts one in the other's place
  chmodSync(cache, 0o777);
  renameSync(join(cache, lax), join(cache, strict!));
  refusing(box.spec);
  assert.match(box.sh(TRY), /not permitted/);
  assert.deepEqual(readdirSync(cache), [strict]);
});

test("the state of a container is for its owner alone: others see no more than that it is there", () => {
  using box = new Bundle(refusing);
  box.spec.process!.args = ["sleep", "1000"];
  box.write();
  // a careless caller, who lets others write to what it makes
  assert.equal(box.shell(`umask 0; ${RUNTIME} --root ${box.state} create ${box.id}`).status, 0);
  const seen = readdirSync(box.state, { recursive: true, withFileTypes: true });
  assert.ok(seen.length > 3);
  assert.equal(statSync(box.state).mode & 0o066, 0, "the root of the state");
  for (const entry of seen) {
    const path = join(entry.parentPath, entry.name);
    const { mode, uid } = lstatSync(path);
    assert.equal(uid, 0, path);
    // of a link nobody has rights; of a folder others may know the names; a socket wants to be written to
    const denied = entry.isSymbolicLink() ? 0 : entry.isDirectory() ? 0o066 : entry.isSocket() ? 0o022 : 0o077;
    assert.equal(mode & denied, 0, `${path}: ${mode.toString(8)}`);
  }
});
