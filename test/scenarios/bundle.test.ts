// The low-level walkthroughs: a root file system out of an image, runt spec, config.json edited by hand, and its whole life.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Spec } from "../../src/common/oci/runtime.ts";
import { execute, type RunOptions } from "../interop/cli/program.ts";
import { BIN, build, Daemon, until } from "../interop/e2e/daemon.ts";
import { uniqueName } from "../support/run.ts";

const HELPER = join(import.meta.dirname, "../interop/cli/terminal.py");

let daemon: Daemon;
let bundle: string;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  bundle = join(daemon.dir, "bundle");
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  const id = await daemon.ok("create", "--network", "none", "busybox");
  await daemon.ok("export", "-o", join(daemon.dir, "rootfs.tar"), id);
  execFileSync("tar", ["-C", join(bundle, "rootfs"), "-xf", join(daemon.dir, "rootfs.tar")]);
});
after(() => daemon[Symbol.asyncDispose]());

const command = (...args: string[]) => [join(BIN, "runt"), "--root", join(daemon.dir, "runt"), ...args];

async function runt(args: string[], options: RunOptions = {}): Promise<string> {
  const { stdout, stderr, code } = await execute(command(...args), { cwd: bundle, ...options });
  assert.equal(code, 0, `runt ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function edit(change: (spec: Spec) => void): void {
  const file = join(bundle, "config.json");
  const spec = JSON.parse(readFileSync(file, "utf8")) as Spec;
  change(spec);
  writeFileSync(file, JSON.stringify(spec));
}

test("quick start: spec, then an interactive shell as process 1 with its own host name", async () => {
  await runt(["spec"]);
  const id = uniqueName("quick");
  const script = [
    ["until", "# "],
    ["type", "hostname; ps\r"],
    ["until", " 1 root"],
    ["type", "exit\r"],
  ];
  const args = ["python3", HELPER, "24", "80", JSON.stringify(script), "sh", "-c", `cd ${bundle} && exec "$@"`, "sh"];
  const { stdout } = await execute([...args, ...command("run", id)]);
  const { output, code } = JSON.parse(stdout) as { output: string; code: number };
  assert.equal(code, 0, output);
  const { hostname } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as Spec;
  assert.match(output, new RegExp(`\\n${hostname}\\r`));
  assert.match(output, /\n +1 root +(\d+:\d+ +)?sh\r/);
  assert.equal((await execute(command("state", id))).code, 1, "nothing is left of it");
});

test("life: run -d, list, state, exec, exec -t, kill, delete", async () => {
  const id = uniqueName("life");
  edit((spec) => {
    spec.process!.args = ["top", "-b"];
    spec.process!.terminal = false;
    spec.hostname = "my-oci-container";
  });
  // its output is its own: it outlives the command, and would hold our pipe
  const detached = await execute(["sh", "-c", '"$@" < /dev/null > /dev/null 2>&1', "sh", ...command("run", "-d", id)], {
    cwd: bundle,
  });
  assert.equal(detached.code, 0);
  assert.match(await runt(["list"]), new RegExp(`^${id} +\\d+ +running +${bundle} `, "m"));
  const state = async () => JSON.parse(await runt(["state", id])) as Record<string, unknown>;
  const { ociVersion, pid, status, bundle: where, rootfs, created } = await state();
  assert.match(String(ociVersion), /^1\./);
  assert.ok(Number(pid) > 0);
  assert.deepEqual([status, where, rootfs], ["running", bundle, join(bundle, "rootfs")]);
  assert.ok(Math.abs(Date.parse(String(created)) - Date.now()) < 60_000);
  assert.equal(await runt(["exec", id, "hostname"]), "my-oci-container\n");
  assert.match(await runt(["exec", id, "ps"]), /top -b/);
  const terminal = await execute(["python3", HELPER, "24", "80", "[]", ...command("exec", "-t", id, "tty")]);
  assert.match((JSON.parse(terminal.stdout) as { output: string }).output, /\/dev\/pts\/\d/);
  assert.equal((await execute(command("delete", id))).code, 1, "it runs");
  await runt(["kill", id, "SIGKILL"]);
  await until("its end", async () => (await state()).status === "stopped");
  await runt(["delete", id]);
  assert.equal((await execute(command("state", id))).code, 1);
  assert.equal(execFileSync("find", ["/sys/fs/cgroup", "-name", id], { encoding: "utf8" }), "");
});
