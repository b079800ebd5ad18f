// When, where and as what a process runs: scheduler, I/O priority, processors, memory policy, personality, keyring.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Process, Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle } from "./bundle.ts";

/** What a script prints in a container with this configuration. */
function prints(change: (spec: Spec) => void, script: string): string {
  using box = new Bundle(change);
  return box.sh(script);
}

/** The message that a container with this configuration is refused with. */
function refusal(change: (spec: Spec) => void): string {
  using box = new Bundle(change);
  const { status, err } = box.runt("create", box.id);
  assert.equal(status, 1);
  assert.equal(box.status(), undefined, "state left behind");
  return err;
}

const process = (fields: Partial<Process>) => (spec: Spec) => void Object.assign(spec.process!, fields);
/** Policy and priority as sched_getscheduler has them: fields 41 and 40 of /proc/<pid>/stat; field 19 is the nice value. */
const SCHEDULE = "head -n1 /proc/self/stat | cut -d' ' -f19,40,41";

test("process.scheduler: policies without privilege, nice, reset on fork; exec takes it on too", () => {
  // the last has no use for a nice value: that of these tests stays
  const policies = { SCHED_OTHER: [5, 0], SCHED_BATCH: [3, 3], SCHED_IDLE: [getPriority(), 5] } as const;
  for (const [policy, [nice, number]] of Object.entries(policies)) {
    const scheduler = { policy, nice } as Process["scheduler"];
    assert.equal(prints(process({ scheduler }), SCHEDULE), `${nice} 0 ${number}\n`, policy);
  }
  using box = new Bundle(
    process({ scheduler: { policy: "SCHED_BATCH", nice: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"] } }),
  );
  box.sleeping();
  assert.equal(box.exec("head -n1 /proc/$$/stat | cut -d' ' -f19,41").out, "7 3\n");
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ");
  assert.deepEqual([fields[18], fields[40]], ["7", "3"]);
});

test("process.scheduler: real time and deadline, or the reason why this host refuses", () => {
  for (const [scheduler, shown] of [
    [{ policy: "SCHED_FIFO", priority: 10 }, "0 10 1\n"],
    [{ policy: "SCHED_RR", priority: 20 }, "0 20 2\n"],
    [{ policy: "SCHED_DEADLINE", runtime: 1e6, deadline: 1e7, period: 1e7 }, /^\d+ \d+ 6\n$/],
  ] as const) {
    using box = new Bundle(process({ scheduler: { ...scheduler } }));
    // deadline tasks may not fork: one program, no shell
    box.spec.process!.args = ["sh", "-c", 'read -r line < /proc/self/stat; echo "$line"'];
    box.write();
    const { status, out, err } = box.runt("run", box.id);
    if (status === 0) {
      const fields = out.split(" ");
      assert.match(
        `${fields[18]} ${fields[39]} ${fields[40]}\n`,
        typeof shown === "string" ? new RegExp(`^${shown}$`) : shown,
      );
    } else {
      assert.match(err, new RegExp(`process\\.scheduler: cannot set ${scheduler.policy}.*(EPERM|EBUSY)`));
      assert.match(err, /hint: /);
    }
  }
});

test("process.scheduler: what does not fit together is named", () => {
  const scheduler = (one: object) => refusal(process({ scheduler: one as never }));
  assert.match(scheduler({ policy: "SCHED_FAIR" }), /process\.scheduler\.policy: unknown value "SCHED_FAIR"/);
  assert.match(scheduler({ policy: "SCHED_OTHER", nice: 20 }), /process\.scheduler\.nice: 20 is not between/);
  assert.match(scheduler({ policy: "SCHED_OTHER", priority: 1 }), /scheduler\.priority: is for SCHED_FIFO/);
  assert.match(scheduler({ policy: "SCHED_FIFO" }), /scheduler\.priority: 0 is not between 1 and 99/);
  assert.match(scheduler({ policy: "SCHED_BATCH", period: 5 }), /scheduler\.period: is for SCHED_DEADLINE/);
  assert.match(scheduler({ policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"] }), /scheduler\.flags\[0\]: unknown value/);
  assert.match(scheduler({ nice: 1 }), /scheduler\.policy: is missing/);
  using iso = new Bundle(process({ scheduler: { policy: "SCHED_ISO" } }));
  assert.match(
    iso.runt("run", iso.id).err,
    /process\.scheduler: cannot set SCHED_ISO.*EINVAL.*\nhint: .*SCHED_ISO is in none/,
  );
});

test("process.ioPriority: class and level", () => {
  const show = (name: string, priority: number) =>
    prints(process({ ioPriority: { class: name as "IOPRIO_CLASS_BE", priority } }), "busybox ionice -p $$");
  assert.equal(show("IOPRIO_CLASS_BE", 6), "best-effort: prio 6\n");
  assert.match(show("IOPRIO_CLASS_IDLE", 0), /^idle/);
  assert.equal(show("IOPRIO_CLASS_RT", 3), "realtime: prio 3\n");
  const refused = (one: object) => refusal(process({ ioPriority: one as never }));
  assert.match(
    refused({ class: "IOPRIO_CLASS_BE", priority: 8 }),
    /process\.ioPriority\.priority: 8 is not between 0 and 7/,
  );
  assert.match(refused({ class: "BEST", priority: 1 }), /process\.ioPriority\.class: unknown value "BEST"/);
  assert.match(refused({ priority: 1 }), /process\.ioPriority\.class: is missing/);
});

test("process.execCPUAffinity: initial and final of a process that exec starts; the first process keeps its own", () => {
  using box = new Bundle(process({ execCPUAffinity: { initial: "0", final: "0" } }));
  box.sleeping();
  const allowed = "grep Cpus_allowed_list /proc/self/status | cut -f2";
  assert.equal(box.exec(allowed).out, "0\n");
  const all = readFileSync("/proc/self/status", "utf8").match(/Cpus_allowed_list:\t(.*)/)![1];
  const { pid } = JSON.parse(box.runt("state", box.id).out);
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`Cpus_allowed_list:\t${all}\n`));
  const file = join(box.dir, "process.json");
  const exec = (execCPUAffinity: object) => {
    const args = ["sh", "-c", allowed];
    writeFileSync(file, JSON.stringify({ ...box.spec.process, args, execCPUAffinity }));
    return box.runt("exec", "--process", file, box.id);
  };
  assert.equal(exec({ final: "0" }).out, "0\n");
  assert.match(exec({ final: "8000" }).err, /process\.execCPUAffinity\.final: cannot run on "8000".*EINVAL/);
  assert.match(exec({ initial: "8000" }).err, /process\.execCPUAffinity\.initial: cannot run on "8000".*EINVAL/);
  assert.match(exec({ initial: "3-1" }).err, /execCPUAffinity\.initial: "3-1" has a range that ends before it begins/);
});

test("linux.personality: the domain, for exec too; flags are refused", () => {
  using box = new Bundle((spec) => void (spec.linux!.personality = { domain: "LINUX32" }));
  assert.equal(box.sh("busybox uname -m; cat /proc/self/personality"), "i686\n00000008\n");
  box.sleeping();
  assert.equal(box.exec("busybox uname -m").out, "i686\n");
  assert.equal(
    prints((spec) => void (spec.linux!.personality = { domain: "LINUX" }), "cat /proc/self/personality"),
    "00000000\n",
  );
  const flags = (spec: Spec) => void (spec.linux!.personality = { domain: "LINUX", flags: ["READ_IMPLIES_EXEC"] });
  assert.match(refusal(flags), /linux\.personality\.flags: unknown flag "READ_IMPLIES_EXEC"/);
});

test("linux.memoryPolicy: modes and nodes, for exec too", () => {
  const policy = (memoryPolicy: object) => (spec: Spec) => void (spec.linux!.memoryPolicy = memoryPolicy as never);
  const show = "head -1 /proc/self/numa_maps | cut -d' ' -f2";
  const cases: [object, string][] = [
    [{ mode: "MPOL_DEFAULT" }, "default"],
    [{ mode: "MPOL_BIND", nodes: "0" }, "bind:0"],
    [{ mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }, "bind=static:0"],
    [{ mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"] }, "interleave=relative:0"],
    [{ mode: "MPOL_PREFERRED", nodes: "0" }, "prefer:0"],
    [{ mode: "MPOL_PREFERRED_MANY", nodes: "0" }, "prefer (many):0"],
    [{ mode: "MPOL_WEIGHTED_INTERLEAVE", nodes: "0" }, "weighted interleave:0"],
    [{ mode: "MPOL_LOCAL" }, "local"],
  ];
  for (const [one, shown] of cases) {
    const first = shown.split(" ")[0]!;
    assert.equal(prints(policy(one), show), `${first}\n`, JSON.stringify(one));
  }
  using box = new Bundle(policy({ mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"] }));
  box.sleeping();
  assert.match(box.exec(show).out, /^bind=balancing:0\n$/);
  assert.match(refusal(policy({ mode: "MPOL_BIND" })), /linux\.memoryPolicy\.nodes: MPOL_BIND needs at least one node/);
  assert.match(refusal(policy({ mode: "MPOL_LOCAL", nodes: "0" })), /memoryPolicy\.nodes: MPOL_LOCAL takes no nodes/);
  assert.match(refusal(policy({ mode: "MPOL_BIND", nodes: "x" })), /memoryPolicy\.nodes: .*"x" is not a list/);
  assert.match(refusal(policy({ mode: "MPOL_MINE" })), /memoryPolicy\.mode: .*unknown value "MPOL_MINE"/);
  assert.match(refusal(policy({ mode: "MPOL_LOCAL", flags: ["F"] })), /memoryPolicy\.flags\[0\]: .*unknown value "F"/);
  const far = new Bundle(policy({ mode: "MPOL_BIND", nodes: "900" }));
  using _ = far;
  assert.match(
    far.runt("run", far.id).err,
    /linux\.memoryPolicy: cannot set MPOL_BIND on nodes "900".*EINVAL.*\nhint: /,
  );
});

test("a session keyring of the container's own, which exec joins; --no-new-keyring leaves the caller's", () => {
  /** How often it is in use; 0 when it is not there. */
  const usage = (id: string, keys = readFileSync("/proc/keys", "utf8")) =>
    Number(new RegExp(`^\\S+ \\S+ +(\\d+) .* _ses\\.${id}: `, "m").exec(keys)?.[1] ?? 0);
  using box = new Bundle((spec) => void (spec.linux!.maskedPaths = []));
  box.sleeping();
  const alone = usage(box.id);
  assert.ok(alone > 0, "the keyring is there");
  const keys = box.exec("cat /proc/keys").out;
  assert.ok(usage(box.id, keys) > alone, `used more while exec runs: ${keys}`);
  assert.equal(keys.match(new RegExp(` _ses\\.${box.id}: `, "g"))?.length, 1, "one of that name");
  using other = new Bundle();
  other.spec.process!.args = ["sleep", "100"];
  other.write();
  other.ok("create", "--no-new-keyring", other.id);
  other.ok("start", other.id);
  assert.equal(usage(other.id), 0);
  assert.equal(other.exec("true").status, 0);
  assert.equal(usage(other.id), 0, "exec makes none either");
});
