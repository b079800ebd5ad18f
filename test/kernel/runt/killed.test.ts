// time-out: 1200 s
// kill -9 of runt at its system calls, one after another: whatever is left, `delete --force` removes. A few calls here; with
// WHARF_TEST_ALL=1 (npm run test:slow) every single one (some minutes).
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

const ALL = process.env.WHARF_TEST_ALL === "1";
const STEP = 20;
/** What is left of a container on this machine. */
function leftovers(box: Bundle): string[] {
  const groups = ["", ...readdirSync("/sys/fs/cgroup")]
    .map((one) => join("/sys/fs/cgroup", one, box.id))
    .filter(existsSync);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(box.dir));
  const state = existsSync(join(box.state, box.id)) ? [join(box.state, box.id)] : [];
  return [...groups, ...mounts, ...state];
}

/** Processes that were begun from the bundle's folder. */
function processes(box: Bundle): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(box.state);
    } catch {
      return false;
    }
  });
}

/** A system call: the n-th one of that name in a process. */
type Call = readonly [name: string, n: number];

function traced(box: Bundle, options: readonly string[], words: readonly string[]): string {
  const command = ["strace", ...options, box.runtime, "--root", box.state, ...words]
    .map((word) => `'${word}'`)
    .join(" ");
  return box.shell(`timeout -s KILL 30 ${command} </dev/null; echo "ended $?" >&2`).err;
}

/** The calls that the verb makes when nobody kills it, in order. */
function callsOf(box: Bundle, follow: boolean, words: readonly string[]): Call[] {
  const file = join(box.dir, "trace");
  assert.match(traced(box, ["-o", file, ...(follow ? ["-f"] : [])], words), /ended 0\n/);
  const counts = new Map<string, number>();
  const calls = new Map<string, Call>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, pid = "", name] = /^(\d+ +)?([a-z_0-9]+)\(/.exec(line) ?? [];
    if (name === undefined) continue;
    const n = (counts.get(pid + name) ?? 0) + 1;
    counts.set(pid + name, n);
    // a process's way is not told from another's when it is killed: once is enough
    calls.set(`${name} ${n}`, [name, n]);
  }
  return [...calls.values()];
}

async function loop(t: TestContext, words: (id: string) => string[], follow: boolean, before: (box: Bundle) => void) {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
    spec.mounts!.push({ destination: "/made", type: "tmpfs", source: "tmpfs" });
    spec.linux!.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [] };
    spec.linux!.resources = { ...spec.linux!.resources, pids: { limit: 100 } };
  });
  before(box);
  // what a program that is no runtime would not know
  assert.match(box.runt("state", "nobody").err, /does not exist/);
  const all = callsOf(box, follow, words(box.id));
  box.ok("delete", "--force", box.id);
  const chosen = all.filter((_, i) => ALL || i % STEP === 0);
  let killed = 0;
  for (const [name, n] of chosen) {
    before(box);
    const inject = ["-o", "/dev/null", ...(follow ? ["-f"] : []), "-e", `inject=${name}:signal=KILL:when=${n}`];
    if (!/ended 0\n/.test(traced(box, inject, words(box.id)))) killed++;
    box.ok("delete", "--force", box.id);
    assert.deepEqual(leftovers(box), [], `killed at ${name}, number ${n}`);
    await until(`the end of all processes, killed at ${name}, number ${n}`, () => processes(box).length === 0);
  }
  t.diagnostic(`${killed} of ${chosen.length} rounds, ${all.length} calls`);
  assert.ok(killed > 0 && killed >= chosen.length / 2, `killed ${killed} times in ${chosen.length} rounds`);
}

test("create, killed at its system calls", (t) =>
  loop(
    t,
    (id) => ["create", id],
    false,
    () => {},
  ));

test("run, its first process and all others killed at their system calls too", (t) =>
  loop(
    t,
    (id) => ["run", id],
    true,
    (box) => {
      box.spec.process!.args = ["true"];
      box.write();
    },
  ));

test("start, killed at its system calls", (t) =>
  loop(
    t,
    (id) => ["start", id],
    false,
    (box) => box.ok("create", box.id),
  ));

test("exec, killed at its system calls", (t) =>
  loop(
    t,
    (id) => ["exec", id, "true"],
    true,
    (box) => box.ok("run", "--detach", box.id),
  ));

test("delete, killed at its system calls", (t) =>
  loop(
    t,
    (id) => ["delete", "--force", id],
    false,
    (box) => box.ok("run", "--detach", box.id),
  ));
