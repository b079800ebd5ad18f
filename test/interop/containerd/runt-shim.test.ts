// Our shim, and runt in it, under a real containerd: what ctr does with tasks, and both ways for the daemon to go away.
import { join } from "node:path";
import { test } from "node:test";
import { SHIM } from "../../kernel/shim/harness.ts";
import { checker, runScript } from "./steps.ts";

test("containerd and ctr with our shim", async (t) => {
  const check = checker(t, runScript(t, "runt-shim.sh", join(SHIM, "..")));
  await check("run", 0, /^hello from runt\n$/);
  await check("status", 7, /^err\n$/);
  await check("stdin", 0, /^data\n$/);
  await check("nothing", 1, /\/no\/such\/program/);
  await check("detached", 0, /^$/);
  await check("list", 0, /c4 +\d+ +RUNNING/);
  await check("exec", 5, /^in exec\n$/);
  await check("ps", 0, /^PID +INFO *\n\d+ +-/);
  await check("metrics", 0, /memory\.usage_in_bytes +\d\d+|memory\.usage +\d\d+/);
  await check("pause", 0, /^$/);
  await check("paused", 0, /c4 +\d+ +PAUSED/);
  await check("resume", 0, /^$/);
  await check("terminal", 3, /\/dev\/pts\/0\r*\n/);
  await check("signal", 0, /exit code 9/);
  await check("dead", 0, /c4(?![\s\S]*c6)/);
  await check("again", 0, /c4 +\d+ +RUNNING/);
  await check("exec-again", 0, /^again\n$/);
  await check("killed", 0, /c4 +\d+ +RUNNING/);
  await check("kill", 0, /^$/);
  await check("delete", 0, /exit code 137/);
  await check("remove", 0, /^$/);
  await check("left", 1, /^[^:]*\/s:\n\n[^:]*\/default:\n0\n$/);
});
