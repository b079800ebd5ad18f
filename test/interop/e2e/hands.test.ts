// time-out: 3600 s
// kill -9 of the agent, its workers, the shim that waits, shims and the runtime in them, at their system calls, on a user's road: the daemon goes on, what was
// acknowledged is so, and nothing is left. Some calls of each step; WHARF_TEST_ALL=1: each of the first ones, and every fifth after that (an hour).
// WHARF_TEST_POINT: `NAME` that point alone, `NAME:N` that call of it, `NAME+` from that point on.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { build, Daemon, until } from "./daemon.ts";

before(build);

const ALL = process.env.WHARF_TEST_ALL === "1";
const PATIENCE = 120_000;

/** Where much is done: also a little later than at once. */
const LONG = [
  "agent.networkAttach",
  "agent.hatchShim",
  "ttrpc.serve.Create",
  "ttrpc.serve.Exec",
  "ttrpc.serve.Pause",
  "ttrpc.serve.Delete",
];

const SCRIPT = "yes | head -c 5000; sleep 1000";

type Command = readonly [step: string, args: readonly string[], codes?: readonly number[]];

const STEPS: readonly Command[] = [
  [
    "ran",
    [
      "run",
      "-d",
      "--name",
      "road",
      "-p",
      "80",
      "-v",
      "data:/etc",
      "--log-opt",
      "max-size=1k",
      "--log-opt",
      "max-file=2",
      "busybox",
      "sh",
      "-c",
      SCRIPT,
    ],
  ],
  ["executed", ["exec", "road", "sh", "-c", "exit 7"], [7]],
  ["paused", ["pause", "road"]],
  ["resumed", ["unpause", "road"]],
  ["listed", ["top", "road"]],
  ["copied", ["cp", "FILE", "road:/tmp/copied"]],
  ["committed", ["commit", "road", "made:1"]],
  ["saved", ["save", "-o", "ARCHIVE", "made:1"]],
  ["untagged", ["rmi", "made:1"]],
  ["loaded", ["load", "-i", "ARCHIVE"]],
  ["killed", ["kill", "road"]],
  ["waited", ["wait", "road"]],
  ["removed", ["rm", "-f", "road"]],
  ["volume removed", ["volume", "rm", "data"]],
  ["image removed", ["rmi", "made:1"]],
];

async function walk(daemon: Daemon): Promise<string[]> {
  const words: Record<string, string> = { FILE: join(daemon.dir, "file"), ARCHIVE: join(daemon.dir, "archive.tar") };
  writeFileSync(words.FILE!, "some text\n");
  const failed: string[] = [];
  for (const [step, args, codes = [0]] of STEPS) {
    const all = args.map((word) => words[word] ?? word);
    const { code, stdout, stderr } = await daemon.wharf(all, { timeoutMs: PATIENCE });
    if (!codes.includes(code)) failed.push(`${step}: ${code} ${stderr}`);
    if (step === "ran" && code === 0) await settled(daemon);
    if (step === "waited" && code === 0 && failed.length === 0) assert.equal(stdout, "137\n");
  }
  return failed;
}

/** One that was started runs, or ended with its shim. */
async function settled(daemon: Daemon): Promise<void> {
  const state = await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "road");
  assert.ok(["running 0", "exited 137"].includes(state), state);
}

async function round(daemon: Daemon, file: string, name: string, count: number): Promise<boolean> {
  writeFileSync(file, `${name} ${count}\n`);
  // the shim that waits was born before: the next one is that which is to be killed on this road
  if (name === "shim.born") await daemon.run(["busybox", "true"], { timeoutMs: PATIENCE });
  const failed = await walk(daemon).catch((cause: unknown) => {
    throw new Error(`system call ${count} of ${name}`, { cause });
  });
  if (process.env.WHARF_TEST_VERBOSE) console.log(name, count, failed.join("; "));
  const reached = !existsSync(file);
  writeFileSync(file, "");
  const where = `killed at system call ${count} of ${name}: ${failed.join("; ")}`;
  try {
    for (const args of [
      ["rm", "-f", "-v", "road"],
      ["volume", "rm", "data"],
      ["rmi", "made:1"],
    ])
      await daemon.wharf(args, { timeoutMs: PATIENCE });
    assert.equal(await daemon.ok("ps", "-aq"), "");
    assert.equal(await daemon.ok("volume", "ls", "-q"), "");
    await daemon.clean("the road");
    assert.deepEqual(await walk(daemon), [], "and again");
  } catch (cause) {
    throw new Error(where, { cause });
  }
  if (!reached) assert.deepEqual(failed, []);
  return reached;
}

/** The points that the road comes by, in their order. */
async function pointsOf(daemon: Daemon, file: string): Promise<string[]> {
  writeFileSync(file, "*\n");
  assert.deepEqual(await walk(daemon), []);
  await daemon.clean();
  const names = readFileSync(file, "utf8").split("\n").slice(1);
  return [...new Set(names)].filter((name) => name !== "" && name !== "agent.done");
}

/** The shim of a container that runs. */
function shimOf(daemon: Daemon, id: string): number {
  const init = readFileSync(join(daemon.state, "tasks/moby", id, "init.pid"), "utf8");
  return Number(readFileSync(`/proc/${init}/stat`, "utf8").split(") ")[1]!.split(" ")[1]);
}

// each with a daemon of its own; the last one waits most of its time, for a shim that does not answer
describe("hands", { concurrency: 2 }, () => {
  test("the daemon's hands are killed at their system calls: it goes on, and nothing is left", async (t) => {
    const daemon = Daemon.prepare();
    const file = join(daemon.dir, "failpoints");
    writeFileSync(file, "");
    await using _ = daemon;
    await daemon.start({ WHARF_AGENT_FAILPOINTS: file });
    await daemon.busybox();
    const names = await pointsOf(daemon, file);
    for (const name of [
      "agent.networkAttach",
      "agent.hatchShim",
      "shim.hatched",
      "shim.reaped",
      "ttrpc.serve.Create",
      "worker.unpack",
      "log.rotate",
    ])
      assert.ok(names.includes(name), `${name} was not reached: ${names.join(" ")}`);
    const [wanted = "", only] = process.env.WHARF_TEST_POINT?.split(":") ?? [];
    const onwards = wanted.endsWith("+");
    const begin = names.indexOf(onwards ? wanted.slice(0, -1) : wanted);
    assert.ok(wanted === "" || begin >= 0, `${wanted} is none of ${names.join(" ")}`);
    let rounds = 0;
    for (const name of wanted === "" ? names : names.slice(begin, onwards ? undefined : begin + 1)) {
      const counts = only
        ? [Number(only)]
        : ALL
          ? Array.from({ length: 400 }, (_, i) => (i < 20 ? i : 20 + 5 * (i - 20)))
          : LONG.includes(name)
            ? [0, 12, 40]
            : [0];
      for (const count of counts) {
        rounds++;
        if (!(await round(daemon, file, name, count))) break;
      }
    }
    t.diagnostic(`${rounds} rounds, ${names.length} points`);
    await until("nothing that is killed", () => readFileSync(file, "utf8") === "");
  });

  test("a shim is killed, and then what cleans up after it: its container is gone all the same", async () => {
    const daemon = Daemon.prepare();
    const file = join(daemon.dir, "failpoints");
    writeFileSync(file, "");
    await using _ = daemon;
    await daemon.start({ WHARF_AGENT_FAILPOINTS: file });
    await daemon.busybox();
    const id = await daemon.ok("run", "-d", "--network", "none", "busybox", "sleep", "1000");
    writeFileSync(file, "worker.spawnShim 20\n");
    process.kill(shimOf(daemon, id), "SIGKILL");
    assert.equal(await daemon.ok("wait", id), "137");
    assert.ok(!existsSync(file), "it was killed");
    await daemon.ok("rm", id);
    await daemon.clean("a container whose shim was killed");
  });

  test("a shim that hangs goes with what is to be killed: kill, stop and rm -f", async () => {
    await using daemon = await Daemon.start();
    await daemon.busybox();
    const ways = [
      ["kill", "one"],
      ["stop", "-t", "1", "two"],
      ["rm", "-f", "three"],
    ];
    const shims: number[] = [];
    try {
      for (const way of ways) {
        const id = await daemon.ok("run", "-d", "--name", way.at(-1)!, "-p", "80", "busybox", "sleep", "1000");
        const shim = shimOf(daemon, id);
        process.kill(shim, "SIGSTOP");
        shims.push(shim);
      }
      const ending = Promise.all(ways.map((way) => daemon.ok(...way)));
      // others go on meanwhile
      assert.equal((await daemon.run(["busybox", "echo", "well"])).stdout, "well\n");
      await ending;
      for (const name of ["one", "two"]) {
        const state = await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
        assert.equal(state, "exited 137");
      }
      assert.equal(await daemon.ok("ps", "-a", "--format", "{{.Names}}"), "two\none");
      await daemon.ok("start", "one");
      await daemon.ok("rm", "-f", "one", "two");
      await daemon.clean("shims that hang");
    } finally {
      for (const pid of shims) {
        try {
          process.kill(pid, "SIGCONT");
        } catch {
          // ended, as it should be
        }
      }
    }
  });
});
