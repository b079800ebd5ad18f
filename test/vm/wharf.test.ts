// wharf and wharfd where most users have them: systemd, cgroup v2, nftables. The daemon makes the image of the guest's busybox itself.
// time-out: 600 s
import { equal, match } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("wharf.sh", { daemon: true, limit: 500 });
});

test("run: from nothing to hello", () => {
  equal(report.of("hello").split("\n").at(-1), "hello");
});

test("run: limits are in force, in a cgroup namespace", () => {
  match(
    report.of("limits"),
    /^67108864\n33554432\n50000 100000\n50\n0::\/\n.* on \/sys\/fs\/cgroup type cgroup2 \(ro,/,
  );
});

test("run: out of memory is exit code 137 and OOMKilled; another SIGKILL is not", () => {
  equal(report.part("out of memory").code, 137);
  equal(report.of("out of memory, inspected"), "true 137");
  equal(report.of("out of memory without inotify"), "true 137");
  equal(report.of("no out of memory"), "137");
  equal(report.of("no out of memory, inspected"), "false 137");
});

test("run: as another user, without network", () => {
  equal(report.of("user"), "1000\nlo");
});

test("published port: by loopback, by the host's address, from another container", () => {
  report.of("web");
  equal(report.of("page by loopback"), "page");
  equal(report.of("page by address"), "page");
  equal(report.of("out and back in"), "page");
});

test("the container has its own cgroup, and exec joins it", () => {
  match(report.of("its cgroup"), /^0::\/docker\/[0-9a-f]{64}$/);
  equal(report.of("exec"), "0::/\nhttpd -f -p 80 -h /www ");
});

test("containerd's API has a task's metrics in the form of cgroup v2", () => {
  const metrics = report.of("metrics");
  for (const row of [/^memory\.usage_limit +104857600 *$/m, /^cpu\.usage_usec +[1-9]\d* *$/m, /^pids\.current +1 *$/m])
    match(metrics, row);
});

test("a handler with systemd-cgroup: systemd makes the scope, with its limits", () => {
  for (const runtime of ["scopes", "runc-scopes"]) {
    const id = report.of(`start ${runtime}`);
    equal(report.of(`scope of ${runtime}`), `0::/system.slice/docker-${id}.scope\n33`);
    report.of(`rm ${runtime}`);
  }
  match(report.part("no slice").output, /cgroup-parent for systemd cgroup should be a valid slice/);
});

test("a cgroupsPath of the systemd driver's form is followed without the option, which dockerd gives to runc's shim alone", () => {
  equal(report.of("cgroup by its path"), "0::/system.slice/box-by-path.scope");
});

test("kill -9 of the daemon: the container goes on, the next daemon finds it", () => {
  report.of("daemon has ended");
  equal(report.of("ps after kill -9"), "web running");
  report.of("same process");
  equal(report.of("page after kill -9"), "page");
  equal(report.of("exec after kill -9"), "again");
});

test("stop and rm: nothing is left but the parent of all cgroups", () => {
  report.of("stop");
  match(report.of("exit code"), /^(143|137|0)$/);
  report.of("rm");
  report.of("daemon stop");
  equal(report.of("nothing left"), "");
});
