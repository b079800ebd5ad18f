// time-out: 3600 s
// kill -9 of the daemon at every step of pull, create, start, exec, end and removal, and of a sandbox's life, with the real agent, shim and runt: what was
// acknowledged is there, what was not can be done again, and nothing is left.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { file, tar } from "../../kernel/layer/support.ts";
import { execute, type Result } from "../cli/program.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { killAtEach, PATIENCE, type Road, type Way, walkSteps } from "./crash.ts";
import { BIN, build, Daemon } from "./daemon.ts";
import { busyboxTar, makeLayout, push } from "./layouts.ts";
import type { Heard } from "./listener.ts";

/** Points that the road must pass, or the test would prove little. */
const NEEDED = [
  "content.published",
  "content.recorded",
  "snapshot.created",
  "snapshot.removed",
  "task.inserted",
  "task.bundle-created",
  "task.shim-started",
  "task.created",
  "task.started",
  "container.answered",
  "exec.added",
  "exec.started",
  "exec.deleted",
  "task.deleted",
  "task.bundle-removed",
  "sandbox.inserted",
  "sandbox.shim-started",
  "sandbox.created",
  "sandbox.started",
  "sandbox.stopped",
  "sandbox.emptied",
  "sandbox.shut-down",
  "sandbox.bundle-removed",
  "gc.swept",
  "trash.deleted",
];

let registry: RegistryProcess;
let image: string;

before(async () => {
  build();
  registry = await startRegistry();
  await using daemon = Daemon.prepare();
  const base = busyboxTar(join(daemon.dir, "base"));
  const more = tar(file("more", "", { data: Buffer.alloc(300_000, 5) }));
  image = `${registry.host}/test/crash:v1`;
  await push(makeLayout(join(daemon.dir, "layout"), { layers: [{ tar: base }, { tar: more, as: "zstd" }] }), image);
});
after(() => registry[Symbol.asyncDispose]());

const SCRIPT = "echo started; until test -e /go; do sleep 0.02; done; echo ended; exit 3";
/** Lets the container end, and may be killed with it. */
const GO = ["exec", "road", "sh", "-c", "touch /go"];

/** Steps in their order: the command line, the exit codes when all goes well, and whether it is ctr's. */
const STEPS: [step: string, args: string[], codes?: number[], ctr?: boolean][] = [
  ["pulled", ["pull", "-q", "IMAGE"]],
  ["created", ["create", "--name", "road", "--network", "none", "IMAGE", "sh", "-c", SCRIPT]],
  ["started", ["start", "road"]],
  ["executed", ["exec", "road", "sh", "-c", "echo inside; exit 7"], [7]],
  ["let go", GO, [0, 137]],
  ["waited", ["wait", "road"]],
  ["removed", ["rm", "road"]],
  ["pod ran", ["sandboxes", "run", "--runtime", "io.containerd.runt.v2", "POD", "pod"], [0], true],
  ["pod removed", ["sandboxes", "rm", "pod"], [0], true],
  ["untagged", ["rmi", "IMAGE"]],
];
const ALL_STEPS = STEPS.map(([step]) => step);

/** Our ctr on the daemon's containerd socket. */
function ctr(daemon: Daemon, args: readonly string[]): Promise<Result> {
  return execute([join(BIN, "ctr"), "-a", join(daemon.state, "containerd.sock"), ...args], { timeoutMs: PATIENCE });
}

function podFile(daemon: Daemon): string {
  const path = join(daemon.dir, "pod.json");
  const namespaces = ["ipc", "uts"].map((type) => ({ type }));
  writeFileSync(path, JSON.stringify({ ociVersion: "1.1.0", hostname: "pod", linux: { namespaces } }));
  return path;
}

/**
 * Events of each step. A client that listens has them by the daemon's death, or hears of them soon after the next start: those of a shim, which keeps
 * what the daemon has not taken.
 */
const EVENTS: Readonly<Record<string, Heard[]>> = {
  created: ["/snapshot/prepare ID", "/containers/create ID"],
  started: ["/tasks/create ID", "/tasks/start ID"],
  executed: ["/tasks/exec-added ID exec", "/tasks/exec-started ID exec", "/tasks/exit ID exec"],
  waited: ["/tasks/exit ID"],
  removed: ["/tasks/delete ID", "/containers/delete ID", "/snapshot/remove ID"],
};

/** What was acknowledged has been heard of. */
function events({ done, id }: Way): Heard[] {
  return done.flatMap((step) => EVENTS[step] ?? []).map((one) => one.replace("ID", id));
}

/** What a user does; each step may fail, since the daemon may be killed in it. */
async function walk(daemon: Daemon, fault?: (text: string) => void): Promise<Way> {
  let id = "";
  const words: Record<string, string> = { IMAGE: image, POD: podFile(daemon) };
  const steps = STEPS.map(([step, template, codes = [0], ofCtr = false]) => {
    const args = template.map((word) => words[word] ?? word);
    const run = () => (ofCtr ? ctr(daemon, args) : daemon.wharf(args, { timeoutMs: PATIENCE }));
    return [step, run, codes] as const;
  });
  const done = await walkSteps(steps, fault, (step, stdout) => {
    if (step === "executed") assert.equal(stdout, "inside\n");
    if (step === "created") id = stdout.trim();
  });
  return { done, id };
}

/** What must be true after a crash, whatever was going on. */
async function check(daemon: Daemon, { done }: Way): Promise<void> {
  const has = (step: string) => done.includes(step);
  const inspect = async (format: string, name: string) => {
    const { stdout, code } = await daemon.wharf(["inspect", "-f", format, name]);
    return code === 0 ? stdout.trim() : undefined;
  };
  if (has("pulled") && !has("removed")) assert.equal(await inspect("{{.Os}}", image), "linux");
  if (has("untagged")) assert.equal(await inspect("{{.Os}}", image), undefined);
  if (has("removed")) assert.equal(await inspect("{{.State.Status}}", "road"), undefined);
  else if (has("created")) {
    const state = await inspect("{{.State.Status}}", "road");
    // its removal may have been under way, in which case it is gone or goes on request
    if (!has("waited")) assert.ok(state, "an acknowledged container is there");
    if (has("started") && state !== undefined) {
      // an exec of a daemon that is gone has done its work, or not
      if (state === "running") await daemon.wharf(GO);
      assert.equal(await daemon.ok("wait", "road"), "3");
      assert.equal(await daemon.ok("logs", "road"), "started\nended");
    } else if (state === "running") {
      await daemon.wharf(GO);
      assert.equal(await daemon.ok("wait", "road"), "3");
    }
  }
  await checkPod(daemon, done);
  await daemon.wharf(["rm", "-f", "road"]);
}

/** An acknowledged sandbox is there, one that was removed is not, and what is between goes on request. */
async function checkPod(daemon: Daemon, done: readonly string[]): Promise<void> {
  const { stdout } = await ctr(daemon, ["sandboxes", "ls"]);
  const listed = /^pod\s/m.test(stdout);
  if (done.includes("pod removed")) assert.ok(!listed, "a removed sandbox is gone");
  else if (listed) {
    const { code, stderr } = await ctr(daemon, ["sandboxes", "rm", "-f", "pod"]);
    if (code !== 0) assert.fail(`the sandbox is not removed: ${stderr}`);
  }
  assert.doesNotMatch((await ctr(daemon, ["sandboxes", "ls"])).stdout, /^pod\s/m);
}

const chosen = /^(?!agent\.|ttrpc\.before)/;
const ROAD: Road = { steps: ALL_STEPS, needed: NEEDED, chosen, walk, check, events };

test("kill -9 at each step: nothing acknowledged is lost, all can be done again, nothing is left", (t) =>
  killAtEach(t, ROAD));
