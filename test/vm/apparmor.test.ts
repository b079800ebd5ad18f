// process.apparmorProfile, where the kernel has AppArmor.
// time-out: 300 s
import { equal, match } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("apparmor.sh");
});

test("a profile is loaded, and a container made with it", () => {
  for (const name of ["load", "create", "start"]) report.of(name);
});

test("process.apparmorProfile: the first process and exec's are confined by it", () => {
  equal(report.of("first process"), "runt-test (enforce)");
  const { output } = report.part("exec");
  match(output, /^runt-test \(enforce\)\ncat: can't open '\/tmp\/secret': Permission denied$/);
});

test("exec --apparmor: another profile, or none", () => {
  equal(report.of("exec by another profile"), "runt-other (enforce)\nhidden");
  equal(report.of("exec unconfined"), "unconfined");
});

test("process.apparmorProfile together with noNewPrivileges", () => {
  match(report.part("with no new privileges").output, /Permission denied/);
});

test("process.apparmorProfile: one that is not loaded is an error that says so, and nothing is left", () => {
  const { output, code } = report.part("not loaded");
  equal(code, 1);
  match(output, /process\.apparmorProfile: cannot use "not-loaded": .*ENOENT.*\nhint: the profile is not loaded/);
  equal(report.of("nothing left"), "");
});
