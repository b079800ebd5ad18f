// config.json field by field: what the program sees.
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle, CGROUP_V2 } from "./bundle.ts";

/** What a script prints in a container with this configuration. */
function prints(change: (spec: Spec, box: Bundle) => void, script: string): string {
  using box = new Bundle();
  change(box.spec, box);
  return box.sh(script);
}

const nothing = () => {};

test("process: user, groups, umask, cwd, env", () => {
  const user = { uid: 1000, gid: 1001, additionalGids: [5, 7], umask: 0o27 };
  const out = prints((spec) => {
    Object.assign(spec.process!, { user, cwd: "/made/here", env: ["PATH=/bin", "A=b c", "EMPTY="] });
  }, 'id -u; id -g; id -G; umask; pwd; echo "$A-$EMPTY"; echo $HOME; grep -E "^Groups" /proc/self/status');
  assert.deepEqual(out.split("\n").slice(0, 7), ["1000", "1001", "1001 5 7", "0027", "/made/here", "b c-", "/"]);
});

test("process: HOME comes from the container's passwd", () => {
  const out = prints((spec, box) => {
    writeFileSync(join(box.rootfs, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n");
    Object.assign(spec.process!, { user: { uid: 1000, gid: 1000 }, env: ["PATH=/bin"] });
  }, "echo $HOME");
  assert.equal(out, "/home/me\n");
});

test("process: what is no file at the image's passwd holds nobody up, and gives no HOME", () => {
  using box = new Bundle((spec) => {
    spec.process!.env = ["PATH=/bin"];
  });
  box.shell(`mkfifo ${join(box.rootfs, "etc/passwd")}`);
  assert.equal(box.sh("echo $HOME"), "/\n");
  box.sleeping();
  assert.equal(box.runt("exec", "--env", "HOME=", box.id, "sh", "-c", "echo $HOME").out, "/\n");
  rmSync(join(box.rootfs, "etc/passwd"));
  mkdirSync(join(box.rootfs, "etc/passwd"));
  assert.equal(box.runt("exec", "--env", "HOME=", box.id, "sh", "-c", "echo $HOME").out, "/\n");
});

test("process.capabilities: five sets; unknown names are warned of, not fatal", () => {
  const status = (change: (spec: Spec) => void) => {
    const lines = prints(change, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split(/:\s+/)));
  };
  const root = status((spec) => {
    spec.process!.capabilities!.inheritable = ["CAP_KILL"];
    spec.process!.capabilities!.permitted!.push("CAP_FANCY" as never);
  });
  assert.deepEqual(
    [root.CapInh, root.CapPrm, root.CapEff, root.CapBnd, root.CapAmb],
    ["0000000000000020", "0000000020000420", "0000000020000420", "0000000020000420", "0000000000000000"],
  );
  const user = status((spec) => {
    spec.process!.user = { uid: 5, gid: 5 };
    const sets = ["CAP_KILL"];
    spec.process!.capabilities = { bounding: sets, effective: sets, permitted: sets, inheritable: sets, ambient: sets };
    spec.process!.noNewPrivileges = true;
  });
  assert.deepEqual([user.CapEff, user.CapAmb, user.NoNewPrivs], ["0000000000000020", "0000000000000020", "1"]);
});

test("process.rlimits and oomScoreAdj", () => {
  const out = prints((spec) => {
    spec.process!.rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    ];
    spec.process!.oomScoreAdj = 500;
  }, "grep -E '(open files|core file)' /proc/self/limits; cat /proc/self/oom_score_adj");
  assert.match(out, /Max core file size\s+0\s+0 /);
  assert.match(out, /Max open files\s+100\s+200 /);
  assert.match(out, /\n500\n$/);
});

test("hostname and domainname are the container's own", () => {
  const out = prints((spec) => {
    spec.domainname = "example.org";
  }, "hostname; cat /proc/sys/kernel/domainname");
  assert.equal(out, "box\nexample.org\n");
  assert.notEqual(readFileSync("/proc/sys/kernel/hostname", "utf8"), "box\n");
});

test("linux.namespaces: new ones differ from ours, those left out are ours, those with a path are joined", () => {
  const own = (name: string) => readlinkSync(`/proc/self/ns/${name}`);
  const all = ["mnt", "uts", "ipc", "net", "pid", "cgroup", "time"];
  const script = all.map((name) => `readlink /proc/self/ns/${name}`).join(";");
  const separate = prints((spec) => {
    spec.linux!.namespaces!.push({ type: "cgroup" }, { type: "time" });
    spec.linux!.timeOffsets = { boottime: { secs: 100000 } };
  }, `${script}; cut -d. -f1 /proc/uptime`)
    .trim()
    .split("\n");
  for (const [i, name] of all.entries()) assert.notEqual(separate[i], own(name), name);
  assert.ok(Number(separate.at(-1)) > 100000, `uptime ${separate.at(-1)}`);
  using host = new Bundle((spec) => void spec.linux!.namespaces!.push({ type: "cgroup" }, { type: "time" }));
  host.sleeping();
  const pid = JSON.parse(host.runt("state", host.id).out).pid;
  const join = (spec: Spec, types: Record<string, string>) => {
    delete spec.hostname;
    const paths = Object.entries(types).map(([type, name]) => ({ type, path: `/proc/${pid}/ns/${name}` }));
    spec.linux!.namespaces = [{ type: "mount" }, ...paths] as never;
  };
  const show = (types: Record<string, string>) =>
    prints((spec) => join(spec, types), `${script}; ps | grep sleep`)
      .trim()
      .split("\n");
  const every = { network: "net", pid: "pid", uts: "uts", ipc: "ipc", cgroup: "cgroup", time: "time" };
  const most = show(every);
  for (const name of Object.values(every))
    assert.equal(most[all.indexOf(name)], readlinkSync(`/proc/${pid}/ns/${name}`), name);
  const joined = show({ network: "net", pid: "pid", uts: "uts" });
  for (const name of ["net", "pid", "uts"])
    assert.equal(joined[all.indexOf(name)], readlinkSync(`/proc/${pid}/ns/${name}`));
  for (const name of ["ipc", "cgroup", "time"]) assert.equal(joined[all.indexOf(name)], own(name), name);
  assert.ok(joined.some((line) => line.endsWith("sleep 1000")));
});

test("a user namespace: root inside is nobody special outside, and files appear as its", () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces!.push({ type: "user" });
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    Object.assign(spec.linux!, { uidMappings: mapping, gidMappings: mapping });
  });
  chmodSync(box.dir, 0o755);
  for (const folder of ["tmp", "dev"]) chmodSync(join(box.rootfs, folder), 0o777);
  const out = box.sh(
    "id -u; cat /proc/self/uid_map; touch /tmp/mine; stat -c %u /tmp/mine; echo x > /dev/null && ls /dev/zero",
  );
  assert.match(out, /^0\n\s+0\s+100000\s+65536\n0\n\/dev\/zero\n$/);
});

test("mounts: binds with flags, file on file, read-only, propagation, targets below the image's symlinks", () => {
  const source = mkdtempSync(join(tmpdir(), "wharf-source-"));
  try {
    writeFileSync(join(source, "file"), "content");
    const out = prints((spec, box) => {
      symlinkSync("/etc", join(box.rootfs, "link"));
      symlinkSync("/absent/there", join(box.rootfs, "dangling"));
      spec.mounts!.push(
        { destination: "/data", type: "bind", source, options: ["rbind", "ro", "nosuid", "noexec", "rprivate"] },
        { destination: "/link/copied", type: "bind", source: join(source, "file"), options: ["bind"] },
        { destination: "/dangling", type: "tmpfs", source: "tmpfs", options: ["size=1m", "mode=700"] },
        { destination: "/deep/er/still", type: "bind", source, options: ["bind", "nodev"] },
      );
    }, "cat /data/file /etc/copied; touch /data/x 2>&1; grep -E ' /(data|deep/er/still|absent/there) ' /proc/self/mounts; stat -c %a /absent/there");
    assert.match(out, /^contentcontent.*Read-only file system/s);
    assert.match(out, / \/data \S+ ro,nosuid,noexec,/);
    assert.match(out, / \/deep\/er\/still \S+ rw,nodev,/);
    assert.match(out, /tmpfs \/absent\/there tmpfs rw,\S*size=1024k/);
    assert.match(out, /\n700\n$/);
  } finally {
    rmSync(source, { recursive: true });
  }
});

test("mounts: tmpcopyup brings the image's files, recursive read-only reaches below, idmapped owners are shifted", () => {
  const source = mkdtempSync(join(tmpdir(), "wharf-source-"));
  try {
    chmodSync(source, 0o755);
    writeFileSync(join(source, "file"), "");
    const out = prints((spec, box) => {
      mkdirSync(join(box.rootfs, "var/sub"), { recursive: true });
      writeFileSync(join(box.rootfs, "var/sub/kept"), "kept", { mode: 0o640 });
      const mapping = [{ containerID: 0, hostID: 4000, size: 10 }];
      spec.mounts!.push(
        { destination: "/var", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro"] },
        { destination: "/all", type: "bind", source: box.rootfs, options: ["rbind", "rro"] },
        { destination: "/mapped", type: "bind", source, options: ["bind"], uidMappings: mapping, gidMappings: mapping },
      );
    }, "cat /var/sub/kept; stat -c ' %a' /var/sub/kept; touch /var/x 2>&1; touch /all/tmp/x 2>&1; stat -c %u /mapped/file");
    assert.match(out, /^kept 640\n.*\/var\/x: Read-only.*\n.*\/all\/tmp\/x: Read-only.*\n4000\n$/);
  } finally {
    rmSync(source, { recursive: true });
  }
});

test("root.readonly, maskedPaths, readonlyPaths", () => {
  const out = prints((spec) => {
    spec.root!.readonly = true;
  }, "touch /x 2>&1; cat /proc/kcore | wc -c; ls -A /sys/firmware | wc -l; echo 1 2>&1 > /proc/sys/kernel/domainname; touch /dev/new && echo dev");
  assert.match(out, /^touch: \/x: Read-only file system\n0\n0\n/);
  assert.match(out, /dev\n$/);
});

test("process.cwd is made in a read-only root, too, in a mount of the container's as well", () => {
  for (const cwd of ["/made/of/old/", "/mnt/made", "/dev/shm/made"]) {
    const out = prints((spec) => {
      spec.root!.readonly = true;
      spec.process!.cwd = cwd;
      spec.mounts!.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
    }, "pwd; touch /x 2>&1; true");
    assert.match(out, new RegExp(`^${cwd.replace(/\/$/, "")}\ntouch: /x: Read-only file system\n`));
  }
});

test("/dev: default devices with their modes, links, linux.devices, and nothing else of the host's", () => {
  const out = prints((spec) => {
    spec.linux!.devices = [
      { path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 0o620, uid: 3, gid: 4 },
      { path: "/dev/sub/pipe", type: "p" },
    ];
  }, "cd /dev; stat -c '%n %a %t:%T' null zero full random urandom tty; for l in fd stdin ptmx; do readlink $l; done; stat -c '%a %u:%g %F' mine sub/pipe; ls | wc -l");
  const lines = out.trim().split("\n");
  assert.deepEqual(lines.slice(0, 6), [
    "null 666 1:3",
    "zero 666 1:5",
    "full 666 1:7",
    "random 666 1:8",
    "urandom 666 1:9",
    "tty 666 5:0",
  ]);
  assert.deepEqual(lines.slice(6, 11), [
    "/proc/self/fd",
    "/proc/self/fd/0",
    "pts/ptmx",
    "620 3:4 character special file",
    "666 0:0 fifo",
  ]);
});

test("linux.resources: limits stand in the cgroup's files, devices not allowed cannot be opened", () => {
  using box = new Bundle((spec) => {
    spec.linux!.resources = {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 5, access: "r" },
      ],
      memory: { limit: 64 << 20, reservation: 32 << 20 },
      cpu: { shares: 512, quota: 50000, period: 100000 },
      pids: { limit: 33 },
    };
    spec.linux!.devices = [{ path: "/dev/disk", type: "b", major: 7, minor: 7, fileMode: 0o666 }];
  });
  box.sleeping();
  const file = (controller: string, name: string) =>
    readFileSync(join("/sys/fs/cgroup", CGROUP_V2 ? "" : controller, box.id, name), "utf8").trim();
  const memoryLimit = CGROUP_V2 ? "memory.max" : "memory.limit_in_bytes";
  assert.equal(file("memory", memoryLimit), String(64 << 20));
  assert.equal(file("memory", CGROUP_V2 ? "memory.low" : "memory.soft_limit_in_bytes"), String(32 << 20));
  const cpu = CGROUP_V2 ? ["weight", "max"] : ["shares", "cfs_quota_us", "cfs_period_us"];
  assert.deepEqual(
    cpu.map((name) => file("cpu", `cpu.${name}`)),
    CGROUP_V2 ? ["59", "50000 100000"] : ["512", "50000", "100000"],
  );
  assert.equal(file("pids", "pids.max"), "33");
  assert.match(box.exec("head -c 1 /dev/disk 2>&1; head -c 1 /dev/zero | wc -c").out, /Operation not permitted\n1\n$/);
  box.ok("update", "--memory", String(128 << 20), "--pids-limit", "44", box.id);
  assert.deepEqual([file("memory", memoryLimit), file("pids", "pids.max")], [String(128 << 20), "44"]);
  const more = box.with({ input: JSON.stringify({ cpu: { shares: 99 } }) }, "update", "--resources", "-", box.id);
  assert.equal(more.status, 0, more.err);
  assert.equal(file("cpu", CGROUP_V2 ? "cpu.weight" : "cpu.shares"), CGROUP_V2 ? "17" : "99");
  for (const controller of ["cpu", "memory", "pids", "devices", "freezer"]) {
    assert.match(file(controller, CGROUP_V2 ? "cgroup.procs" : "tasks"), /^\d+$/, `not joined: ${controller}`);
  }
});

test("linux.sysctl is set in the container and not here", () => {
  const before = readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8");
  const out = prints((spec) => {
    spec.linux!.sysctl = { "net.ipv4.ip_forward": before.trim() === "1" ? "0" : "1", "kernel.shm_rmid_forced": "1" };
  }, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced");
  assert.equal(out, `${before.trim() === "1" ? "0" : "1"}\n1\n`);
  assert.equal(readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"), before);
});

test("linux.seccomp: errno, comparisons of arguments, the cache, and exec under the same filter", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: [
        { names: ["mkdir", "mkdirat", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 28 },
        { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 10, op: "SCMP_CMP_EQ" }] },
      ],
    };
  });
  const script = "mkdir /tmp/x 2>&1; kill -USR1 1 2>&1; kill -0 1 && echo fine; grep Seccomp: /proc/self/status";
  const expected = /No space left on device\n.*Operation not permitted\nfine\nSeccomp:\s+2\n/;
  assert.match(box.sh(script), expected);
  assert.match(box.sh(script), expected, "the second time out of the cache");
  box.sleeping();
  assert.match(box.exec(script).out, expected);
});

test("hooks run in order with the state on stdin; a failing or endless one fails the container", () => {
  using box = new Bundle();
  const log = join(box.dir, "hooks");
  const hook = (name: string) => ({
    path: "/bin/sh",
    args: ["sh", "-c", `read -r state || :; echo "${name} $state" >> ${log}`],
  });
  const inside = { path: "/bin/sh", args: ["sh", "-c", "cat > /tmp/state"], env: ["PATH=/bin"] };
  const names = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] as const;
  box.spec.hooks = { ...Object.fromEntries(names.map((name) => [name, [hook(name)]])), startContainer: [inside] };
  assert.equal(JSON.parse(box.sh("cat /tmp/state")).id, box.id);
  const lines = readFileSync(log, "utf8").trim().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    [...names],
  );
  const states = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  assert.deepEqual(
    states.map(({ status }) => status),
    ["creating", "creating", "creating", "running", "stopped"],
  );
  assert.ok(states.every(({ id, bundle }) => id === box.id && bundle === box.dir));
  box.spec.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", "echo bad luck >&2; exit 4"] }] };
  box.write();
  assert.match(box.runt("run", box.id).err, /hooks\.createRuntime\[0\].*ended with 4: bad luck/);
  assert.equal(box.status(), undefined);
  box.spec.hooks = { prestart: [{ path: "/bin/sleep", args: ["sleep", "100"], timeout: 1 }] };
  box.write();
  assert.match(box.runt("run", box.id).err, /did not end within 1 s/);
});

test("a mount of type cgroup shows the container's own cgroups, read-only when asked for", () => {
  const [folder, line] = CGROUP_V2 ? ["/sys/fs/cgroup", "0::"] : ["/sys/fs/cgroup/pids", ":pids:"];
  const out = prints((spec) => {
    spec.mounts!.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "ro"],
    });
    spec.linux!.namespaces!.push({ type: "cgroup" });
  }, `cat ${folder}/cgroup.procs | head -1; mkdir ${folder}/x 2>&1; grep '${line}' /proc/self/cgroup`);
  assert.match(out, /^1\n.*Read-only file system\n(\d+:pids|0:):\/\n$/);
});

test("mounts of type cgroup and cgroup2, with a cgroup namespace and a user namespace or without: the container finds its own, to use when read-write", () => {
  // on version 2 the tree is that of the namespace, in which /proc/self/cgroup names the place
  const folder = CGROUP_V2 ? "/sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)" : "/sys/fs/cgroup/pids";
  const ids = [{ containerID: 0, hostID: 100000, size: 65536 }];
  for (const type of ["cgroup", "cgroup2"]) {
    for (const namespace of [false, true]) {
      for (const user of [false, true]) {
        for (const access of ["ro", "rw"]) {
          const what = `${type} ${namespace} ${user} ${access}`;
          using box = new Bundle((spec) => {
            const options = ["nosuid", "noexec", "nodev", access];
            spec.mounts!.push({ destination: "/sys/fs/cgroup", type, source: type, options });
            if (namespace) spec.linux!.namespaces!.push({ type: "cgroup" });
            if (!user) return;
            spec.linux!.namespaces!.push({ type: "user" });
            Object.assign(spec.linux!, { uidMappings: ids, gidMappings: ids });
          });
          if (user) box.shell(`chown -R 100000:100000 ${box.rootfs} && chmod 755 ${box.dir}`);
          const out = box.sh(`cat ${folder}/cgroup.procs | head -1; mkdir ${folder}/x 2>&1 && echo made || :`);
          assert.match(out, /^1\n/, what);
          if (access === "ro") assert.match(out, /Read-only file system/, what);
          // in a user namespace it is somebody's who may not, unless it is given to its root
          else if (!user || (CGROUP_V2 && namespace)) assert.match(out, /\nmade\n$/, what);
          assert.equal(box.status(), undefined, what);
        }
      }
    }
  }
});

test("--no-pivot, --preserve-fds and LISTEN_FDS", () => {
  using box = new Bundle();
  box.spec.process!.args = ["sh", "-c", "ls /proc/self/fd | wc -l; touch /tmp/inside"];
  box.write();
  const moved = box.runt("run", "--no-pivot", box.id);
  assert.equal(moved.status, 0, moved.err);
  // 0, 1, 2 and the one ls reads the folder by
  assert.equal(moved.out, "4\n");
  assert.ok(readFileSync(join(box.rootfs, "tmp/inside")).length === 0);
  box.spec.process!.args = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID"];
  box.write();
  assert.equal(box.with({ env: { LISTEN_FDS: "2" } }, "run", box.id).out, "2 1\n");
});

test("a container with its pid namespace shared ends with all its processes", () => {
  const out = prints(nothing, "ps | wc -l");
  assert.ok(Number(out) <= 4, out);
});
