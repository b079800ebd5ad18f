// The CLI on our own daemon, which it starts itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { engineTests } from "./engine.ts";
import { goldenTests } from "./golden.ts";
import { mistakeTests } from "./mistakes.ts";
import { execute, Scratch, wharfProgram } from "./program.ts";

const BIN = join(ROOT, "dist/bin");

const scratch = new Scratch();
/** Below this cgroup the containers live, so that nothing of theirs stays anywhere else. */
const CGROUP = `${runMark()}-cli-${process.pid}`;
const env = {
  WHARF_ROOT: scratch.path("root"),
  WHARF_STATE: scratch.path("state"),
  WHARF_CONFIG: scratch.path("config.toml"),
  WHARFD: join(BIN, "wharfd"),
  PATH: `${BIN}:${process.env.PATH}`,
};
let wharf = "";

before(async () => {
  wharf = await wharfProgram(scratch);
  const started = await execute([wharf, "daemon", "start", "--option", `--cgroup-parent=/${CGROUP}`], { env });
  assert.equal(started.code, 0, started.stderr);
  // The first start makes busybox:latest, in its own time.
  await until("busybox", async () => (await execute([wharf, "images", "-q", "busybox"], { env })).stdout !== "");
});
after(async () => {
  const { stdout } = await execute([wharf, "ps", "-aq"], { env });
  const ids = stdout.split("\n").filter(Boolean);
  if (ids.length > 0) await execute([wharf, "rm", "-f", ...ids], { env });
  await execute([wharf, "daemon", "stop"], { env });
  removeCgroups(CGROUP);
  scratch[Symbol.dispose]();
});

engineTests(() => ({ wharf, socket: join(env.WHARF_STATE, "docker.sock"), scratch }));
mistakeTests(() => ({ wharf, socket: join(env.WHARF_STATE, "docker.sock"), scratch }));
goldenTests(() => ({ wharf, socket: join(env.WHARF_STATE, "docker.sock"), scratch }));

test("run --trace prints one tree from the CLI to the daemon", async () => {
  const { stdout, stderr, code } = await execute(
    [wharf, "run", "--rm", "--trace", "--network", "none", "busybox", "echo", "hi"],
    { env },
  );
  assert.deepEqual([stdout, code], ["hi\n", 0]);
  assert.match(stderr, /^trace [0-9a-f]{32}\nservice +span +start +duration\nwharf +wharf run /);
  assert.match(stderr, /^wharf +├ create .*\nwharfd +│ └ POST \/containers\/create /m);
  assert.match(stderr, /^wharfd +│ {3}[├└] create task /m);
  assert.match(stderr, /^runt +[│ ]+└ execve: it becomes "echo" /m);
  assert.match(stderr, /^runt +\d[\d.]* ms {2}the runtime, step by step in the kernel$/m);
});

test("doctor finds this host fit, and the daemon", async () => {
  const { stdout, code } = await execute([join(BIN, "wharf"), "doctor"], { env });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^✓ programs +in /m);
  assert.match(stdout, /^✓ daemon +answers, version /m);
});
