// runt on cgroup v2 with systemd: limits, devices by eBPF, freezer, kill, OOM, cgroup namespaces, user namespaces; crun as the measure.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("runt.sh", { limit: 300 });
});

test("create: every limit lands in its file, as with crun", () => {
  report.of("create runt");
  report.of("create crun");
  deepEqual(report.table("limits runt"), {
    "memory.max": "67108864",
    "memory.low": "33554432",
    "memory.high": "59998208",
    "memory.swap.max": "67108864",
    "pids.max": "33",
    "cpu.weight": "59",
    "cpu.max": "50000 200000",
    "cpu.max.burst": "1000",
    "cpuset.cpus": "0",
    "cpuset.mems": "0",
    "io.max": "254:0 rbps=1048576 wbps=max riops=max wiops=max",
    "io.weight": "default 2930",
    "hugetlb.2MB.max": "4194304",
  });
  deepEqual(report.table("limits runt"), report.table("limits crun"));
});

test("create: the first process is in its cgroup, and alone", () => {
  report.of("start runt");
  match(report.of("born in its cgroup"), /^\d+$/);
  equal(report.of("state"), report.of("born in its cgroup"));
});

test("devices: the eBPF program allows what the rules allow, as with crun", () => {
  const rules = report.of("devices runt");
  equal(rules, report.of("devices crun"));
  match(rules, /^b:254:0 made=yes read=yes write=no$/m);
  match(rules, /^b:7:0 made=yes read=no write=no$/m);
  match(rules, /^c:1:3 made=yes read=yes write=yes$/m);
  match(rules, /^c:10:200 made=yes read=no write=no$/m);
});

test("exec: joins cgroup and cgroup namespace; ps lists the cgroup", () => {
  equal(report.of("exec's cgroup"), "0::/");
  match(report.of("ps"), /\bsleep 1000$/);
});

test("events: every key that runc has, and no other", () => {
  for (const name of ["runt", "runc"]) equal(report.of(`events of ${name}`), "1");
  equal(report.of("keys of runt"), report.of("keys of runc"));
  equal(report.of("limits in events"), "[67108864,134217728,33,true,true]");
});

test("pause and resume: by cgroup.freeze", () => {
  report.of("pause");
  match(report.of("frozen"), /^frozen 1$/m);
  equal(report.of("status when paused"), "paused");
  const { code, output } = report.part("exec when paused");
  equal(code, 255);
  match(output, /cannot exec in a paused container/);
  report.of("resume");
});

test("update: changes what is given, and nothing else", () => {
  report.of("update");
  deepEqual(report.table("limits after update"), {
    ...report.table("limits runt"),
    "memory.max": "99999744",
    "memory.swap.max": "99999744",
    "pids.max": "44",
    "cpu.max": "30000 200000",
    "cpuset.cpus": "0-1",
  });
  equal(report.of("update of a period"), "30000 50000");
  equal(report.of("update from a file"), "50331648");
});

test("update: new device rules replace the old program", () => {
  report.of("update of devices");
  match(report.of("devices after update"), /^b:7:0 made=yes read=yes/m);
});

test("kill --all: cgroup.kill misses nobody", () => {
  report.of("kill all");
  report.of("all ended");
  equal(report.of("left in the cgroup"), "");
  report.of("delete");
});

test("cgroup mounts: with a cgroup namespace the container's is the root, without it has its place in the host's tree, whose options stay", () => {
  match(report.of("view with namespace cgroup"), /^0::\/\n.* on \/sys\/fs\/cgroup type cgroup2 \(ro,.*\n21$/);
  match(
    report.of("view with namespace none"),
    /^0::\/vm\.slice\/view\n.* on \/sys\/fs\/cgroup type cgroup2 \(ro,.*\n21$/,
  );
  match(report.of("options of the tree"), /nsdelegate/);
});

test("cgroups made by the container are removed with it", () => {
  equal(report.of("cgroups made inside"), "max");
});

test("out of memory: exit code 137, counted in the container's cgroup, also for exec", () => {
  equal(report.part("out of memory").code, 137);
  equal(report.part("out of memory in exec").code, 137);
  equal(report.of("kills counted"), "oom_kill 1");
});

test("user namespace: where the host's root is a shared mount", () => {
  match(report.of("user namespace"), /^0\n\s+0\s+100000\s+65536\n22\n3$/);
});

test("user namespace: a cgroup that the container may write to is its root's", () => {
  equal(report.of("owner of the cgroup, rw"), "0\n0\n65534\nmade");
  match(report.part("owner of the cgroup, ro").output, /^65534\n65534\n65534\n.*Read-only file system/);
});

test("a limit this kernel does not have: an error that names the field", () => {
  const { code, output } = report.part("bad limit");
  notEqual(code, 0);
  match(output, /linux\.resources\.unified\.memory\.nonsense/);
});

test("in a transient scope of systemd: beside it", () => {
  equal(report.of("in a transient scope"), "0::/system.slice/insystemd");
});

test("leaves no cgroup and no state", () => {
  equal(report.of("nothing left"), "");
});
