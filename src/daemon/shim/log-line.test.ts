import assert from "node:assert/strict";
import { test } from "node:test";
import type { Level } from "../log.ts";
import { logShimLine } from "./log-line.ts";

test("logShimLine() takes the level that a line names, says whose it is, and lets no control characters through", () => {
  const levels: [line: string, level: Level][] = [
    ['time="2026-11-27T15:00:00Z" level=debug msg="starting signal loop" runtime=io.containerd.runc.v2', "debug"],
    ['time="2026-11-27T15:00:00Z" level=warning msg=oh', "warn"],
    ['{"msg":"oh","level":"ERROR","ts":"2026"}', "error"],
    ["level=fatal msg=end", "error"],
    ["level=info msg=begin", "info"],
    ["panic: runtime error: index out of range", "info"],
    ["goroutine 1 [running]:\tmain.main()\u001b[2J", "info"],
  ];
  for (const [line, level] of levels) {
    const told: unknown[] = [];
    logShimLine((...args) => told.push(args), line, { namespace: "default", id: "c1" });
    assert.deepEqual(told, [
      [level, line.replace("\t", " ").replace("\u001b", " "), { namespace: "default", shim: "c1" }],
    ]);
  }
});
