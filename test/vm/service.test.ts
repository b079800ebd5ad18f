// wharfd as operators of a machine with systemd have it: the cgroup driver of the default runtime.
// time-out: 600 s
import { equal, match } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("service.sh", { daemon: true, limit: 500 });
});

test("info: the cgroup driver is that of the default runtime", () => {
  equal(report.of("without a table").split("\n").at(-1), "cgroupfs runt");
  equal(report.of("config check"), "/etc/wharf/config.toml: ok");
  equal(report.of("driver"), "systemd runt");
});

test("[runtimes.runt] with systemd-cgroup: systemd makes the default runtime's control groups", () => {
  const id = report.of("run");
  equal(report.of("scope"), `0::/system.slice/docker-${id}.scope\n33554432\n33`);
  equal(report.of("unit"), "active");
  equal(report.of("exec"), "in");
  report.of("pause");
  equal(report.of("update").split("\n").at(-1), "44");
  match(report.of("by runc's name"), /^0::\/system\.slice\/docker-[0-9a-f]{64}\.scope$/);
});

test("a container keeps the driver that it was created with", () => {
  match(report.of("made before"), /^0::\/docker\/[0-9a-f]{64}$/);
  report.of("rm");
  equal(report.of("nothing left"), "");
});
