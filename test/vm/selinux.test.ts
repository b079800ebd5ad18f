// process.selinuxLabel and linux.mountLabel, where the kernel has SELinux: the guest boots with it, and loads a policy of a few lines.
// time-out: 600 s
import { equal, match } from "node:assert/strict";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

let report: Report;
before(async () => {
  report = await inGuest("selinux.sh", { daemon: true, kernel: "lsm=lockdown,capability,landlock,yama,selinux" });
});

test("the policy is in force, and a container made with a label", () => {
  equal(report.of("compile"), "");
  equal(report.of("load"), "");
  equal(report.of("enforce"), "1");
  for (const name of ["create", "start"]) report.of(name);
});

test("process.selinuxLabel: the first process has it, and exec's, which the policy holds to it", () => {
  equal(report.of("first process"), "system_u:system_r:container_t");
  match(
    report.part("exec").output,
    /^system_u:system_r:container_t\ncat: can't open '\/secret\/file': Permission denied$/,
  );
});

test("linux.mountLabel: a new file system has it", () => {
  equal(report.of("mount label"), "system_u:object_r:secret_t");
});

test("exec --process-label: another label, and what the policy allows to it", () => {
  equal(report.of("exec by another label"), "system_u:system_r:other_t\nhidden");
});

test("a label that the policy does not know is an error that says so, and nothing is left", () => {
  const unknown =
    /process\.selinuxLabel: cannot use "system_u:system_r:nowhere_t": .*EINVAL.*\nhint: the policy of this host does not/;
  for (const name of ["exec by an unknown label", "unknown label"]) match(report.part(name).output, unknown);
  equal(report.part("unknown label").code, 1);
  match(
    report.part("unknown mount label").output,
    /mounts\[1\]: .*EINVAL.*\nhint: .*the policy of this host does not know linux\.mountLabel/,
  );
  equal(report.of("nothing left"), "");
});

test("a pod of podsandbox is labelled as the host's policy calls containers", () => {
  report.of("pod");
  equal(report.of("pod's label"), "system_u:system_r:container_t");
  match(
    report.of("pod's labels, as told"),
    /selinuxLabel": *"system_u:system_r:container_t[\s\S]*mountLabel": *"system_u:object_r:secret_t/,
  );
  report.of("pod's end");
});
