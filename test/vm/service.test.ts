// wharfd as operators of a machine with systemd have it: the cgroup driver of the default runtime, and the unit.
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
});

test("wharfd systemd-unit: systemd takes the unit, and has it started when the daemon answers", () => {
  equal(report.of("unit is right"), "");
  report.of("enable");
  equal(report.of("active"), "active");
  report.of("ready when started");
  report.of("whose daemon");
  report.of("no variable");
});

test("the unit: containers live on when it is restarted, and when the daemon is killed, which comes back", () => {
  match(report.of("run under the unit"), /^[0-9a-f]{64}$/);
  for (const part of ["restart", "after the restart", "lives on", "back after kill -9", "lives on again"])
    report.of(part);
  equal(report.of("exec after kill -9"), "in");
  equal(report.of("restarts"), "1");
  equal(report.of("result"), "success");
  report.of("rm under the unit");
  equal(report.of("nothing left"), "");
});

test("wharf daemon and commands without a daemon leave it to systemd where the unit is installed", () => {
  match(report.of("status"), /^running: .*\nsocket: .*\nlog: +journalctl --unit wharfd\.service$/);
  const logs = report.part("logs");
  equal(logs.code, 1);
  match(logs.output, /journalctl --unit wharfd\.service/);
  equal(report.of("daemon stop"), "wharfd.service has stopped; containers go on");
  report.of("stays stopped");
  equal(report.of("a command starts the unit").split("\n").at(-1), "lives");
  equal(report.of("active again"), "active");
  const bad = report.part("it is not started beside");
  equal(bad.code !== 0, true);
  match(bad.output, /systemd could not start wharfd\.service.*journalctl --unit wharfd\.service/s);
});
