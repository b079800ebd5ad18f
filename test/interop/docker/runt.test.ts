// runt under a real dockerd: as a runtime that is asked for, as the default one, and with remapped users.
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { uniqueName } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { type Engine, importBusybox, startDockerd } from "../cli/dockerd.ts";
import { Scratch } from "../cli/program.ts";

const BIN = join(ROOT, "dist/bin");
const RUNTIME = ["--add-runtime", `runt=${join(BIN, "runt")}`];
const scratch = new Scratch();
let engine: Engine;

before(async () => {
  engine = await startDockerd(scratch, { flags: [...RUNTIME, "--default-runtime", "runt"], binds: [ROOT] });
  await importBusybox(engine, scratch);
});
after(async () => {
  await engine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

/** docker, which must succeed. */
async function docker(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.docker(args);
  assert.equal(code, 0, `docker ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A container that sleeps, without a network as all of these. */
async function sleeping(...flags: string[]): Promise<string> {
  const name = uniqueName("runt");
  await docker("run", "-d", "--name", name, "--network", "none", ...flags, "busybox", "sleep", "1000");
  return name;
}

test("dockerd takes runt as its default runtime, and knows its version", async () => {
  assert.equal(await docker("info", "--format", "{{.DefaultRuntime}}"), "runt\n");
  assert.match(await docker("info", "--format", "{{json .Runtimes}}"), /"runt":\{"path":"[^"]*dist\/bin\/runt"/);
});

test("run gives output and status on both streams; --runtime runt by name", async () => {
  const { code, stdout, stderr } = await engine.docker([
    ...["run", "--rm", "--network", "none", "--runtime", "runt", "busybox"],
    ...["sh", "-c", "echo out; echo err >&2; exit 7"],
  ]);
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: "out\n", stderr: "err\n" });
});

test("a program that is not there or cannot be executed ends with 127 and 126", async () => {
  const run = (program: string) => engine.docker(["run", "--rm", "--network", "none", "busybox", program]);
  const missing = await run("nosuch");
  assert.equal(missing.code, 127, missing.stderr);
  assert.match(missing.stderr, /"nosuch": executable file not found in \$PATH/);
  const refused = await run("/etc/passwd");
  assert.equal(refused.code, 126, refused.stderr);
  assert.match(refused.stderr, /permission denied/);
});

test("exec, with its status, user, folder and environment", async () => {
  const name = await sleeping();
  const flags = ["-u", "7:8", "-w", "/tmp", "-e", "A=b"];
  const { code, stdout } = await engine.docker([
    "exec",
    ...flags,
    name,
    "sh",
    "-c",
    "echo $(id -u):$(id -g) $PWD $A; exit 5",
  ]);
  assert.deepEqual({ code, stdout }, { code: 5, stdout: "7:8 /tmp b\n" });
});

test("stats, top and update reach the container's cgroup", async () => {
  const name = await sleeping("--memory", "64m");
  assert.match(await docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name), /\/ 64MiB 1\n$/);
  assert.match(await docker("top", name), /sleep 1000/);
  await docker("update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.5", name);
  assert.match(await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", name), /\/ 96MiB\n$/);
});

test("pause and unpause", async () => {
  const name = await sleeping();
  await docker("pause", name);
  assert.equal(await docker("inspect", "--format", "{{.State.Status}}", name), "paused\n");
  await docker("unpause", name);
  assert.equal((await engine.docker(["exec", name, "true"])).code, 0);
});

test("attach carries input in and output out until the end", async () => {
  const name = uniqueName("runt");
  await docker(
    "create",
    "-i",
    "--name",
    name,
    "--network",
    "none",
    "busybox",
    "sh",
    "-c",
    "read line; echo got $line; exit 4",
  );
  await docker("start", name);
  const { code, stdout } = await engine.docker(["attach", name], { input: "words\n" });
  assert.deepEqual({ code, stdout }, { code: 4, stdout: "got words\n" });
});

test("a health check runs by exec, and tells when it changes its mind", async () => {
  const health = ["--health-cmd", "test -e /tmp/well", "--health-interval", "100ms", "--health-retries", "1"];
  const name = await sleeping(...health);
  const state = async () => (await docker("inspect", "--format", "{{.State.Health.Status}}", name)).trim();
  await until("unhealthy", async () => (await state()) === "unhealthy");
  await docker("exec", name, "touch", "/tmp/well");
  await until("healthy", async () => (await state()) === "healthy");
});

test("--privileged gives all capabilities and devices, without it there are few", async () => {
  const look = [
    "busybox",
    "sh",
    "-c",
    "grep CapEff /proc/self/status | cut -f 2; test -e /dev/kmsg && echo devices; :",
  ];
  const all = (await docker("run", "--rm", "--network", "none", "--privileged", ...look)).split("\n");
  const few = (await docker("run", "--rm", "--network", "none", ...look)).split("\n");
  assert.equal(all[1], "devices");
  assert.equal(few[0], "00000000a80425fb");
  assert.equal(few[1], "");
  assert.ok(BigInt(`0x${all[0]}`) > BigInt(`0x${few[0]}`));
});

test("stop and kill: the program's own handler, and the end of all", async () => {
  const name = uniqueName("runt");
  const script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done";
  await docker("run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", script);
  await until("its handler", async () => (await docker("logs", name)) === "up\n");
  await docker("stop", "-t", "60", name);
  const code = () => docker("inspect", "--format", "{{.State.ExitCode}}", name);
  assert.equal(await code(), "9\n");
  await docker("start", name);
  await docker("kill", name);
  assert.equal(await docker("wait", name), "137\n");
});

test("--userns-remap: root of the container is a user without rights on the host", async () => {
  using folder = new Scratch();
  chmodSync(folder.dir, 0o755);
  writeFileSync(folder.path("subids"), "daemon:100000:65536\n");
  const mount = (file: string) => `mount --bind ${folder.path("subids")} /etc/${file}`;
  const remapped = await startDockerd(folder, {
    flags: [...RUNTIME, "--default-runtime", "runt", "--userns-remap", "daemon"],
    binds: [ROOT],
    prepare: ["subuid", "subgid"].map(mount).join("\n"),
  });
  try {
    await importBusybox(remapped, folder);
    const look = ["sh", "-c", "id -u; cat /proc/self/uid_map; touch /made && stat -c %u /made"];
    const { code, stdout, stderr } = await remapped.docker(["run", "--rm", "--network", "none", "busybox", ...look]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^0\n\s+0\s+100000\s+65536\n0\n$/);
  } finally {
    await remapped[Symbol.asyncDispose]();
  }
});
