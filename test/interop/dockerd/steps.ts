// Runs a script of steps inside the peers root, and checks what each of them says and how it ends.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";
import { execute } from "../cli/program.ts";
import { BIN } from "../e2e/daemon.ts";

interface Step {
  text: string;
  status: number;
}

/** What a step says, and how it ends: 0 unless told. */
export type Expected = Readonly<Record<string, RegExp | readonly [RegExp, number]>>;

/** The script gets a folder of its own, that of our programs, `args`, and a cgroup's name, which begins `name`. */
async function run(script: string, name: string, args: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), "dd-"));
  const group = `${runMark()}-${name}`;
  const binds = [dir, ROOT].flatMap((path) => ["--bind", path]);
  try {
    const command = [join(ROOT, "tools/peers"), "enter", ...binds, "--net", "sh", script, dir, BIN, ...args, group];
    const { stdout, stderr } = await execute(command, { timeoutMs: 500_000 });
    const steps = new Map<string, Step>();
    for (const [, step, text, rc] of stdout.matchAll(/^== (\S+)\n([\s\S]*?)^rc (\d+)$/gm)) {
      steps.set(step!, { text: text!.replaceAll("\r", ""), status: Number(rc) });
    }
    const logs = ["dockerd.log", "containerd.log", "wharfd.log"].filter((one) => existsSync(join(dir, one)));
    const log = logs.map((one) => readFileSync(join(dir, one), "utf8").split("\n").slice(-20).join("\n")).join("\n");
    return { steps, log: `${stderr}\n${stdout.slice(-1000)}\n${log}` };
  } finally {
    for (const one of [`${group}/buildkit`, group]) removeCgroups(one);
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function checkSteps(
  t: TestContext,
  script: string,
  name: string,
  args: readonly string[],
  expected: Expected,
): Promise<void> {
  const { steps, log } = await run(script, name, args);
  for (const [title, wanted] of Object.entries(expected)) {
    const [text, status] = wanted instanceof RegExp ? [wanted, 0] : wanted;
    await t.test(title, () => {
      const step = steps.get(title);
      assert.ok(step, `the step was not reached:\n${log}`);
      assert.match(step.text, text, `${title} said ${JSON.stringify(step.text)}\n${log}`);
      assert.equal(step.status, status, step.text);
    });
  }
}
