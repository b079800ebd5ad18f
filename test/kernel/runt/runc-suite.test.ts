// What runc's own integration suite found: behaviour that callers of runc rely on.
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle, until } from "./bundle.ts";

test("a terminal that runt itself relays adds no carriage returns", () => {
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
  });
  assert.equal(box.sh("echo one; echo two"), "one\ntwo\n");
});

test("of variables that are given twice the last counts; an empty HOME is looked up", () => {
  using box = new Bundle((spec) => {
    spec.process!.env = ["PATH=/bin", "A=1", "HOME=", "A=2", "B=3"];
  });
  writeFileSync(join(box.rootfs, "etc/passwd"), "root:x:0:0:root:/home/of-root:/bin/sh\n");
  assert.equal(box.sh("env | grep -v -e PWD -e SHLVL | sort"), "A=2\nB=3\nHOME=/home/of-root\nPATH=/bin\n");
  assert.equal(box.runt("run", box.id).status, 0);
});

test("a seccomp filter may refuse every call that the runtime itself uses", () => {
  const refused = ["close_range", "fsopen", "fsconfig", "openat2", "open_tree", "move_mount", "mount_setattr", "chdir"];
  for (const noNewPrivileges of [true, false]) {
    using box = new Bundle((spec) => {
      spec.process!.noNewPrivileges = noNewPrivileges;
      spec.linux!.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: noNewPrivileges ? refused : refused.slice(0, -1), action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
      };
    });
    assert.equal(box.sh("echo runs"), "runs\n");
    box.sleeping();
    assert.equal(box.exec("echo too").out, "too\n");
  }
});

test("hooks.startContainer runs as the program will: behind its filter, as its user, in its environment", () => {
  using box = new Bundle((spec) => {
    spec.process!.user = { uid: 1000, gid: 1000 };
    spec.process!.env = ["PATH=/bin", "ONE=two"];
    spec.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", "echo $(id -u) $ONE $HOME >/tmp/told"] }] };
    spec.linux!.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL" }],
    };
  });
  chmodSync(join(box.rootfs, "tmp"), 0o777);
  box.sh("true");
  assert.equal(readFileSync(join(box.rootfs, "tmp/told"), "utf8"), "1000 two /\n");
  box.spec.hooks!.startContainer![0]!.args![2] = "mkdir /tmp/x";
  box.write();
  const { status, err } = box.runt("run", box.id);
  assert.notEqual(status, 0);
  assert.match(err, /error running startContainer hook #0: .*bad system call/);
});

test("hooks.createContainer runs in the container's root as it is before it is entered", () => {
  using box = new Bundle((spec) => {
    spec.hooks = { createContainer: [{ path: "/bin/sh", args: ["sh", "-c", "echo here > tmp/there"] }] };
  });
  assert.equal(box.sh("cat /tmp/there"), "here\n");
});

test("hooks get no descriptor that the caller left open", () => {
  using box = new Bundle((spec) => {
    const path = "/bin/sh";
    const list = (file: string) => ({ path, args: ["sh", "-c", `ls /proc/self/fd | wc -l > ${file}`] });
    spec.hooks = { createRuntime: [list("outside")], startContainer: [list("/tmp/inside")] };
  });
  const command = `exec 7</dev/null; exec ${box.runtime} --root ${box.state} run ${box.id}`;
  box.shell(command);
  assert.equal(readFileSync(join(box.dir, "outside"), "utf8").trim(), "4");
  assert.equal(readFileSync(join(box.rootfs, "tmp/inside"), "utf8").trim(), "4");
});

test("a path that is masked twice is masked once", () => {
  using box = new Bundle((spec) => {
    spec.linux!.maskedPaths = ["/twice", "/twice"];
  });
  mkdirSync(join(box.rootfs, "twice"));
  assert.equal(box.sh("grep -c ' /twice ' /proc/self/mountinfo"), "1\n");
});

test("a tmpfs on what is not there is open to all, on what is there as that was", () => {
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "/new", type: "tmpfs", source: "tmpfs" });
    spec.mounts!.push({ destination: "/old", type: "tmpfs", source: "tmpfs" });
  });
  mkdirSync(join(box.rootfs, "old"), { mode: 0o710 });
  assert.equal(box.sh("stat -c %a /new /old"), "1777\n710\n");
});

test("a destination that names the root as the host sees it means the same place", () => {
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "", type: "tmpfs", source: "tmpfs" });
  });
  box.spec.mounts!.at(-1)!.destination = join(box.rootfs, "inner");
  assert.equal(box.sh("grep -c ' /inner ' /proc/self/mountinfo"), "1\n");
});

test("with --no-pivot no whole /proc is left that would let an unmasked one be made", () => {
  using box = new Bundle((spec) => {
    const added = ["CAP_SYS_ADMIN", "CAP_SETFCAP"];
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process!.capabilities![set]!.push(...added);
    spec.process!.args = ["unshare", "-mrpf", "sh", "-c", "mount -t proc none /proc && echo made"];
  });
  const { out, err } = box.runt("run", "--no-pivot", box.id);
  assert.doesNotMatch(out, /made/);
  assert.match(err, /ermission denied|not permitted/);
});

test("a script whose interpreter is missing is told as every shell tells it", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["/run"];
  });
  writeFileSync(join(box.rootfs, "run"), "#!/not/there\n", { mode: 0o755 });
  assert.equal(box.runt("run", box.id).err, "exec /run: no such file or directory\n");
});

test("kill: 0 asks only, --all is content with a stopped container, KILL reaches who outlives the first process", async () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "pid");
    spec.process!.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"];
  });
  box.ok("create", box.id);
  box.ok("start", box.id);
  box.ok("kill", box.id, "0");
  const pids = () => JSON.parse(box.runt("ps", "--format", "json", box.id).out) as number[];
  await until("three processes", () => pids().length === 3);
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  const others = pids().filter((one) => one !== pid);
  process.kill(pid, "SIGKILL");
  await until("stopped", () => box.status() === "stopped");
  box.ok("kill", box.id, "KILL");
  await until("the others' end", () => others.every((one) => !existsSync(`/proc/${one}/exe`)));
  assert.match(box.runt("kill", box.id, "0").err, /container not running/);
  box.ok("kill", "--all", box.id, "0");
});

test("list fails where the state folder that is asked for is not there", () => {
  using box = new Bundle();
  assert.match(box.runt("--root", join(box.dir, "nowhere"), "list").err, /no state folder/);
});

test("shared propagation leaves no mount behind on the host", () => {
  using box = new Bundle((spec) => {
    spec.linux!.rootfsPropagation = "shared";
  });
  const host = mkdtempSync(join(tmpdir(), "wharf-shared-"));
  try {
    // a host whose mounts are shared, as systemd makes them
    const script = `mount --make-rshared / && ${box.runtime} --root ${box.state} run ${box.id} && grep -c ${box.rootfs} /proc/self/mountinfo`;
    box.spec.process!.args = ["true"];
    box.write();
    assert.equal(box.shell(`unshare -m sh -c '${script}'; true`).out, "0\n");
    assert.deepEqual(readdirSync(host), []);
  } finally {
    rmSync(host, { recursive: true });
  }
});
