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
  fails(
    (s) => void s.linux!.namespaces!.push({ type: "time", path: "/nowhere" }),
    /cannot open the time namespace: open "\/nowhere": ENOENT.*\nhint: a namespace goes with its last process/,
  );
  for (const field of ["hostname", "domainname"] as const)
    fails((s) => void (s[field] = "a".repeat(65)), new RegExp(`${field}: "a{65}" is longer than 64 bytes`));
  fails(
    (s) => void (s.linux!.resources!.cpu = { quota: 1 }),
    /linux\.resources\.cpu\.quota: cannot set .*: EINVAL.*\nhint: it is out of what the kernel takes/,
  );
  fails((s) => void (s.linux!.rootfsPropagation = "wild"), /rootfsPropagation.*wild/);
  fails(
    (s) => void (s.linux!.seccomp = { defaultAction: "SCMP_ACT_MAYBE" as never }),
    /unknown action "SCMP_ACT_MAYBE"/,
  );
  fails((s) => void (s.linux!.cgroupsPath = "/../x"), /cgroupsPath.*must not contain/);
  fails((s) => void (s.linux!.cgroupsPath = "system.slice:docker:x"), /systemd/);
  fails((s) => void (s.process!.rlimits = [{ type: "RLIMIT_FUN", soft: 1, hard: 1 }]), /RLIMIT_FUN/);
  fails((s) => void (s.root!.path = "elsewhere"), /root\.path: no folder at/);
  fails((s) => void (s.process!.oomScoreAdj = 5000), /process\.oomScoreAdj: 5000 is not between -1000 and 1000/);
  fails(
    (s) => void (s.linux!.sysctl = { "net.ipv4.ip_forward": "x" }),
    /linux\.sysctl: cannot set net\.ipv4\.ip_forward to "x": write "\/proc\/sys\/net\/ipv4\/ip_forward": EINVAL/,
  );
  fails((s) => void (s.linux!.sysctl = { "net.no.such": "1" }), /linux\.sysctl: cannot set net\.no\.such.*ENOENT/);
  fails((s) => void (s.linux!.resources!.devices = [{ allow: true, type: "z" }]), /devices\[0\]\.type "z"/);
});

test("a mount that fails names its index, its source and destination, and the kernel's answer", () => {
  fails(
    (spec) =>
      void spec.mounts!.push({ destination: "/data", type: "bind", source: "/no/such/folder", options: ["bind"] }),
    /mounts\[5\]: cannot mount bind "\/no\/such\/folder" on "\/data": .*ENOENT.*\nhint: make what is to be bound/,
  );
  fails(
    (spec) => void spec.mounts!.push({ destination: "/data", type: "nofs", source: "x" }),
    /mounts\[5\]: cannot mount nofs "x" on "\/data": mount nofs on "\/data": ENODEV.*\nhint: this kernel has no file system "nofs"/,
  );
  fails(
    (spec) => void spec.mounts!.push({ destination: "/bin", type: "bind", source: "/etc/hostname", options: ["bind"] }),
    /mounts\[5\]: cannot mount bind "\/etc\/hostname" on "\/bin": a file cannot be mounted on a folder: not a directory/,
  );
  fails(
    (spec) => void spec.mounts!.push({ destination: "/x", type: "tmpfs", source: "x", options: ["size=much"] }),
    /mounts\[5\]: .*mount tmpfs on "\/x": EINVAL.*\nhint: an option is unknown to the file system/,
  );
});

test("run tells that the program was killed for want of memory", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sh", "-c", "x=x; while :; do x=$x$x; done"];
    spec.linux!.resources!.memory = { limit: 16 << 20, swap: 16 << 20 };
  });
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 137);
  assert.match(err, /killed for want of memory: linux\.resources\.memory\.limit is too low/);
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
  for (const word of ["frobnicate", "toString", "constructor"])
    assert.match(box.runt(word).err, new RegExp(`^runt: unknown command "${word}"`));
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

test("--log has the cause, what to do, and warnings, in both forms; --log-format knows two; --debug tells each step", () => {
  using box = new Bundle((spec) => void spec.process!.capabilities!.permitted!.push("CAP_FANCY" as never));
  const log = join(box.dir, "log");
  const lines = () => readFileSync(log, "utf8").trim().split("\n");
  const debug = box.runt("--log", log, "--log-format", "json", "--debug", "run", box.id);
  assert.deepEqual([debug.status, debug.err], [0, ""]);
  const told = lines().map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
  for (const { time } of told) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(told.some(({ level, msg }) => level === "warning" && /unknown CAP_FANCY/.test(msg)));
  assert.ok(told.some(({ level, msg }) => level === "debug" && /^mounts\[0\]: mount proc .* ms$/.test(msg)));
  rmSync(log);
  box.runt("--log", log, "kill", "no-such-container");
  assert.match(lines().at(-1)!, /^time="[^"]+" level=error msg="container \\"no-such-container\\" does not exist"$/);
  rmSync(log);
  box.spec.root!.path = "elsewhere";
  box.write();
  box.runt("--log", log, "--log-format", "json", "run", box.id);
  const { msg } = JSON.parse(lines().at(-1)!);
  assert.match(msg, /^root\.path: no folder at ".*elsewhere".*\(the bundle's root file system is missing: .*\)$/);
  assert.match(box.runt("--log-format", "xml", "list").err, /--log-format "xml": expected text or json/);
  const nowhere = box.runt("--log", "/no/such/folder/log", "kill", "no-such-container");
  assert.match(nowhere.err, /cannot write the log: .*ENOENT/);
  assert.match(nowhere.err, /runt: container "no-such-container" does not exist/);
  assert.match(box.runt("--debug", "state", "x").err, /level=debug msg="runt state/);
});

test("exit codes are runc's: 1 for a failure, 255 for a failed exec, the program's own, 128 and the signal", () => {
  using box = new Bundle(args("sh", "-c", "exit 7"));
  assert.equal(box.runt("run", box.id).status, 7);
  box.sleeping();
  assert.equal(box.exec("exit 9").status, 9);
  assert.equal(box.exec("kill -15 $$").status, 143);
  assert.equal(box.runt("exec", box.id, "nosuch").status, 255);
  assert.equal(box.runt("exec", "no-such-container", "true").status, 255);
  for (const words of [["exec"], ["exec", "--wrong", box.id], ["run"], ["state", "none"]])
    assert.equal(box.runt(...words).status, 1, words.join(" "));
  assert.equal(box.runt("exec", box.id).status, 255, "no command");
  assert.equal(box.runt("frobnicate").status, 3, "no such command");
  assert.equal(box.runt("--version").status, 0);
  assert.equal(box.runt("create", box.id).status, 1, "the id is taken");
});
