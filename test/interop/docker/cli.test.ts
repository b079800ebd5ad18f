// The real docker CLI on our socket: what people type every day.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { commandLine } from "./command-line.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

/** Expected to succeed; the standard output without the last newline. */
const { ok } = commandLine(() => daemon);

const run = (...args: string[]) => daemon.docker(["run", "--rm", "--network", "none", ...args]);

test("docker version and info speak of us", async () => {
  const version = await ok(
    "version",
    "--format",
    "{{.Server.Version}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}}",
  );
  assert.match(version, /^28\.\d+\.\d+ 1\.51 1\.24$/);
  const info = await ok("info", "--format", "{{.Driver}} {{.DefaultRuntime}} {{.OSType}} {{.DockerRootDir}}");
  assert.equal(info, `overlayfs runt linux ${daemon.root}`);
});

test("docker run: output, error output, input, exit codes", async () => {
  assert.deepEqual(await run("busybox", "echo", "hello"), { stdout: "hello\n", stderr: "", code: 0 });
  const both = await run("busybox", "sh", "-c", "echo out; echo err >&2; exit 3");
  assert.deepEqual(both, { stdout: "out\n", stderr: "err\n", code: 3 });
  const piped = await daemon.docker(["run", "--rm", "-i", "--network", "none", "busybox", "cat"], { input: "piped\n" });
  assert.deepEqual(piped, { stdout: "piped\n", stderr: "", code: 0 });
  const missing = await run("busybox", "nosuch");
  assert.equal(missing.code, 127);
  assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  const directory = await run("busybox", "/etc");
  assert.equal(directory.code, 126);
  assert.equal((await run("nosuchimage:1", "true")).code, 125);
  await daemon.clean();
});

test("docker run twenty times loses no output", async () => {
  for (let at = 0; at < 20; at++) assert.equal((await run("busybox", "echo", String(at))).stdout, `${at}\n`);
  await daemon.clean();
});

test("docker run with flags: -e -w -u -v --memory --cpus --hostname --read-only --entrypoint --tmpfs", async () => {
  const folder = join(daemon.dir, "bound");
  mkdirSync(folder);
  writeFileSync(join(folder, "file"), "bound\n");
  const { stdout, stderr } = await run(
    ...["-e", "A=b", "-w", "/tmp", "-u", "nobody", "-v", `${folder}:/x:ro`, "--memory", "64m", "--cpus", "0.5"],
    ...["--hostname", "hh", "--read-only", "--entrypoint", "sh", "--tmpfs", "/t:size=1m", "busybox", "-c"],
    "echo $A; pwd; id -un; cat /x/file; hostname; (echo > /no) 2>&1 | tail -c 22; df -k /t | tail -1 | awk '{print $2}'; echo > /x/n",
  );
  assert.equal(stdout, "b\n/tmp\nnobody\nbound\nhh\nRead-only file system\n1024\n");
  assert.match(stderr, /Read-only file system/);
  await daemon.clean();
});

test("docker run -d, ps, logs, exec, stop, start, rm", async () => {
  const id = await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "d1",
    "--label",
    "k=v",
    "--stop-timeout",
    "1000",
    "busybox",
    "sh",
    "-c",
    "while :; do echo tick; sleep 0.1; done",
  );
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(
    await ok("ps", "--format", "{{.Names}} {{.Image}} {{.State}}", "--filter", "label=k=v"),
    "d1 busybox running",
  );
  assert.equal(await ok("ps", "-q", "--no-trunc", "--filter", "name=^d1$", "--filter", "status=exited"), "");
  await until("two ticks", async () => (await ok("logs", "d1")).split("\n").length >= 2);
  assert.equal(await ok("logs", "--tail", "1", "d1"), "tick");
  assert.match(await ok("logs", "--tail", "1", "-t", "d1"), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z tick$/);
  assert.equal(await ok("exec", "-e", "X=1", "-w", "/etc", "d1", "sh", "-c", "echo $X; pwd"), "1\n/etc");
  assert.equal((await daemon.docker(["exec", "d1", "sh", "-c", "exit 7"])).code, 7);
  const missing = await daemon.docker(["exec", "d1", "nosuch"]);
  assert.deepEqual([missing.code, /executable file not found/.test(missing.stdout + missing.stderr)], [127, true]);
  assert.equal((await daemon.docker(["exec", "-i", "d1", "cat"], { input: "in" })).stdout, "in");
  const running = await daemon.docker(["rm", "d1"]);
  assert.match(
    running.stderr,
    /cannot remove container "d1": container is running: stop the container before removing or force remove/,
  );
  await ok("stop", "-t", "1", "d1");
  assert.equal(await ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}", "d1"), "exited 137 0");
  await ok("start", "d1");
  assert.equal(await ok("inspect", "-f", "{{.State.Running}}", "d1"), "true");
  await ok("kill", "-s", "KILL", "d1");
  assert.equal(await ok("wait", "d1"), "137");
  assert.equal(await ok("rm", "d1"), "d1");
  assert.equal((await daemon.docker(["container", "inspect", "d1"])).code, 1);
  await daemon.clean();
});

test("docker logs -f ends with the container and has every line, over rotations", async () => {
  const flags = ["--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "rot",
    ...flags,
    "busybox",
    "sh",
    "-c",
    // what is rotated away before anybody has read it is lost: the next hundreds wait for their reader
    "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; [ $((i % 300)) = 0 ] && until [ -e /seen.$i ]; do sleep 0.02; done; done",
  );
  let seen = "";
  const following = daemon.docker(["logs", "-f", "rot"], {
    started: (child) => child.stdout!.on("data", (chunk: Buffer) => (seen += chunk)),
  });
  for (let i = 300; i <= 3000; i += 300) {
    await until(`line ${i}`, () => seen.includes(`line ${i}\n`));
    await daemon.ok("exec", "rot", "touch", `/seen.${i}`);
  }
  const { stdout } = await following;
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 3000);
  assert.ok(lines.every((line, at) => line === `line ${at + 1}`));
  await ok("rm", "rot");
  await daemon.clean();
});

test("docker create, start -a, attach, export, restart policy", async () => {
  await ok("create", "--network", "none", "--name", "c1", "busybox", "echo", "from start");
  assert.equal(await ok("start", "-a", "c1"), "from start");
  assert.equal(await ok("start", "-a", "c1"), "from start");
  const tar = await daemon.docker(["export", "-o", join(daemon.dir, "c1.tar"), "c1"]);
  assert.equal(tar.code, 0, tar.stderr);
  await ok("rm", "c1");
  await ok("run", "-d", "--network", "none", "--name", "again", "--restart", "on-failure:2", "busybox", "false");
  await until(
    "two restarts",
    async () => (await ok("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again")) === "2 exited",
  );
  await ok("rm", "again");
  await daemon.clean();
});

test("docker events tells of a container's life", async () => {
  const since = String(Math.floor(Date.now() / 1000) - 1);
  await ok("run", "--rm", "--network", "none", "--name", "ev", "busybox", "true");
  // the last one comes behind the back of who waits
  const actions = await until("the removal", async () => {
    const upTo = String(Math.floor(Date.now() / 1000) + 1);
    const flags = ["--since", since, "--until", upTo, "--filter", "container=ev", "--format", "{{.Action}}"];
    const all = (await ok("events", ...flags)).split("\n");
    return all.includes("destroy") ? all : undefined;
  });
  assert.deepEqual(actions, ["create", "attach", "start", "die", "destroy"]);
});

test("docker rmi names the container in the way; conflicts of names are told in Docker's words", async () => {
  await ok("create", "--network", "none", "--name", "holder", "busybox", "true");
  const refused = await daemon.docker(["rmi", "busybox"]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /conflict: unable to remove repository reference "busybox" \(must force\) - container [0-9a-f]{12} is using/,
  );
  const taken = await daemon.docker(["create", "--network", "none", "--name", "holder", "busybox"]);
  assert.match(
    taken.stderr,
    /Conflict\. The container name "\/holder" is already in use by container "[0-9a-f]{64}"\./,
  );
  await ok("rm", "holder");
});

test("the client's signals reach the container without a terminal", async () => {
  const script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
  const command = [
    "enter",
    "--bind",
    daemon.dir,
    "docker",
    "-H",
    `unix://${daemon.socket}`,
    "run",
    "--rm",
    "--network",
    "none",
    "busybox",
    "sh",
    "-c",
    script,
  ];
  const child = spawn(join(ROOT, "tools/peers"), command, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await until("ready", () => output.includes("ready"));
  child.kill("SIGTERM");
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.deepEqual([output, code], ["ready\ngot it\n", 9]);
  await daemon.clean();
});

test("kill -9 of the daemon: containers go on, no line of the log and no exit code is lost", async () => {
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "on",
    "busybox",
    "sh",
    "-c",
    "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done",
  );
  const told = join(daemon.dir, "told");
  mkdirSync(told);
  const flags = ["--network", "none", "-v", `${told}:/told`, "busybox", "sh", "-c"];
  const waits = "until [ -e /told/end ]; do sleep 0.05; done; exit 9";
  await ok("run", "-d", "--name", "ends", ...flags, waits);
  await ok("run", "-d", "--rm", "--name", "vanishes", ...flags, waits);
  const pids = (await ok("inspect", "-f", "{{.State.Pid}}", "ends", "vanishes")).split("\n");
  await daemon.end("SIGKILL");
  writeFileSync(join(told, "end"), "");
  await until("the end of both", () => !pids.some((pid) => existsSync(`/proc/${pid}`)));
  await daemon.start();
  assert.equal(await ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ends"), "exited 9");
  await until("the end of --rm", async () => (await daemon.docker(["inspect", "vanishes"])).code === 1);
  assert.equal(await ok("exec", "on", "echo", "alive"), "alive");
  const lines = await until("some lines", async () => {
    const all = (await ok("logs", "on")).split("\n");
    return all.length > 30 ? all : undefined;
  });
  assert.ok(
    lines.every((line, at) => line === String(at + 1)),
    lines.slice(0, 5).join(),
  );
  await ok("rm", "-f", "on", "ends");
  await daemon.clean();
});
