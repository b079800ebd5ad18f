// Kernel tests once more, on cgroup v2 with systemd: the files that kernel-files.txt names, driven inside the guest.
// time-out: 900 s
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { inGuest, type Report } from "./guest.ts";

const files = readFileSync(join(import.meta.dirname, "kernel-files.txt"), "utf8")
  .trim()
  .split("\n");

let report: Report;
before(async () => {
  report = await inGuest("kernel.sh", { sources: true, limit: 850 });
});

for (const file of files) {
  test(`${file} passes`, () => {
    const { output, code } = report.part(file);
    const failed = output.split(/^# Subtest: /m).filter((part) => /^not ok /m.test(part));
    deepEqual(failed, []);
    equal(code, 0, output.slice(-2000));
    ok(Number(/^# pass (\d+)$/m.exec(output)?.[1]) > 0, output.slice(-2000));
  });
}

test("leaves no cgroup", () => {
  equal(report.of("nothing left"), "");
});
