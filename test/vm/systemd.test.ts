// runt's systemd driver: scopes by the system's manager and by a user's, with what systemd is told and what is in force; runc as the measure.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("systemd.sh", { limit: 400 });
});

const LIMITS = {
  "memory.max": "67108864",
  "memory.low": "33554432",
  "memory.high": "59998208",
  "memory.swap.max": "67108864",
  "pids.max": "33",
  "cpu.weight": "59",
  // 51234 of 200000, rounded up to a hundredth of a processor
  "cpu.max": "52000 200000",
  "cpu.max.burst": "1000",
  "cpuset.cpus": "0",
  "cpuset.mems": "0",
  "io.max": "",
  "io.weight": "default 100",
  "hugetlb.2MB.max": "max",
};
const CHANGED = {
  "memory.max": "99999744",
  "memory.swap.max": "99999744",
  "pids.max": "44",
  "cpu.max": "30000 200000",
  "cpuset.cpus": "0-1",
};

test("create: systemd is told of every limit, as by runc, in a slice that is made for it", () => {
  for (const name of ["runt", "runc"]) report.of(`create ${name}`);
  const told = report.table("properties runt");
  deepEqual(told, report.table("properties runc"));
  equal(told["Slice"], "deep-er.slice");
  equal(told["TasksMax"], "33");
  equal(told["MemoryHigh"], "60000000");
  equal(told["TimeoutStopUSec"], "12s", "by annotation");
  equal(told["CollectMode"], "inactive-or-failed", "by annotation");
  equal(report.of("cgroup"), "0::/deep.slice/deep-er.slice/box-runt.scope");
});

test("create: the limits are in force", () => {
  deepEqual(report.table("limits runt"), LIMITS);
  deepEqual(report.table("limits runc"), LIMITS);
});

test("devices: what the rules allow, as with runc, and after systemd has loaded its units anew", () => {
  const allowed = "b:254:0 read=yes\nb:7:0 read=no\nc:1:3 read=yes\nc:10:200 read=no";
  equal(report.of("devices runt"), allowed);
  equal(report.of("devices runc"), allowed);
  equal(report.of("devices after daemon-reload"), allowed);
});

test("a scope in which another container lives is refused, and left as it is", () => {
  match(report.of("taken"), /container's cgroup is not empty: \d+ process[\s\S]*\nrunning$/);
});

test("exec: in the scope", () => {
  equal(report.of("exec's cgroup"), "0::/\n0::/deep.slice/deep-er.slice/box-runt.scope");
});

test("update: systemd and the files agree, as with runc, and systemd does not set the old ones again", () => {
  for (const name of ["runt", "runc"]) {
    report.of(`update ${name}`);
    deepEqual(report.table(`limits after update ${name}`), { ...LIMITS, ...CHANGED });
  }
  deepEqual(report.table("properties after update runt"), report.table("properties after update runc"));
  report.of("daemon-reload");
  deepEqual(report.table("limits after daemon-reload"), { ...LIMITS, ...CHANGED });
});

test("pause, kill, delete: the unit is gone", () => {
  equal(report.of("status"), "paused");
  report.of("kill");
  report.of("has ended");
  report.of("delete");
  equal(report.of("unit is gone"), "not-found");
});

test("without cgroupsPath: a scope of its own in system.slice", () => {
  equal(report.of("without a path"), "0::/system.slice/runt-default.scope");
});

test("a failed unit of the same name gives way", () => {
  match(report.of("failed unit"), /failed$/);
  report.of("after a failed unit");
});

test("out of memory: exit code 137, and no failed unit is left", () => {
  equal(report.part("out of memory").code, 137);
  equal(report.of("unit after out of memory"), "not-found");
});

test("with a user namespace", () => {
  equal(report.of("user namespace"), "0::/\n22");
});

test("what cannot be is said with its field, and leaves nothing", () => {
  const said = (name: string, text: RegExp) => {
    const { code, output } = report.part(name);
    notEqual(code, 0, name);
    match(output, text);
  };
  said("another form of path", /linux\.cgroupsPath "\/not\/of\/this\/form" is not of the form slice:prefix:name/);
  said("bad slice", /"no--slice\.slice" is no name of a slice/);
  said("bad property", /cannot start box-bad\.scope by systemd: StartTransientUnit: .*NoSuchThing/);
  said("bad value", /org\.systemd\.property\.CollectMode: "nonsense" is no D-Bus value: unknown word/);
  equal(report.of("state folder"), "");
});

test("exec: beside a first process that has moved aside, in a group below, and nowhere else", () => {
  report.of("nested");
  report.of("moved aside");
  equal(report.of("exec joins it there"), "0::/init");
  equal(report.of("exec in a group of its own"), "0::/other");
  equal(report.part("exec in none").code, 255);
  match(report.part("exec outside").output, /bad sub cgroup path/);
  report.of("delete nested");
});

test("a user's manager: the scope is below it, with the limits it may give", () => {
  for (const name of ["create", "start"]) report.of(`user: ${name}`);
  const below = "0::/user.slice/user-1000.slice/user@1000.service";
  equal(report.of("user: cgroup"), `${below}/rootless.slice/box-own.scope`);
  const told = report.table("user: properties");
  deepEqual([told["MemoryMax"], told["TasksMax"], told["CPUQuotaPerSecUSec"]], ["67108864", "20", "500ms"]);
  equal(report.of("user: limits"), "67108864\n20\n50000 100000");
  equal(report.of("user: without a path"), `${below}/user.slice/runt-default.scope`);
});

test("a user's manager: exec, update, freezer, delete", () => {
  equal(report.of("user: exec"), "0::/");
  equal(report.of("user: exec's cgroup"), "2");
  equal(report.of("user: update"), "30\n30");
  for (const name of ["pause", "resume", "delete"]) report.of(`user: ${name}`);
  equal(report.of("user: unit is gone"), "not-found");
});

test("root of a user namespace: by the user's manager", () => {
  match(report.of("user: as root of a user namespace"), /user@1000\.service\/user\.slice\/runt-inns\.scope$/);
});

test("leaves no cgroup and no unit", () => {
  equal(report.of("nothing left"), "");
});
