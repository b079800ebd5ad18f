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

test("no turn of the event loop takes longer than 5 ms", async (t) => {
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
  const all = [
    await during("pull", () => daemon.ok("pull", "-q", image)),
    await during("run", async () => {
      for (const _ of times(15)) await daemon.run([image, "true"]);
    }),
    await during("many at once", () => Promise.all(times(8).map(() => daemon.run([image, "echo", "x"])))),
    await during("create 100", async () => {
      for (const i of times(10))
        await Promise.all(
          times(10).map((j) => daemon.ok("create", "--name", `c${i}x${j}`, "--network", "none", image)),
        );
    }),
    await during("list", async () => {
      for (const _ of times(10)) await daemon.ok("ps", "-a");
    }),
    await during("remove", () => daemon.removeAll()),
    await during("rmi", () => daemon.ok("rmi", image)),
  ];
  const bad: string[] = [];
  for (const [what, { blocks, collections }] of all) {
    const longest = Math.max(0, ...blocks.map(({ ms }) => ms));
    t.diagnostic(`${what}: longest ${longest.toFixed(1)} ms, ${blocks.length} over 2 ms`);
    for (const { at, ms } of blocks) {
      if (ms <= LIMIT) continue;
      const gc = collections
        .filter((one) => one.at > at - ms - 2 && one.at < at)
        .map((one) => `kind ${one.kind}: ${one.ms.toFixed(1)} ms`);
      bad.push(`${what}: ${ms.toFixed(1)} ms${gc.length ? ` (garbage collection ${gc.join(", ")})` : ""}`);
    }
  }
  assert.deepEqual(bad, []);
});
