// Containers with restart labels, made by the original ctr: what ends is started again by its policy, also after the daemon was killed.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Ctr } from "./ctr.ts";

const IMAGE = "docker.io/library/busybox:latest";
const LONG = 60_000;
const restart = (name: string, value: string) => ["--label", `containerd.io/restart.${name}=${value}`];
let daemon: Daemon;
let ctr: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start({ config: 'restart-interval = "300ms"\n' });
  await daemon.busybox();
  ctr = new Ctr(daemon, { namespace: "moby", own: true });
});
after(async () => {
  const { stdout = "" } = (await ctr?.run(["containers", "ls", "-q"])) ?? {};
  const names = stdout.split("\n").filter(Boolean);
  // Nobody is to start one again meanwhile; the end of the daemon waits for those that are being started.
  for (const name of names) await ctr.run(["containers", "label", name, "containerd.io/restart.status="]);
  if (names.length > 0) await daemon.restart("SIGTERM");
  for (const name of names) {
    await ctr.run(["tasks", "rm", "-f", name]);
    await ctr.run(["containers", "rm", name]);
  }
  await daemon?.[Symbol.asyncDispose]();
  removeCgroups("moby");
});

/** Runs one that is to be kept running; that is said when it runs: who looks between its creation and its start would start it himself. */
async function keep(name: string, labels: readonly string[], ...command: string[]): Promise<void> {
  const real = new Ctr(daemon, { namespace: "moby" });
  await real.ok("run", "-d", "--null-io", "--fifo-dir", real.fifos, ...labels, IMAGE, name, ...command);
  await real.ok("containers", "label", name, "containerd.io/restart.status=running");
}

async function task(name: string): Promise<{ pid: number; status: string } | undefined> {
  const [, pid, status] = new RegExp(`^${name} +(\\d+) +(\\w+)`, "m").exec(await ctr.ok("tasks", "ls")) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), status: status! };
}

async function label(name: string, key: string): Promise<string | undefined> {
  const { Labels } = JSON.parse(await ctr.ok("containers", "info", name)) as { Labels: Record<string, string> };
  return Labels[`containerd.io/restart.${key}`];
}

/** Resolves when it runs as another process than before. */
async function startedAgain(name: string, before: number): Promise<number> {
  const again = async () => {
    const { pid, status } = (await task(name)) ?? { pid: 0, status: "" };
    return pid !== before && status === "RUNNING" ? pid : undefined;
  };
  return until(`${name} to run again`, again, LONG);
}

/** Ends the task, and waits until another container was started again: so often has everybody been looked at. */
async function looks(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const { pid } = (await task("clock"))!;
    process.kill(pid, "SIGKILL");
    await startedAgain("clock", pid);
  }
}

test("always: what was killed runs again, counted, with its output in the log", async () => {
  const log = join(daemon.dir, "kept.log");
  writeFileSync(log, "");
  await keep(
    "clock",
    [...restart("policy", "always"), ...restart("loguri", `file://${log}`)],
    "sh",
    "-c",
    "echo up; sleep 1000",
  );
  const { pid } = (await task("clock"))!;
  process.kill(pid, "SIGKILL");
  await startedAgain("clock", pid);
  assert.equal(await label("clock", "count"), "1");
  await until("its output", () => readFileSync(log, "utf8") === "up\n", LONG);
});

test("no, and unless-stopped once it was stopped by hand: stays as it is", async () => {
  await keep("never", restart("policy", "no"), "true");
  await keep("byhand", [...restart("policy", "unless-stopped"), ...restart("explicitly-stopped", "true")], "false");
  await keep("unless", restart("policy", "unless-stopped"), "true");
  await until("unless-stopped to begin again", async () => Number(await label("unless", "count")) >= 1, LONG);
  await looks();
  for (const name of ["never", "byhand"]) {
    assert.deepEqual([(await task(name))?.status, await label(name, "count")], ["STOPPED", undefined], name);
  }
});

test("on-failure: as often as allowed, and not after a success", async () => {
  await keep("fails", restart("policy", "on-failure:2"), "sh", "-c", "exit 3");
  await keep("succeeds", restart("policy", "on-failure"), "true");
  await until("two attempts", async () => (await label("fails", "count")) === "2", LONG);
  await looks();
  assert.equal(await label("fails", "count"), "2");
  assert.equal((await task("fails"))?.status, "STOPPED");
  assert.equal(await label("succeeds", "count"), undefined);
});

test("one that is to be stopped is, and one that is paused stays so", async () => {
  await keep("ends", [], "sleep", "1000");
  await keep("pauses", [], "sleep", "1000");
  await ctr.ok("tasks", "pause", "pauses");
  await ctr.ok("containers", "label", "ends", "containerd.io/restart.status=stopped");
  await until("its task to go", async () => (await task("ends")) === undefined, LONG);
  await looks();
  assert.equal((await task("pauses"))?.status, "PAUSED");
});

test("a container without a task gets one, after the daemon was killed as well", async () => {
  assert.match(await ctr.ok("plugins", "ls", "id==restart"), /io\.containerd\.monitor\.container\.v1 +restart/);
  await ctr.ok("containers", "create", ...restart("status", "running"), IMAGE, "late", "sleep", "1000");
  const pid = await startedAgain("late", 0);
  const before = await task("clock");
  await daemon.end("SIGKILL");
  process.kill(pid, "SIGKILL");
  await daemon.start();
  await startedAgain("late", pid);
  assert.deepEqual(await task("clock"), before);
});
