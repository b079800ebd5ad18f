// process.apparmorProfile, where the kernel has AppArmor.
// time-out: 300 s
import { equal, match } from "node:assert/strict";
import { before, type TestContext, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("apparmor.sh");
});

/** The guest's packages do not have to have AppArmor's own tools. */
const lacksParser = (t: TestContext): boolean => {
  if (report.part("parser").code === 0) return false;
  t.skip("no apparmor_parser in this guest to load a profile with");
  return true;
};

test("a profile is loaded, and a container made with it", (t) => {
  if (lacksParser(t)) return;
  for (const name of ["load", "create", "start"]) report.of(name);
});

test("process.apparmorProfile: the first process and exec's are confined by it", (t) => {
  if (lacksParser(t)) return;
  equal(report.of("first process"), "runt-test (enforce)");
  const { output } = report.part("exec");
  match(output, /^runt-test \(enforce\)\ncat: can't open '\/tmp\/secret': Permission denied$/);
});

test("exec --apparmor: another profile, or none", (t) => {
  if (lacksParser(t)) return;
  equal(report.of("exec by another profile"), "runt-other (enforce)\nhidden");
  equal(report.of("exec unconfined"), "unconfined");
});

test("process.apparmorProfile together with noNewPrivileges", (t) => {
  if (lacksParser(t)) return;
  match(report.part("with no new privileges").output, /Permission denied/);
});

test("process.apparmorProfile: one that is not loaded is an error that says so, and nothing is left", () => {
  const { output, code } = report.part("not loaded");
  equal(code, 1);
  match(output, /process\.apparmorProfile: cannot use "not-loaded": .*ENOENT.*\nhint: the profile is not loaded/);
  equal(report.of("nothing left"), "");
});
