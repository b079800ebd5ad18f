// Our shim, and runt in it, under a real containerd: what ctr does with tasks, and both ways for the daemon to go away.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeRootfs, ROOT, SHIM } from "../../kernel/shim/harness.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";

/** What each step said, and its status. */
type Steps = Map<string, { said: string; status: number }>;

function steps(output: string): Steps {
  const found: Steps = new Map();
  for (const part of output.split(/^== /m).slice(1)) {
    const match = /^(\S+)\n([\s\S]*?)rc (\d+)\n/.exec(part);
    assert.ok(match, part);
    found.set(match[1]!, { said: match[2]!, status: Number(match[3]) });
  }
  return found;
}

function runScript(t: TestContext): Steps {
  const dir = mkdtempSync(join(tmpdir(), `${runMark()}-ctr-`));
  t.after(() => {
    removeCgroups(basename(dir));
    rmSync(dir, { recursive: true });
  });
  makeRootfs(join(dir, "rootfs"));
  const script = join(import.meta.dirname, "runt-shim.sh");
  const args = ["enter", "--bind", ROOT, "--bind", dir, "sh", script, dir, join(SHIM, "..")];
  const { status, stdout, stderr } = spawnSync(join(ROOT, "tools/peers"), args, { encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return steps(stdout);
}

test("containerd and ctr with our shim", { timeout: 150_000 }, async (t) => {
  const all = runScript(t);
  const check = (name: string, status: number, pattern: RegExp) =>
    t.test(name, () => {
      const step = all.get(name)!;
      assert.ok(step, `step ${name} is missing`);
      assert.match(step.said, pattern);
      assert.equal(step.status, status, step.said);
    });
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
