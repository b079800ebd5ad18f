// config.json that is not carried out: named by field, by path and by reason, before anything is made.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle } from "./bundle.ts";

type Loose = Record<string, unknown>;

function refusal(change: (spec: Loose) => void): string {
  using box = new Bundle((spec) => change(spec as unknown as Loose));
  const { status, err } = box.runt("create", box.id);
  assert.equal(status, 1, "accepted");
  assert.equal(box.status(), undefined, "state left behind");
  return err;
}

const linux = (fields: Loose) => (spec: Loose) => void Object.assign(spec.linux as Loose, fields);
const process = (fields: Loose) => (spec: Loose) => void Object.assign(spec.process as Loose, fields);

test("a field of the wrong type is named with its path", () => {
  const list: [change: (spec: Loose) => void, words: string][] = [
    [(spec) => void (spec.root = "rootfs"), 'root: expected an object, got "rootfs"'],
    [
      (spec) => void (spec.root = { path: "rootfs", readonly: "true" }),
      'root.readonly: expected true or false, got "true"',
    ],
    [
      (spec) => void (spec.mounts = [{ destination: "/x", options: "ro" }]),
      'mounts[0].options: expected a list, got "ro"',
    ],
    [process({ terminal: 1 }), "process.terminal: expected true or false, got 1"],
    [process({ args: ["sh", 5] }), "process.args[1]: expected a string, got 5"],
    [linux({ netDevices: { eth0: "eth1" } }), 'linux.netDevices["eth0"]: expected an object, got "eth1"'],
    [linux({ sysctl: { "net.core.somaxconn": 5 } }), 'linux.sysctl["net.core.somaxconn"]: expected a string, got 5'],
    [linux({ seccomp: [] }), "linux.seccomp: expected an object, got a list"],
    [linux({ seccomp: { defaultAction: 1 } }), "linux.seccomp.defaultAction: expected a string, got 1"],
    [linux({ resources: { memory: { limit: "1g" } } }), 'linux.resources.memory.limit: expected a number, got "1g"'],
  ];
  for (const [change, words] of list) assert.ok(refusal(change).includes(`config.json: ${words}`), words);
});

test("unknown fields are passed over, and null is as good as absent", () => {
  using box = new Bundle((spec) => {
    const loose = spec as unknown as Loose;
    Object.assign(loose, {
      future: { a: 1 },
      constructor: 5,
      toString: "x",
      hooks: null,
      domainname: null,
      windows: null,
    });
    Object.assign(loose.process as Loose, { novel: true, rlimits: null, scheduler: null, consoleSize: null });
    Object.assign(loose.linux as Loose, { fresh: [1], seccomp: null, sysctl: null, personality: null, intelRdt: null });
    spec.mounts!.push({ destination: "/x", type: "tmpfs", options: null } as never);
  });
  assert.equal(box.sh("echo fine"), "fine\n");
});

test("fields of other platforms are refused by name", () => {
  for (const platform of ["solaris", "windows", "vm", "zos", "freebsd"]) {
    assert.match(
      refusal((spec) => void (spec[platform] = {})),
      new RegExp(`config\\.json: ${platform}: is for another platform`),
    );
  }
  assert.match(refusal(process({ commandLine: "cmd /c dir" })), /config\.json: process\.commandLine: is for Windows/);
  assert.match(
    refusal(process({ user: { username: "ContainerUser" } })),
    /config\.json: process\.user\.username: is for Windows/,
  );
});

test("a bind mount without a source is refused", () => {
  const bind = { destination: "/x", type: "bind", options: ["rbind"] };
  assert.match(
    refusal((spec) => void (spec.mounts as unknown[]).push(bind)),
    /mounts\[5\]\.source: is missing/,
  );
});

test("numbers out of range are named with the range", () => {
  assert.match(
    refusal(process({ user: { uid: -1, gid: 0 } })),
    /process\.user\.uid: expected a whole number from 0 to 4294967294, got -1/,
  );
  assert.match(
    refusal(process({ user: { uid: 0, gid: 1.5 } })),
    /process\.user\.gid: expected a whole number .*, got 1\.5/,
  );
});

test("what belongs into a namespace needs one of the container's own", () => {
  const without = (type: string, more: (spec: Loose) => void) => (spec: Loose) => {
    const { namespaces } = spec.linux as { namespaces: { type: string }[] };
    (spec.linux as Loose).namespaces = namespaces.filter((one) => one.type !== type);
    more(spec);
  };
  const nothing = () => {};
  assert.match(refusal(without("uts", nothing)), /hostname: needs a uts namespace/);
  const domain = (spec: Loose) => void Object.assign(spec, { hostname: undefined, domainname: "d" });
  assert.match(refusal(without("uts", domain)), /domainname: needs a uts namespace/);
  assert.match(refusal(without("mount", nothing)), /linux\.maskedPaths: needs a mount namespace/);
  assert.match(refusal(without("mount", linux({ maskedPaths: [] }))), /linux\.readonlyPaths: needs a mount namespace/);
  assert.match(
    refusal(linux({ timeOffsets: { boottime: { secs: 1 } } })),
    /linux\.timeOffsets: needs a time namespace/,
  );
  const relative = linux({ namespaces: [{ type: "network", path: "ns/net" }] });
  assert.match(refusal(relative), /linux\.namespaces\[0\]\.path: "ns\/net" is not an absolute path/);
  const other = linux({
    namespaces: [{ type: "network", path: "/proc/self/ns/uts" }],
    maskedPaths: [],
    readonlyPaths: [],
  });
  assert.match(
    refusal((spec) => {
      other(spec);
      delete spec.hostname;
    }),
    /linux\.namespaces: .*network namespace.*\/proc\/self\/ns\/uts.*EINVAL/,
  );
  const mapping = [{ containerID: 0, hostID: 1, size: 1 }];
  assert.match(refusal(linux({ uidMappings: mapping })), /linux\.uidMappings: .*no user namespace/);
  const user = (spec: Loose) => void (spec.linux as { namespaces: unknown[] }).namespaces.push({ type: "user" });
  assert.match(refusal(user), /linux\.uidMappings: a new user namespace needs uidMappings and gidMappings/);
});

test("linux.sysctl: what is the host's is refused, and stays what it was", () => {
  const before = readFileSync("/proc/sys/kernel/panic", "utf8");
  const sysctl = (name: string, more: (spec: Loose) => void = () => {}) =>
    refusal((spec) => {
      linux({ sysctl: { [name]: "1" } })(spec);
      more(spec);
    });
  assert.match(sysctl("kernel.panic"), /linux\.sysctl: "kernel\.panic" is the whole machine's/);
  assert.match(sysctl("vm/swappiness"), /"vm\/swappiness" is the whole machine's/);
  assert.match(sysctl("kernel.hostname"), /"kernel\.hostname" is set by the field hostname/);
  assert.match(sysctl("user.max_user_namespaces"), /is the host's: the container has no user namespace/);
  assert.match(sysctl("net/../kernel/panic"), /is no name of a kernel parameter/);
  const only = (...types: string[]) => linux({ namespaces: types.map((type) => ({ type })) });
  assert.match(sysctl("net.ipv4.ip_forward", only("pid", "mount", "uts")), /no network namespace of its own/);
  assert.match(sysctl("kernel.shmmax", only("pid", "mount", "uts")), /no ipc namespace of its own/);
  const joined = linux({
    namespaces: [{ type: "mount" }, { type: "uts" }, { type: "network", path: "/proc/self/ns/net" }],
  });
  assert.match(sysctl("net.ipv4.ip_forward", joined), /linux\.namespaces joins the host's network namespace/);
  assert.equal(readFileSync("/proc/sys/kernel/panic", "utf8"), before);
});

test("hooks: a path that is not absolute and a time that is none are named; annotations need keys", () => {
  const hook = (kind: string, one: Loose) => refusal((spec) => void (spec.hooks = { [kind]: [one] }));
  for (const kind of ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]) {
    assert.match(
      hook(kind, { path: "true" }),
      new RegExp(`hooks\\.${kind}\\[0\\]\\.path: "true" is not an absolute path`),
    );
    assert.match(
      hook(kind, { path: "/bin/true", timeout: 0 }),
      new RegExp(`hooks\\.${kind}\\[0\\]\\.timeout: 0 s is no time`),
    );
  }
  assert.match(
    refusal((spec) => void (spec.annotations = { "": "x" })),
    /annotations: a key is empty/,
  );
});

test("process.apparmorProfile, selinuxLabel, linux.mountLabel: where the kernel has no such module that is said", (t) => {
  const profile = process({ apparmorProfile: "docker-default" });
  const label = process({ selinuxLabel: "system_u:system_r:container_t:s0" });
  const mountLabel = linux({ mountLabel: "system_u:object_r:container_file_t:s0" });
  if (existsSync("/sys/fs/selinux/enforce")) t.diagnostic("SELinux is there");
  else {
    assert.match(refusal(label), /config\.json: process\.selinuxLabel: SELinux is not enabled in this kernel\nhint: /);
    assert.match(refusal(mountLabel), /config\.json: linux\.mountLabel: SELinux is not enabled/);
  }
  if (existsSync("/sys/module/apparmor/parameters/enabled")) {
    // the kernel knows no such profile
    assert.match(
      refusal(process({ apparmorProfile: "no-such-profile" })),
      /process\.apparmorProfile: .*ENOENT.*\nhint: /s,
    );
    return;
  }
  assert.match(
    refusal(profile),
    /config\.json: process\.apparmorProfile: AppArmor is not enabled in this kernel\nhint: /,
  );
  using box = new Bundle((spec: Spec) => void (spec.process!.apparmorProfile = "unconfined"));
  assert.equal(box.sh("echo fine"), "fine\n", "nothing confines here anyway");
  box.sleeping();
  const exec = (...flags: string[]) => box.runt("exec", ...flags, box.id, "true");
  assert.match(exec("--apparmor", "docker-default").err, /process\.apparmorProfile: AppArmor is not enabled/);
  assert.match(exec("--process-label", "a:b:c:s0").err, /process\.selinuxLabel: SELinux is not enabled/);
});

test("linux.intelRdt: without resctrl that is said; schemas and names are looked at", (t) => {
  assert.match(
    refusal(linux({ intelRdt: { closID: "a/b" } })),
    /linux\.intelRdt\.closID: "a\/b" is no name of a class/,
  );
  assert.match(
    refusal(linux({ intelRdt: { memBwSchema: "L3:0=1" } })),
    /linux\.intelRdt\.memBwSchema: is not one line that begins with "MB:"/,
  );
  assert.match(
    refusal(linux({ intelRdt: { l3CacheSchema: "L3:0=1\n" } })),
    /linux\.intelRdt\.l3CacheSchema: is more than one line/,
  );
  assert.match(
    refusal(linux({ intelRdt: { schemata: ["a\nb"] } })),
    /linux\.intelRdt\.schemata\[0\]: is more than one line/,
  );
  if (readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl ")) t.skip("resctrl is mounted here");
  else {
    for (const intelRdt of [{}, { closID: "gold" }, { enableMonitoring: true }])
      assert.match(refusal(linux({ intelRdt })), /linux\.intelRdt: no resctrl file system is mounted\nhint: /);
  }
});
