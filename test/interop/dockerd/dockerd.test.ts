// time-out: 240 s
// A real dockerd with wharfd in containerd's place: both ways to store images, live-restore across kill -9 of either daemon.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";
import { execute } from "../cli/program.ts";
import { BIN, build } from "../e2e/daemon.ts";

const SCRIPT = join(import.meta.dirname, "dockerd.sh");

interface Step {
  text: string;
  status: number;
}

async function run(mode: "graph" | "store"): Promise<{ steps: Map<string, Step>; log: string }> {
  const dir = mkdtempSync(join(tmpdir(), "dd-"));
  const group = `${runMark()}-dockerd-${mode}`;
  const binds = [dir, ROOT].flatMap((path) => ["--bind", path]);
  try {
    const command = [join(ROOT, "tools/peers"), "enter", ...binds, "--net", "sh", SCRIPT, dir, BIN, mode, group];
    const { stdout, stderr } = await execute(command, { timeoutMs: 200_000 });
    const steps = new Map<string, Step>();
    for (const [, name, text, rc] of stdout.matchAll(/^== (\S+)\n([\s\S]*?)^rc (\d+)$/gm)) {
      steps.set(name!, { text: text!.replaceAll("\r", ""), status: Number(rc) });
    }
    const logs = ["dockerd.log", "wharfd.log"].filter((name) => existsSync(join(dir, name)));
    const log = logs.map((name) => readFileSync(join(dir, name), "utf8").split("\n").slice(-20).join("\n")).join("\n");
    return { steps, log: `${stderr}\n${stdout.slice(-1000)}\n${log}` };
  } finally {
    for (const name of [`${group}/buildkit`, group]) removeCgroups(name);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What each step says, and how it ends: 0 unless told. */
const EXPECTED: Readonly<Record<string, RegExp | readonly [RegExp, number]>> = {
  import: /^sha256:/,
  run: /^hello\n$/,
  status: [/^err\n$/, 7],
  stdin: /^data\n$/,
  terminal: /^\/dev\/pts\/\d+\n$/,
  detached: /^[0-9a-f]{64}\n$/,
  exec: [/^in exec\n$/, 5],
  pause: /^c1\n$/,
  unpause: /^c1\n$/,
  update: /^c1\n$/,
  top: /trap "exit 3" TERM/,
  stats: /^c1 [12]\n$/,
  logs: /^line 1\nline 2\n$/,
  restored: /^c1 running\n$/,
  "exec-restored": /^again\n$/,
  "exec-after": /^after\n$/,
  restart: /^c1\n$/,
  restarted: /^c1 running\n$/,
  stop: /^c1\n$/,
  stopped: /^exited 3 0\n$/,
  start: /^c1\n$/,
  kill: /^c1\n$/,
  killed: /^137\n$/,
  remove: /^c1\n$/,
  oom: [/^/, 137],
  oomed: /^true\n$/,
  health: /^healthy\nhc\n$/,
  build: /^built\ncopied\n$/,
  saved: /more\n$/,
  prune: /^$/,
  images: /^$/,
  containers: /^$/,
  left: /^$/,
  tasks: [/^$/, 1],
};

build();
for (const mode of ["graph", "store"] as const) {
  const what = mode === "graph" ? "its own overlay2 driver" : "our content store and overlayfs snapshotter";
  test(`dockerd on wharfd with ${what}`, async (t) => {
    const { steps, log } = await run(mode);
    for (const [name, expected] of Object.entries(EXPECTED)) {
      const [text, status] = expected instanceof RegExp ? [expected, 0] : expected;
      await t.test(name, () => {
        const step = steps.get(name);
        assert.ok(step, `the step was not reached:\n${log}`);
        assert.match(step.text, text, log);
        assert.equal(step.status, status, step.text);
      });
    }
  });
}
