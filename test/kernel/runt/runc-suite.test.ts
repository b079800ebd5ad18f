// What runc's own integration suite found: behaviour that callers of runc rely on.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

test("a terminal that runt itself relays adds no carriage returns", () => {
  using box = new Bundle((spec) => {
    spec.process!.terminal = true;
  });
  assert.equal(box.sh("echo one; echo two"), "one\ntwo\n");
});

test("of variables that are given twice the last counts; an empty HOME is looked up", () => {
  using box = new Bundle((spec) => {
    spec.process!.env = ["PATH=/bin", "A=1", "HOME=/override", "HOME=", "A=2", "B=3"];
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

test("a signal that ends a program ends a created container too, though its first process has a pid namespace", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
  });
  box.ok("create", box.id);
  box.ok("kill", box.id, "TERM");
  await until("stopped", () => box.status() === "stopped");
});

test("without a mount namespace the terminal is one of the host's", () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "mount");
    spec.linux!.maskedPaths = [];
    spec.linux!.readonlyPaths = [];
    spec.process!.terminal = true;
  });
  assert.equal(box.sh("test -t 0 && test -t 1 && echo terminal"), "terminal\n");
});

test("a container does not inherit the affinity of its caller, nor does exec", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["grep", "Cpus_allowed_list", "/proc/self/status"];
  });
  const all = box.shell("grep Cpus_allowed_list /proc/self/status").out;
  const bound = (words: string) => box.shell(`taskset -c 0 ${box.runtime} --root ${box.state} ${words}`).out;
  assert.equal(bound(`run ${box.id}`), all);
  box.sleeping();
  assert.equal(bound(`exec ${box.id} grep Cpus_allowed_list /proc/self/status`), all);
});

test("ps shows the host's view, by default and with its options, and nothing of a stopped container", async () => {
  using box = new Bundle();
  box.sleeping();
  const [title, line, ...rest] = box.runt("ps", box.id).out.trimEnd().split("\n");
  assert.match(title!, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
  assert.match(line!, /^root +\d+ .* sleep 1000$/);
  assert.deepEqual(rest, []);
  assert.match(box.runt("ps", box.id, "-e", "-x").out, /^ +PID +TTY +STAT +TIME +COMMAND\n *\d+ .* sleep 1000\b.*\n$/);
  assert.match(box.runt("ps", box.id, "-o", "comm").err, /no column PID/);
  box.ok("kill", box.id, "KILL");
  await until("stopped", () => box.status() === "stopped");
  assert.equal(box.runt("ps", box.id).out.trimEnd().split("\n").length, 1);
});

test("--debug tells each step, of the container's process too, where the log is; a filter's flags among them", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [] };
  });
  const log = join(box.dir, "log");
  assert.deepEqual(box.runt("--debug", "--log", log, "--log-format", "json", "run", box.id), {
    status: 0,
    out: "",
    err: "",
  });
  const lines = readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.ok(lines.every(({ level }) => level === "debug"));
  const told = lines.map(({ msg }) => msg).join("\n");
  // 4: SECCOMP_FILTER_FLAG_SPEC_ALLOW, where the configuration says nothing of flags
  for (const part of ["read config.json", "mounts[0]: mount proc", "seccomp filter flags: 4", "become user 0"])
    assert.ok(told.includes(part), `${part} in ${told}`);
  assert.match(box.runt("--debug", "run", box.id).err, /^time="\S+" level=debug msg="/m);
});

test("called by the name runc it says that name, and helps in runc's form", () => {
  using box = new Bundle();
  symlinkSync(box.runtime, join(box.dir, "runc"));
  assert.match(box.shell("./runc --version").out, /^runc version \d+\.\d+\.\d+\ncommit: .*\nspec: 1\.3\.0\n/);
  assert.match(box.shell("./runc --help").out, /^NAME:\n {3}runc - Open Container Initiative runtime\n/);
  assert.match(
    box.shell("./runc exec --help").out,
    /^NAME:\n {3}runc exec - .*\n\nUSAGE:\n {3}runc exec .*\n\nOPTIONS:\n/,
  );
  box.runtime = join(box.dir, "runc");
  assert.equal(box.sh("echo works"), "works\n");
  // and its errors begin as runc's do
  box.spec.mounts!.push({ destination: "/mnt", type: "bind", source: join(box.dir, "absent"), options: ["bind"] });
  box.write();
  const start = "unable to start container process: error during container init: error mounting";
  assert.match(
    box.runt("run", box.id).err,
    new RegExp(`^runc run failed: ${start}.*absent.*no such file or directory`, "m"),
  );
  assert.match(box.runt("create", box.id).err, new RegExp(`^runc create failed: ${start}`, "m"));
  assert.doesNotMatch(box.runt("state", box.id).err, /failed/);
  for (const word of ["create", "toString"]) assert.doesNotMatch(box.runt(word).err, /failed|function/);
});

test("hybrid hosts: a container's processes are in the unified tree, too, where the container is", (t) => {
  const unified = "/sys/fs/cgroup/unified";
  if (!existsSync(join(unified, "cgroup.procs"))) return t.skip("no unified tree beside those of v1");
  const group = (text: string) => text.trimEnd().split("\n").at(-1);
  const mapping = [{ containerID: 0, hostID: 0, size: 65536 }];
  for (const kind of ["plain", "user namespace", "joined namespaces"]) {
    using holder = new Bundle();
    using box = new Bundle((spec) => {
      if (kind === "plain") return;
      spec.linux!.namespaces!.push({ type: "user" });
      spec.linux!.uidMappings = mapping;
      spec.linux!.gidMappings = mapping;
    });
    const path = `/${box.id}/inner`;
    box.spec.linux!.cgroupsPath = path;
    if (kind === "joined namespaces") {
      holder.sleeping();
      const { pid } = JSON.parse(holder.runt("state", holder.id).out);
      const ipc = box.spec.linux!.namespaces!.find(({ type }) => type === "ipc")!;
      ipc.path = `/proc/${pid}/ns/ipc`;
    }
    try {
      box.sleeping();
      assert.equal(group(box.exec("cat /proc/self/cgroup").out), `0::${path}`, kind);
      const { pid } = JSON.parse(box.runt("state", box.id).out);
      assert.equal(group(readFileSync(`/proc/${pid}/cgroup`, "utf8")), `0::${path}`, kind);
      assert.equal(box.runt("delete", "--force", box.id).status, 0);
      assert.ok(!existsSync(join(unified, path)), kind);
    } finally {
      box.runt("delete", "--force", box.id);
      removeCgroups(box.id);
    }
  }
});

test("hybrid hosts: who is in the unified tree alone, as one just born is, is killed with the container; others' groups there are left", async (t) => {
  const unified = "/sys/fs/cgroup/unified";
  if (!existsSync(join(unified, "cgroup.procs"))) return t.skip("no unified tree beside those of v1");
  const ended = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;
  using box = new Bundle();
  box.sleeping();
  const young = spawn("sleep", ["1000"], { stdio: "ignore" });
  try {
    writeFileSync(join(unified, box.id, "cgroup.procs"), String(young.pid));
    box.ok("delete", "--force", box.id);
    assert.ok(!existsSync(join(unified, box.id)));
    await until("its end", () => ended(young));
  } finally {
    young.kill("SIGKILL");
  }
  const other = spawn("sleep", ["1000"], { stdio: "ignore" });
  try {
    mkdirSync(join(unified, box.id));
    writeFileSync(join(unified, box.id, "cgroup.procs"), String(other.pid));
    assert.match(box.runt("create", box.id).err, /container's cgroup is not empty: 1 process\(es\) found/);
    assert.equal(readFileSync(join(unified, box.id, "cgroup.procs"), "utf8"), `${other.pid}\n`);
    assert.ok(!ended(other));
  } finally {
    other.kill("SIGKILL");
    await until("the group's removal", () => removeCgroups(box.id));
  }
});

test("a source inside of the root is what earlier mounts have made of it, with user namespaces and mappings too", () => {
  for (const userns of [false, true]) {
    for (const mapped of [false, true]) {
      const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
      using box = new Bundle((spec) => {
        if (!userns) return;
        spec.linux!.namespaces!.push({ type: "user" });
        spec.linux!.uidMappings = mapping;
        spec.linux!.gidMappings = mapping;
      });
      for (const folder of ["a", "b/inner"]) mkdirSync(join(box.dir, folder), { recursive: true });
      writeFileSync(join(box.dir, "b/inner/file"), "found");
      const mount = (source: string, destination: string, more = {}) =>
        box.spec.mounts!.push({ source, destination, type: "bind", options: ["rbind", "rprivate"], ...more });
      mkdirSync(join(box.dir, "a/b"));
      mount(join(box.dir, "a"), "/mnt");
      mount(join(box.dir, "b"), "/mnt/b");
      mount(join(box.rootfs, "mnt"), "/all", mapped ? { uidMappings: mapping, gidMappings: mapping } : {});
      // a link of the image leads nowhere but into the image
      symlinkSync("/etc", join(box.rootfs, "link"));
      writeFileSync(join(box.rootfs, "etc/own"), "own");
      mount(join(box.rootfs, "link"), "/linked");
      chmodSync(box.dir, 0o755);
      if (userns) box.shell(`chown -R 100000:100000 ${box.rootfs}`);
      assert.equal(
        box.sh("cat /all/b/inner/file; cat /linked/own; ls /linked"),
        "foundownown\n",
        `${userns} ${mapped}`,
      );
    }
  }
});

/** Where the cgroup of a process is frozen, and how. */
function freezerOf(pid: number): { folder: string; file: string; frozen: string; thawed: string } {
  const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
  const unified = /^0::(.*)$/m.exec(groups)![1]!;
  const v1 = /^\d+:freezer:(.*)$/m.exec(groups)?.[1];
  const folder = v1 === undefined ? `/sys/fs/cgroup${unified}` : `/sys/fs/cgroup/freezer${v1}`;
  if (v1 === undefined) return { folder, file: `${folder}/cgroup.freeze`, frozen: "1", thawed: "0" };
  return { folder, file: `${folder}/freezer.state`, frozen: "FROZEN", thawed: "THAWED" };
}

test("a cgroup that somebody lives in, or that is frozen, is refused and left as it is", () => {
  using box = new Bundle();
  box.sleeping();
  box.others.push(`${box.id}-2`);
  for (const verb of ["run", "create"]) {
    assert.match(box.runt(verb, `${box.id}-2`).err, /linux\.cgroupsPath: container's cgroup is not empty: 1 process/);
    assert.equal(box.status(`${box.id}-2`), undefined);
  }
  assert.equal(box.status(), "running");
  // nor is it touched where something else would have failed first
  const { namespaces } = box.spec.linux!;
  box.spec.linux!.namespaces = [...namespaces!, { type: "time", path: "/nowhere" }];
  box.write();
  assert.notEqual(box.runt("create", `${box.id}-2`).status, 0);
  assert.equal(box.status(), "running");
  box.spec.linux!.namespaces = namespaces!;
  box.write();
  box.ok("pause", box.id);
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  const path = freezerOf(pid);
  box.ok("delete", "--force", box.id);
  mkdirSync(path.folder);
  try {
    writeFileSync(path.file, path.frozen);
    assert.match(box.runt("run", box.id).err, /container's cgroup unexpectedly frozen/);
    assert.ok(existsSync(path.folder), "it is not ours to remove");
    assert.ok(!existsSync(join("/sys/fs/cgroup/unified", box.id)), "hybrid hosts: nothing was made beside it");
  } finally {
    writeFileSync(path.file, path.thawed);
    rmdirSync(path.folder);
  }
});

test("a field in another case is the one that it is for Go's decoder, in config.json, process.json and for update", () => {
  using box = new Bundle();
  box.spec.linux!.resources = { PIDS: { Limit: 17 } } as never;
  box.sleeping();
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  const limit = () => {
    const line = readFileSync(`/proc/${pid}/cgroup`, "utf8")
      .split("\n")
      .find((one) => /:pids:|^0::/.test(one))!;
    const mount = line.startsWith("0::") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
    return readFileSync(`${mount}${line.slice(line.lastIndexOf(":") + 1)}/pids.max`, "utf8").trim();
  };
  assert.equal(limit(), "17");
  const updated = box.with({ input: '{"Pids": {"LIMIT": 18}}' }, "update", "--resources", "-", box.id);
  assert.equal(updated.status, 0, updated.err);
  assert.equal(limit(), "18");
  const process = { Args: ["pwd"], CWD: "/tmp", User: { UID: 0, GID: 0 }, Env: ["PATH=/bin"] };
  writeFileSync(join(box.dir, "process.json"), JSON.stringify(process));
  const { out, err } = box.runt("exec", "--process", join(box.dir, "process.json"), box.id);
  assert.equal(out, "/tmp\n", err);
  box.ok("update", "--pids-limit", "20", box.id);
  const twice = box.with({ input: '{"pids": {"limit": 19}, "Pids": {"LIMIT": 21}}' }, "update", "-r", "-", box.id);
  assert.equal(twice.status, 0, twice.err);
  assert.equal(limit(), "21");
});
