// The daemon's event loop is never held up: measured inside wharfd while it pulls, runs, lists and removes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LoopDelays } from "../../../src/daemon/loop-delay.ts";
import { file, tar } from "../../kernel/layer/support.ts";
import { startRegistry } from "../registry/support.ts";
import { build, Daemon, until } from "./daemon.ts";
import { busyboxTar, makeLayout, push } from "./layouts.ts";

/** Milliseconds of the daemon's own CPU time in one turn of the loop. */
const LIMIT = 5;
/** Where many clients ask at once a busy machine gathers what they ask for into one turn. */
const CROWDED = 25;
const ROUNDS = 6;
const [AT_ONCE, CREATE, REMOVE] = ["many at once", "create 100", "remove"];

test("no turn of the event loop takes longer than 5 ms, or 25 where many ask at once", async (t) => {
  build();
  await using registry = await startRegistry();
  await using daemon = Daemon.prepare();
  const report = join(daemon.dir, "delays.json");
  await daemon.start({ WHARF_LOOP_DELAY: report });
  await daemon.busybox();
  const data = execFileSync("head", ["-c", "30000000", "/dev/urandom"], { maxBuffer: 1 << 28 });
  const layers = [{ tar: busyboxTar(join(daemon.dir, "base")) }, { tar: tar(file("big", "", { data })) }];
  const image = `${registry.host}/test/loop:v1`;
  await push(makeLayout(join(daemon.dir, "layout"), { layers }), image);
  /** What held the loop up during `work`. */
  const during = async (what: string, work: () => Promise<unknown>): Promise<[string, LoopDelays]> => {
    const look = async (): Promise<LoopDelays> => {
      rmSync(report, { force: true });
      process.kill(daemon.pid, "SIGUSR2");
      await until("the report", () => existsSync(report) && readFileSync(report, "utf8") !== "");
      return JSON.parse(readFileSync(report, "utf8")) as LoopDelays;
    };
    await look();
    await work();
    return [what, await look()];
  };
  const times = (n: number) => Array.from({ length: n }, (_, i) => i);
  // what is loaded at its first use, and compiled when it has been used, is the start's
  await daemon.ok("pull", "-q", image);
  await daemon.ok("rmi", image);
  for (const _ of times(5)) await daemon.run(["busybox", "true"]);
  await daemon.ok("ps", "-a");
  const round = async () => [
    await during("pull", () => daemon.ok("pull", "-q", image)),
    await during("run", async () => {
      for (const _ of times(15)) await daemon.run([image, "true"]);
    }),
    await during(AT_ONCE, () => Promise.all(times(8).map(() => daemon.run([image, "echo", "x"])))),
    await during(CREATE, async () => {
      for (const i of times(10))
        await Promise.all(
          times(10).map((j) => daemon.ok("create", "--name", `c${i}x${j}`, "--network", "none", image)),
        );
    }),
    await during("list", async () => {
      for (const _ of times(10)) await daemon.ok("ps", "-a");
    }),
    await during(REMOVE, () => daemon.removeAll()),
    await during("rmi", () => daemon.ok("rmi", image)),
  ];
  // What the code itself does to the loop it does each time; what a busy machine does, or a collection at a bad moment, comes once.
  let bad: string[] = [];
  for (let attempt = 0; attempt < ROUNDS; attempt++) {
    const limit = (what: string) => ([AT_ONCE, CREATE, REMOVE].includes(what) ? CROWDED : LIMIT);
    const found = new Map((await round()).map(([what, delays]) => [what, tooLong(delays, limit(what))] as const));
    for (const [what, lines] of found) t.diagnostic(`${what}: ${lines.join(", ") || "fine"}`);
    const again = [...found].filter(([, lines]) => lines.length > 0).map(([what]) => what);
    bad = attempt === 0 ? again : bad.filter((what) => again.includes(what));
    if (bad.length === 0) break;
  }
  assert.deepEqual(bad, [], "held up the loop in each round");
});

/** The hold-ups beyond the limit, with the garbage collection that explains them. */
function tooLong({ blocks, collections }: LoopDelays, limit: number): string[] {
  return blocks
    .filter(({ ms }) => ms > limit)
    .map(({ at, ms }) => {
      const gc = collections.filter((one) => one.at > at - ms - 2 && one.at < at);
      return `${ms.toFixed(1)} ms${gc.map((one) => `, ${one.ms.toFixed(1)} of it garbage collection`).join("")}`;
    });
}
