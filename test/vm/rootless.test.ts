// runt for a user without root rights, under systemd: in a login session, whose cgroup is root's, and in a delegated scope.
import { equal, match } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("rootless.sh", { limit: 300 });
});

for (const where of ["session", "delegated"]) {
  const at = (name: string) => `${where}: ${name}`;

  test(`${where}: spec --rootless runs, as with crun`, () => {
    match(report.of(at("own id runt")), /^0\n\s+0\s+1000\s+1\n0 0\n2$/);
    equal(report.of(at("own id runt")), report.of(at("own id crun")));
  });

  test(`${where}: newuidmap and newgidmap give the granted ranges`, () => {
    match(report.of(at("granted ranges")), /^\s+0\s+1000\s+1\n\s+1\s+100000\s+65535\n5 6$/);
    equal(report.of(at("owner on disk")), "100004 100005");
  });

  test(`${where}: ids that are not granted: the helper's word, and where the grants stand`, () => {
    const { code, output } = report.part(at("ranges of others"));
    equal(code, 1);
    match(output, /newuidmap refuses the mapping: .*\n?.*\/etc\/subuid/);
  });

  test(`${where}: a container's life`, () => {
    report.of(at("run"));
    equal(report.of(at("list")), "life\nrunning\nuser");
    equal(report.of(at("exec")), "0\nsleep 1000 ");
    report.of(at("kill"));
    report.of(at("has ended"));
    report.of(at("delete"));
    equal(report.of(at("state folder")), "");
  });
}

test("session: limits cannot be had, and that is said with what to do", () => {
  const { code, output } = report.part("session: limits");
  equal(code, 1);
  match(output, /^runt: linux\.cgroupsPath: this user may not make the cgroup that linux\.resources asks for: /);
  match(output, /^hint: .*systemd-run --user --scope -p Delegate=yes/m);
  equal(report.part("session: pause").code, 1);
});

test("delegated: limits are in force, and the freezer works", () => {
  report.of("delegated: limits");
  equal(report.of("delegated: limits in force"), "67108864\n20");
  report.of("delegated: pause");
  equal(report.of("delegated: status"), "paused");
  report.of("delegated: resume");
});

test("leaves no cgroup", () => {
  equal(report.of("nothing left"), "");
});
