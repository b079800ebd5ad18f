// time-out: 3600 s
// kill -9 of the daemon in the midst of a checkpoint and of a restore: the container goes on or can be restored, all can be done again, nothing is left.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { runScript } from "./steps.ts";

const ALL = process.env.WHARF_TEST_ALL === "1";

test("kill -9 of the daemon at each step of checkpoint and restore", (t) => {
  const all = runScript(
    t,
    "checkpoint-crash.sh",
    process.env.WHARF_TEST_BIN ?? join(ROOT, "dist/bin"),
    ALL ? 3_500_000 : 900_000,
  );
  assert.equal(all.get("road")?.said, "");
  // the last of each kind
  const points = [...all.keys()].filter((name) => name !== "road");
  for (const kind of ["ttrpc.after.Checkpoint", "agent.before.diff", "agent.after.unpack"])
    assert.ok(
      points.some((name) => name.startsWith(`${kind}:`)),
      `${kind} is not among ${points.join(" ")}`,
    );
  // how often a task's state is asked for varies with time: the last of a kind may not be reached again
  const missed = points.filter((name) => all.get(name)?.said === "not reached\n");
  const wrong = points
    .map((name) => ({ name, ...all.get(name)! }))
    .filter(({ name, said, status }) => (missed.includes(name) ? status !== 0 : said !== "" || status !== 0));
  assert.deepEqual(wrong, []);
  t.diagnostic(`${points.length} points${missed.length > 0 ? `, not reached: ${missed.join(" ")}` : ""}`);
});
