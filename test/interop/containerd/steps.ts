// Scripts inside the peers root that print, step by step, what they have to say and with which status: "== name", text, "rc N".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { makeRootfs, ROOT } from "../../kernel/shim/harness.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";

/** What each step said, and its status. */
export type Steps = Map<string, { said: string; status: number }>;

function steps(output: string): Steps {
  const found: Steps = new Map();
  for (const part of output.split(/^== /m).slice(1)) {
    const match = /^(\S+)\n([\s\S]*?)rc (\d+)\n/.exec(part);
    assert.ok(match, part);
    found.set(match[1]!, { said: match[2]!, status: Number(match[3]) });
  }
  return found;
}

/** Runs a script, of this folder or by its path, with a new folder that holds a rootfs, and one more argument. */
export function runScript(
  t: TestContext,
  name: string,
  argument: string,
  timeout = 400_000,
  prepare: (dir: string) => void = () => {},
): Steps {
  const dir = mkdtempSync(join(tmpdir(), `${runMark()}-ctr-`));
  t.after(() => {
    removeCgroups(basename(dir));
    rmSync(dir, { recursive: true });
  });
  makeRootfs(join(dir, "rootfs"));
  prepare(dir);
  const script = resolve(import.meta.dirname, name);
  // crun refuses the tree that criu needs
  const tree = name.startsWith("checkpoint") ? ["--hybrid"] : [];
  const args = ["enter", ...tree, "--bind", ROOT, "--bind", dir, "sh", script, dir, argument];
  const { status, stdout, stderr } = spawnSync(join(ROOT, "tools/peers"), args, { encoding: "utf8", timeout });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return steps(stdout);
}

/** A check of a step by its status and what it said, as a test of its own. */
export function checker(t: TestContext, all: Steps) {
  return (name: string, status: number, pattern: RegExp) =>
    t.test(name, () => {
      const step = all.get(name);
      assert.ok(step, `step ${name} is missing`);
      assert.match(step.said, pattern);
      assert.equal(step.status, status, step.said);
    });
}
