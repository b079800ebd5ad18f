// Bad input: an error that names the field, and nothing left behind.
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle } from "./bundle.ts";

function fails(change: (spec: Spec) => void, message: RegExp, verb: "run" | "create" = "run"): void {
  using box = new Bundle(change);
  const { status, err } = box.runt(verb, box.id);
  assert.equal(status, 1, err);
  assert.match(err, message);
  assert.equal(box.status(), undefined, "state left behind");
  // v1: a tree for each hierarchy; v2: one
  const trees = ["", ...readdirSync("/sys/fs/cgroup")];
  const left = trees.filter((one) => existsSync(join("/sys/fs/cgroup", one, box.id)));
  assert.deepEqual(left, [], "cgroups left behind");
}

const args =
  (...words: string[]) =>
  (spec: Spec) => {
    spec.process!.args = words;
  };

test("a program that is not there, or cannot be executed, is told in the words that docker maps to 127 and 126", () => {
  for (const verb of ["run", "create"] as const) {
    fails(args("nosuch"), /process\.args\[0\]: exec: "nosuch": executable file not found in \$PATH/, verb);
    fails(args("/bin/nosuch"), /process\.args\[0\]: exec: "\/bin\/nosuch": no such file or directory/, verb);
    fails(args("/etc"), /exec: "\/etc": (is a directory|permission denied)/, verb);
  }
  using box = new Bundle(args("/tmp/plain"));
  writeFileSync(join(box.rootfs, "tmp/plain"), "text");
  assert.match(box.runt("create", box.id).err, /exec: "\/tmp\/plain": permission denied/);
  chmodSync(join(box.rootfs, "tmp/plain"), 0o755);
  assert.match(box.runt("run", box.id).err, /exec: "\/tmp\/plain": exec format error/);
  writeFileSync(join(box.rootfs, "tmp/plain"), "#!/no/interpreter\n");
  assert.match(box.runt("run", box.id).err, /^exec \/tmp\/plain: no such file or directory$/m);
});

test("a failed exec after start is told by start", () => {
  using box = new Bundle(args("/tmp/script"));
  writeFileSync(join(box.rootfs, "tmp/script"), "#!/no/interpreter\n", { mode: 0o755 });
  box.ok("create", box.id);
  const { status, err } = box.runt("start", box.id);
  assert.equal(status, 1);
  assert.equal(err, "exec /tmp/script: no such file or directory\n");
});

test("config.json: wrong types, missing parts, unknown words are named", () => {
  const set = (change: (spec: Record<string, never>) => void) => (spec: Spec) => change(spec as never);
  fails(
    set((s) => void (s.ociVersion = "2.0" as never)),
    /ociVersion/,
  );
  fails(
    set((s) => void (s.process = "sh" as never)),
    /process: expected an object, got "sh"/,
  );
  fails((s) => void (s.process!.args = []), /process\.args: must name a program/);
  fails((s) => void ((s.process as { args: unknown }).args = "sh"), /process\.args: expected a list, got "sh"/);
  fails((s) => void (s.process!.cwd = "relative"), /process\.cwd: must be an absolute path/);
  fails(
    (s) => void (s.linux!.namespaces as unknown[]).push({ type: "magic" }),
    /linux\.namespaces\[5\]\.type: unknown value "magic"; there are pid, network/,
  );
  fails((s) => void s.linux!.namespaces!.push({ type: "pid" }), /pid is given twice/);
  fails((s) => void s.linux!.namespaces!.push({ type: "time", path: "/nowhere" }), /cannot open the time namespace/);
  fails((s) => void (s.linux!.rootfsPropagation = "wild"), /rootfsPropagation.*wild/);
  fails(
    (s) => void (s.linux!.seccomp = { defaultAction: "SCMP_ACT_MAYBE" as never }),
    /unknown action "SCMP_ACT_MAYBE"/,
  );
  fails((s) => void (s.linux!.cgroupsPath = "/../x"), /cgroupsPath.*must not contain/);
  fails((s) => void (s.linux!.cgroupsPath = "system.slice:docker:x"), /systemd/);
  fails((s) => void (s.process!.rlimits = [{ type: "RLIMIT_FUN", soft: 1, hard: 1 }]), /RLIMIT_FUN/);
  fails((s) => void (s.root!.path = "elsewhere"), /root\.path: no folder at/);
  fails((s) => void (s.linux!.sysctl = { "net.no.such": "1" }), /linux\.sysctl: cannot set net\.no\.such.*ENOENT/);
  fails((s) => void (s.linux!.resources!.devices = [{ allow: true, type: "z" }]), /devices\[0\]\.type "z"/);
});

test("a mount that fails names its index, its source and destination, and the kernel's answer", () => {
  fails(
    (spec) =>
      void spec.mounts!.push({ destination: "/data", type: "bind", source: "/no/such/folder", options: ["bind"] }),
    /mounts\[5\]: cannot mount bind "\/no\/such\/folder" on "\/data": .*ENOENT/,
  );
  fails(
    (spec) => void spec.mounts!.push({ destination: "/data", type: "nofs", source: "x" }),
    /mounts\[5\].*nofs.*ENODEV/,
  );
});

test("proc on a symlink is refused (CVE-2019-19921)", () => {
  using box = new Bundle();
  rmSync(join(box.rootfs, "proc"), { recursive: true });
  mkdirSync(join(box.rootfs, "other"));
  symlinkSync("other", join(box.rootfs, "proc"));
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 1);
  assert.match(err, /mounts\[0\].*proc/);
});

test("bad JSON, no config.json, bad ids, unknown verbs and flags", () => {
  using box = new Bundle();
  for (const id of ["", ".", "..", "a/b", "a b", ".seccomp"]) {
    assert.match(box.runt("create", id).err, /invalid container id/, JSON.stringify(id));
  }
  assert.match(box.runt("frobnicate").err, /unknown command "frobnicate"/);
  assert.match(box.runt("run", "--wrong", box.id).err, /unknown flag --wrong/);
  assert.match(box.runt("run").err, /missing argument: ID/);
  assert.match(box.runt("--systemd-cgroup", "run", box.id).err, /systemd/);
  writeFileSync(join(box.dir, "config.json"), "{ not json");
  assert.match(box.runt("run", box.id).err, /config\.json is not valid JSON/);
  rmSync(join(box.dir, "config.json"));
  assert.match(box.runt("run", box.id).err, /config\.json not found/);
});

test("--log gets the error as one JSON line in runc's form", () => {
  using box = new Bundle(args("nosuch"));
  const log = join(box.dir, "log.json");
  box.runt("--log", log, "--log-format", "json", "run", box.id);
  const lines = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const last = lines.at(-1);
  assert.equal(last.level, "error");
  assert.match(last.msg, /exec: "nosuch": executable file not found in \$PATH/);
  assert.ok(!Number.isNaN(Date.parse(last.time)));
});
