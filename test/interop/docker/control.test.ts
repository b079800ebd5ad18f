// The real docker CLI on our socket: what is done with containers that are there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { commandLine } from "./command-line.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const { ok, refused } = commandLine(() => daemon);

const start = (name: string, ...flags: string[]) =>
  ok("run", "-d", "--network", "none", "--name", name, ...flags, "busybox", "sleep", "1000");

test("docker pause and unpause; a paused container can be killed, stopped and removed", async () => {
  await start("p1");
  await ok("pause", "p1");
  assert.equal(await ok("inspect", "-f", "{{.State.Status}} {{.State.Paused}}", "p1"), "paused true");
  await refused(/already paused/, "pause", "p1");
  await ok("unpause", "p1");
  await refused(/is not paused/, "unpause", "p1");
  assert.equal(await ok("exec", "p1", "echo", "alive"), "alive");
  await ok("pause", "p1");
  await ok("kill", "p1");
  assert.equal(await ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "p1"), "exited 137");
  await refused(/is not running/, "pause", "p1");
  await ok("start", "p1");
  await ok("pause", "p1");
  await ok("stop", "-t", "1", "p1");
  await ok("start", "p1");
  await ok("pause", "p1");
  await ok("rm", "-f", "p1");
  await daemon.clean();
});

test("docker rename", async () => {
  const id = await start("r1");
  await ok("create", "--network", "none", "--name", "r3", "busybox");
  await ok("rename", "r1", "r2");
  assert.equal(await ok("inspect", "-f", "{{.Name}}", id), "/r2");
  await refused(/No such container: r1|no such object/i, "inspect", "r1");
  await refused(/already in use/, "rename", "r2", "r3");
  await refused(/same name/, "rename", "r2", "r2");
  await refused(/Invalid container name/, "rename", "r2", "x y");
  await refused(/Invalid container name \(x\).*; a name has two characters at least/, "rename", "r2", "x");
  await daemon.restart();
  assert.equal(await ok("inspect", "-f", "{{.Name}}", id), "/r2");
  await ok("run", "--rm", "--network", "none", "--name", "r1", "busybox", "true");
  await ok("rm", "-f", "r2", "r3");
  await daemon.clean();
});

test("docker update changes limits of a running container and keeps them", async () => {
  await start("u1", "--memory", "64m");
  await ok("update", "--cpus", "0.5", "--memory", "96m", "--memory-swap", "192m", "--pids-limit", "50", "u1");
  const format = "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}";
  assert.equal(await ok("inspect", "-f", format, "u1"), "500000000 100663296 50");
  const limit = await ok("stats", "--no-stream", "--format", "{{.MemUsage}}", "u1");
  assert.match(limit, /\/ 96MiB$/);
  await refused(/memoryswap/, "update", "--memory", "1g", "u1");
  await refused(/Minimum memory limit/, "update", "--memory", "1m", "u1");
  await ok("update", "--restart", "on-failure:3", "u1");
  assert.equal(
    await ok("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "u1"),
    '{"Name":"on-failure","MaximumRetryCount":3}',
  );
  await ok("stop", "-t", "0", "u1");
  await ok("start", "u1");
  assert.match(await ok("stats", "--no-stream", "--format", "{{.MemUsage}}", "u1"), /\/ 96MiB$/);
  await ok("rm", "-f", "u1");
  await daemon.clean();
});

test("docker top shows the container's processes alone", async () => {
  await ok("run", "-d", "--network", "none", "--name", "t1", "busybox", "sh", "-c", "sleep 1001 & sleep 1002; true");
  const lines = await until("both", async () => {
    const text = await ok("top", "t1");
    return text.includes("sleep 1001") && text.includes("sleep 1002") && text.split("\n");
  });
  assert.equal(lines.length, 4, lines.join("\n"));
  assert.match(lines[0]!, /^UID\s+PID\s+PPID/);
  const pids = (await ok("top", "t1", "-eo", "pid,comm")).split("\n");
  assert.deepEqual(
    pids
      .slice(1)
      .map((line) => line.split(/\s+/)[1])
      .sort(),
    ["sh", "sleep", "sleep"],
  );
  await refused(/PID/, "top", "t1", "-eo", "comm");
  await ok("rm", "-f", "t1");
  await refused(/No such container/, "top", "t1");
  await daemon.clean();
});

test("docker stats: once, of a stopped one, and its JSON", async () => {
  await ok("run", "-d", "--network", "none", "--name", "s1", "busybox", "sh", "-c", "while :; do :; done");
  const [cpu, pids] = (await ok("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.PIDs}}", "s1")).split(" ");
  assert.ok(Number.parseFloat(cpu!) > 0, `CPU ${cpu}`);
  assert.equal(pids, "1");
  const get = async (query: string) => {
    const response = await fetchUnix(`/containers/s1/stats?${query}`);
    return JSON.parse(response) as Record<string, Record<string, Record<string, number>>>;
  };
  const once = await get("stream=0&one-shot=1");
  assert.equal(once.precpu_stats!.cpu_usage!.total_usage, 0);
  const two = await get("stream=0");
  const grown = two.cpu_stats!.cpu_usage!.total_usage! - two.precpu_stats!.cpu_usage!.total_usage!;
  const [read, preread] = [two.read, two.preread].map((time) => Date.parse(String(time)) * 1e6) as [number, number];
  // one busy loop: as much time as there was at most, however much of it a busy machine gave
  assert.ok(grown > 0 && grown < (read - preread) * 1.5 + 1e8, `${grown} ns of CPU in ${read - preread} ns`);
  await ok("stop", "-t", "0", "s1");
  assert.match(await ok("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}}", "s1"), /^0\.00% 0B \/ 0B$/);
  await ok("rm", "s1");
  await daemon.clean();
});

test("docker container prune removes what does not run and says what that gave", async () => {
  await start("k1");
  await ok("run", "--network", "none", "--name", "k2", "--label", "keep=1", "busybox", "true");
  const gone = await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "k3",
    "busybox",
    "sh",
    "-c",
    "head -c 100000 /dev/zero > /f",
  );
  await ok("wait", "k3");
  const answer = await ok("container", "prune", "-f", "--filter", "label!=keep=1");
  assert.ok(answer.includes(gone), answer);
  assert.match(answer, /Total reclaimed space: 1\d\d(\.\d+)?kB/);
  assert.deepEqual((await ok("ps", "-a", "--format", "{{.Names}}")).split("\n").sort(), ["k1", "k2"]);
  await ok("container", "prune", "-f", "--filter", "until=10m");
  assert.equal((await ok("ps", "-aq")).split("\n").length, 2);
  await ok("rm", "-f", "k1", "k2");
  await daemon.clean();
});

test("a restart policy gives up after its retries; a start by hand counts from zero again", async () => {
  await ok("run", "-d", "--network", "none", "--name", "b1", "--restart", "on-failure:2", "busybox", "false");
  const count = () => ok("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "b1");
  await until("the last try", async () => (await count()) === "2 exited");
  await ok("start", "b1");
  await until("the last try again", async () => (await count()) === "2 exited");
  await ok("rm", "b1");
  await daemon.clean();
});

async function fetchUnix(path: string): Promise<string> {
  const { request } = await import("node:http");
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath: daemon.socket, path: `/v1.51${path}` }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(text));
    });
    sent.on("error", reject).end();
  });
}
