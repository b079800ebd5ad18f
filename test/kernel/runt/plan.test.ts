// plan: what would be done, with the field that asks for it, and nothing is.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle } from "./bundle.ts";

test("plan names every step with its field, and touches nothing", () => {
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "/new/folder", type: "bind", source: "/etc", options: ["rbind"] });
    spec.linux!.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
  });
  const { out, status } = box.runt("plan", "--format", "json", box.dir);
  assert.equal(status, 0);
  const steps = JSON.parse(out) as { process: string; field: string; step: string }[];
  const fields = steps.map(({ field }) => field);
  assert.deepEqual(
    fields.filter((field) => field.startsWith("mounts[")),
    [0, 1, 2, 3, 4, 5].map((i) => `mounts[${i}]`),
  );
  assert.ok(
    fields.indexOf("linux.seccomp") < fields.indexOf("process.user"),
    "without no_new_privs the filter comes first",
  );
  assert.deepEqual(steps.at(-1), { process: "container", field: "process.args", step: 'execute "true"' });
  assert.ok(!fields.includes("hooks.startContainer"));
  assert.ok(!existsSync(join(box.rootfs, "new")));
  assert.ok(!readdirSync("/sys/fs/cgroup/pids").includes(box.id));
  assert.match(box.runt("plan", box.dir).out, /^PROCESS +FIELD +STEP\nruntime +linux\.cgroupsPath +make the cgroup\n/);
});

test("a sampled trace gets a span for every step, none otherwise", () => {
  using box = new Bundle();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const env = (flags: string) => ({ TRACEPARENT: `00-${traceId}-b7ad6b7169203331-${flags}`, WHARF_TRACE_DIR: box.dir });
  assert.equal(box.with({ env: env("00") }, "run", box.id).status, 0);
  assert.ok(!existsSync(join(box.dir, `${traceId}.jsonl`)));
  assert.equal(box.with({ env: env("01") }, "run", box.id).status, 0);
  const spans = box.trace(traceId);
  const root = spans.find(({ name }) => name === "runt run")!;
  assert.equal(root.parentId, "b7ad6b7169203331");
  const mounts = spans.filter(({ attributes }) => String(attributes?.field).startsWith("mounts["));
  assert.equal(mounts.length, 5);
  for (const span of spans) {
    assert.equal(span.traceId, traceId);
    assert.ok(span.start >= root.start && span.start + span.duration <= root.start + root.duration + 1000, span.name);
  }
});

test("start: the container's last steps, and the program itself, are spans below it where both calls are traced", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "100"];
    spec.process!.user = { uid: 5, gid: 6 };
  });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const env = (id: string) => ({ TRACEPARENT: `00-${id}-b7ad6b7169203331-01`, WHARF_TRACE_DIR: box.dir });
  assert.equal(box.with({ env: env(traceId) }, "create", box.id).status, 0);
  const started = "1af7651916cd43dd8448eb211c80319c";
  assert.equal(box.with({ env: env(started) }, "start", box.id).status, 0);
  const spans = box.trace(started);
  const root = spans.find(({ name }) => name === "runt start")!;
  const steps = spans.filter((span) => span !== root);
  assert.deepEqual(
    new Set(steps.map(({ parentId, traceId }) => `${traceId} ${parentId}`)),
    new Set([`${started} ${root.spanId}`]),
  );
  assert.equal(new Set(steps.map(({ spanId }) => spanId)).size, steps.length);
  const names = steps.map(({ name }) => name);
  assert.ok(names.includes("become user 5, group 6"), names.join("; "));
  assert.equal(names.at(-1), 'execve: it becomes "sleep"');
});

test("start: a filter that forbids what a trace needs costs spans, and nothing else", () => {
  for (const action of ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"] as const) {
    using box = new Bundle((spec) => {
      spec.process!.args = ["sleep", "100"];
      // all but what the time and the spans would need
      spec.linux!.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["clock_gettime", "sendto", "sendmsg"], action },
          // the program's C library asks for time where it gets no random bytes
          { names: action === "SCMP_ACT_ERRNO" ? ["getrandom"] : ["reboot"], action },
        ],
      };
    });
    const traceId = "2af7651916cd43dd8448eb211c80319c";
    const env = { TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01`, WHARF_TRACE_DIR: box.dir };
    assert.equal(box.with({ env }, "create", box.id).status, 0);
    const { status, err } = box.with({ env }, "start", box.id);
    assert.equal(status, 0, err);
    assert.equal(box.runt("exec", box.id, "cat", "/proc/1/comm").out, "sleep\n", action);
  }
});

test("plan: each field that asks for something has its own line", () => {
  const hook = [{ path: "/bin/true" }];
  const mappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  using box = new Bundle((spec) => {
    Object.assign(spec.process!, {
      terminal: true,
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }],
      oomScoreAdj: 5,
      noNewPrivileges: true,
      scheduler: { policy: "SCHED_BATCH" },
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 1 },
      user: { uid: 5, gid: 6, umask: 0o22, additionalGids: [7] },
    });
    Object.assign(spec.process!.capabilities!, { ambient: ["CAP_KILL"], inheritable: ["CAP_KILL"] });
    Object.assign(spec, { domainname: "d", root: { path: "rootfs", readonly: true } });
    const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
    spec.hooks = Object.fromEntries(kinds.map((kind) => [kind, hook]));
    spec.mounts!.push({ destination: "/b", type: "bind", source: "/etc", options: ["bind"] });
    spec.linux!.namespaces!.push({ type: "user" }, { type: "time" }, { type: "cgroup" });
    Object.assign(spec.linux!, {
      uidMappings: mappings,
      gidMappings: mappings,
      sysctl: { "net.ipv4.ip_forward": "1" },
      devices: [{ path: "/dev/fifo", type: "p" }],
      netDevices: { eth7: {} },
      personality: { domain: "LINUX32" },
      memoryPolicy: { mode: "MPOL_LOCAL" },
      timeOffsets: { monotonic: { secs: 1 } },
      rootfsPropagation: "private",
      intelRdt: { closID: "gold" },
      seccomp: { defaultAction: "SCMP_ACT_ALLOW" },
    });
    Object.assign(spec.linux!.resources!, { pids: { limit: 5 }, memory: { limit: 1 << 26 }, cpu: { shares: 9 } });
  });
  const { out, err } = box.runt("plan", "--format", "json", box.dir);
  assert.equal(err, "");
  const fields = new Set((JSON.parse(out) as { field: string }[]).map(({ field }) => field));
  const wanted = `hostname domainname root.path root.readonly mounts[0] mounts[5] linux.cgroupsPath linux.resources.devices[0]
    linux.resources.pids.limit linux.namespaces[0] linux.namespaces[7] linux.uidMappings linux.sysctl["net.ipv4.ip_forward"]
    linux.devices[0] linux.netDevices linux.personality linux.memoryPolicy linux.timeOffsets linux.rootfsPropagation
    linux.intelRdt linux.seccomp linux.maskedPaths[0] linux.readonlyPaths[1] hooks.prestart hooks.createRuntime
    hooks.createContainer hooks.startContainer hooks.poststart hooks.poststop process.terminal process.rlimits[0]
    process.oomScoreAdj process.noNewPrivileges process.scheduler process.ioPriority process.user.uid process.user.gid
    process.user.umask process.user.additionalGids process.capabilities.bounding process.capabilities.effective
    process.capabilities.permitted process.capabilities.ambient process.capabilities.inheritable process.cwd process.args`;
  for (const field of wanted.split(/\s+/)) assert.ok(fields.has(field), `${field} is not in ${[...fields].join(" ")}`);
  for (const limit of ["memory", "cpu"])
    assert.ok(
      [...fields].some((one) => one.startsWith(`linux.resources.${limit}.`)),
      limit,
    );
  assert.ok(!existsSync(join(box.dir, "state")), "nothing is made");
});

test("plan refuses what create would refuse", () => {
  using box = new Bundle((spec) => {
    spec.linux!.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: [], action: "SCMP_ACT_LOG" }] };
  });
  assert.match(box.runt("plan", box.dir).err, /linux\.seccomp\.syscalls\[0\]\.names: must name a system call/);
  delete box.spec.linux!.seccomp;
  box.write();
  assert.match(box.runt("plan", "--format", "xml", box.dir).err, /invalid format "xml"/);
});

test("--trace prints each step with its time and its field while run and create do it", () => {
  using box = new Bundle((spec) => void (spec.process!.args = ["sh", "-c", "echo out; ls /proc/self/fd | wc -l"]));
  const run = box.runt("run", "--trace", box.id);
  assert.equal(run.status, 0, run.err);
  assert.equal(run.out, "out\n4\n", "the program is not disturbed: 0, 1, 2 and the folder");
  const line = (who: string, field: string, name: string) =>
    new RegExp(`^ *\\d+\\.\\d{3} +\\d+\\.\\d{3} ms  ${who} +${field.replaceAll(/[.[\]]/g, "\\$&")} +${name}`, "m");
  for (const [who, field, name] of [
    ["runtime", "linux.cgroupsPath", "make the cgroup"],
    ["container", "mounts[1]", "mount tmpfs"],
    ["container", "process.cwd", "enter"],
    ["container", "root.path", "enter the root by pivot_root"],
  ] as const) {
    assert.match(run.err, line(who, field, name));
  }
  box.spec.process!.args = ["sleep", "100"];
  box.write();
  const create = box.runt("create", "--trace", box.id);
  assert.match(create.err, line("container", "mounts[1]", "mount tmpfs"));
  assert.equal(box.runt("start", box.id).err, "");
  assert.match(box.runt("exec", "--trace", box.id, "true").err, line("container", "process.user", "become user 0"));
  assert.equal(box.runt("exec", box.id, "true").err, "");
});
