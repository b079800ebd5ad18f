// What is done with containers, execs and images, parameter by parameter.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { Api, frames, tarOf } from "./client.ts";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const text = (body: Buffer) =>
  frames(body)
    .map(([, piece]) => piece)
    .join("");

test("a container that its policy starts again is at no moment one that has ended", async () => {
  const HostConfig = { NetworkMode: "none", RestartPolicy: { Name: "always" } };
  const ids = await Promise.all(Array.from({ length: 4 }, () => api.create({ Cmd: ["true"], HostConfig })));
  const seen = new Set<string>();
  for (const id of ids) await api.start(id);
  const restarts = async () => Promise.all(ids.map(async (id) => (await api.inspect(id)).RestartCount as number));
  for (;;) {
    for (const id of ids) {
      const { Status, Running } = (await api.inspect(id)).State;
      seen.add(`${Status} ${Running}`);
      await api.refused(409, /stop the container before removing/, "DELETE", `/containers/${id}`);
    }
    if (Math.min(...(await restarts())) >= 3) break;
  }
  // It runs so briefly that nobody may have seen it.
  seen.delete("running true");
  assert.deepEqual([...seen], ["restarting true"]);
  // Whenever it is stopped, it stays so, and who waits for its end is told.
  for (let round = 0; round < 8; round++) {
    for (const id of ids) {
      const wait = api.call("POST", `/containers/${id}/wait`);
      await api.expect(204, "POST", `/containers/${id}/stop`);
      assert.equal((await api.inspect(id)).State.Status, "exited");
      assert.equal((await wait).status, 200);
    }
    await sleep(150);
    for (const id of ids) assert.equal((await api.inspect(id)).State.Status, "exited");
    for (const id of ids) await api.start(id);
    await sleep(round * 20);
  }
  for (const id of ids) await api.call("POST", `/containers/${id}/stop`);
  for (const id of ids) assert.equal((await api.inspect(id)).State.Status, "exited");
  await api.remove(...ids);
  await daemon.clean();
});

test("start, stop, restart, kill: signals, patience, 304 where there is nothing to do", async () => {
  const script = "trap 'echo usr1; exit 5' USR1; trap 'echo term' TERM; echo up; while true; do sleep 0.1; done";
  const id = await api.create({ Cmd: ["sh", "-c", script] }, "?name=acts");
  const state = async () => (await api.inspect(id)).State;
  const logs = async () => text((await api.expect(200, "GET", `/containers/${id}/logs?stdout=1`)).body);
  const up = (times: number) => until("it is up", async () => (await logs()).split("up\n").length > times);
  await api.expect(204, "POST", "/containers/acts/start?detachKeys=ctrl-x");
  await api.expect(304, "POST", `/containers/${id.slice(0, 12)}/start`);
  await up(1);
  await api.expect(204, "POST", `/containers/${id}/kill?signal=TERM`);
  await until("the signal", async () => (await logs()).includes("term\n"));
  assert.equal((await state()).Running, true);
  await api.expect(204, "POST", `/containers/${id}/stop?signal=USR1&t=30`);
  assert.equal((await state()).ExitCode, 5);
  await api.expect(304, "POST", `/containers/${id}/stop`);
  await api.refused(409, /is not running/, "POST", `/containers/${id}/kill`);
  await api.expect(204, "POST", `/containers/${id}/start`);
  await up(2);
  await api.expect(204, "POST", `/containers/${id}/restart?signal=TERM&t=0`);
  await up(3);
  assert.equal((await state()).Running, true);
  await api.refused(400, /[Ii]nvalid signal/, "POST", `/containers/${id}/stop?signal=NOSUCH`);
  await api.expect(204, "POST", `/containers/${id}/stop?t=0`);
  assert.equal((await state()).ExitCode, 137);
  for (const path of [
    "start",
    "stop",
    "restart",
    "kill",
    "pause",
    "unpause",
    "wait",
    "resize?h=1&w=1",
    "rename?name=x",
  ])
    await api.refused(404, /No such container: nosuch/, "POST", `/containers/nosuch/${path}`);
  await api.remove(id);
  await daemon.clean();
});

test("top with ps_args, stats as a stream and once, changes, export", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "echo x > /made; exec sleep 1000"] });
  await api.start(id);
  const top = (await api.expect(200, "GET", `/containers/${id}/top`)).json();
  assert.ok(top.Titles.includes("PID") && top.Titles.includes("CMD"));
  const few = (await api.expect(200, "GET", `/containers/${id}/top?ps_args=-o%20pid,comm`)).json();
  assert.deepEqual(few.Titles, ["PID", "COMMAND"]);
  assert.equal(few.Processes.length, 1);
  const once = (await api.expect(200, "GET", `/containers/${id}/stats?stream=0&one-shot=1`)).json();
  assert.ok(once.pids_stats.current >= 1 && once.cpu_stats.cpu_usage.total_usage > 0);
  assert.equal(once.precpu_stats.system_cpu_usage ?? 0, 0, "nothing before it");
  const second = (await api.expect(200, "GET", `/containers/${id}/stats?stream=false`)).json();
  assert.ok(second.precpu_stats.system_cpu_usage > 0);
  let told = "";
  const stream = request({ socketPath: daemon.socket, path: `/containers/${id}/stats` }, (response) =>
    response.on("data", (chunk) => (told += chunk)),
  );
  const over = new Promise((resolve) => stream.on("close", resolve));
  stream.end();
  await until("the change", async () => (await api.call("GET", `/containers/${id}/changes`)).body.includes('"/made"'));
  const changes = (await api.expect(200, "GET", `/containers/${id}/changes`)).json();
  assert.deepEqual(changes, [{ Path: "/made", Kind: 1 }]);
  const tar = await api.expect(200, "GET", `/containers/${id}/export`);
  assert.equal(tar.headers["content-type"], "application/x-tar");
  assert.ok(tar.body.includes("made\0"));
  const lines = () => told.split("\n").filter(Boolean);
  await until("a line a second", () => lines().length >= 2);
  await api.remove(id);
  await over;
  assert.ok(lines().every((line) => JSON.parse(line).id === id));
  await daemon.clean();
});

test("update: every limit that can be changed, and what is left alone", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none", Memory: 64 << 20 } });
  const change = {
    CpuShares: 256,
    CpuPeriod: 50_000,
    CpuQuota: 10_000,
    CpusetCpus: "0",
    CpusetMems: "0",
    Memory: 96 << 20,
    MemoryReservation: 32 << 20,
    MemorySwap: 192 << 20,
    PidsLimit: 55,
    BlkioWeight: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    NanoCpus: 0,
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 },
  };
  const ignored = {
    Devices: [],
    DeviceCgroupRules: [],
    Ulimits: [],
    CgroupParent: "/other",
    MemorySwappiness: 3,
    Init: true,
  };
  assert.deepEqual((await api.expect(200, "POST", `/containers/${id}/update`, { ...change, ...ignored })).json(), {
    Warnings: [],
  });
  const host = (await api.inspect(id)).HostConfig;
  for (const [name, value] of Object.entries(change)) if (value !== 0) assert.deepEqual(host[name], value, name);
  assert.equal(host.CgroupParent, "");
  await api.start(id);
  await api.expect(200, "POST", `/containers/${id}/update`, { PidsLimit: 44 });
  const limit = await daemon.ok(
    "exec",
    id,
    "sh",
    "-c",
    "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max",
  );
  assert.equal(limit, "44");
  await api.refused(409, /NanoCPUs|Nano CPUs/, "POST", `/containers/${id}/update`, { NanoCpus: 1e9 });
  await api.remove(id);
});

test("rename, pause, unpause, delete: names, force, anonymous volumes", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"], Volumes: { "/v": {} } }, "?name=before");
  await api.start(id);
  await api.expect(204, "POST", "/containers/before/rename?name=after");
  await api.expect(204, "POST", "/containers/after/pause");
  await api.refused(409, /paused and must be unpaused/, "DELETE", "/containers/after");
  await api.expect(204, "POST", "/containers/after/unpause");
  await api.refused(409, /stop the container before/, "DELETE", "/containers/after");
  await api.expect(204, "DELETE", "/containers/after?force=1&v=1");
  assert.deepEqual((await api.expect(200, "GET", "/volumes")).json().Volumes, []);
  await daemon.clean();
});

test("prune containers: until and labels", async () => {
  const kept = await api.create({ Labels: { keep: "1" } });
  const gone = await api.create({ Labels: { keep: "0" } });
  const prune = async (filters: object) =>
    (await api.expect(200, "POST", `/containers/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`)).json();
  assert.equal((await prune({ until: ["1h"] })).ContainersDeleted, null);
  assert.deepEqual((await prune({ "label!": ["keep=1"] })).ContainersDeleted, [gone]);
  assert.deepEqual((await prune({ label: ["keep=1"] })).ContainersDeleted, [kept]);
  await api.refused(400, /invalid filter/, "POST", `/containers/prune?filters=${encodeURIComponent('{"x":["y"]}')}`);
});

test("exec: every field, detached and attached, resize, inspect", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"] });
  await api.start(id);
  const make = async (body: object) =>
    (
      await api.expect(201, "POST", `/containers/${id}/exec`, { AttachStdout: true, AttachStderr: true, ...body })
    ).json().Id;
  const run = async (body: object, start = {}) => {
    const exec = await make(body);
    const stream = api.stream(`/exec/${exec}/start`, JSON.stringify(start));
    await stream.ended;
    return { exec, stream };
  };
  const Cmd = ["sh", "-c", "id -u; id -g; pwd; echo $FOO; grep CapEff /proc/self/status"];
  const { exec, stream } = await run({ Cmd, User: "7:8", WorkingDir: "/tmp", Env: ["FOO=bar"], Privileged: true });
  assert.match(text(stream.data), /^7\n8\n\/tmp\nbar\nCapEff:/);
  const inspected = (await api.expect(200, "GET", `/exec/${exec}/json`)).json();
  assert.deepEqual(
    [
      inspected.ExitCode,
      inspected.Running,
      inspected.ContainerID,
      inspected.ProcessConfig.user,
      inspected.ProcessConfig.privileged,
    ],
    [0, false, id, "7:8", true],
  );
  const caps = await run({ Cmd: ["grep", "CapEff", "/proc/self/status"], Privileged: true });
  assert.match(text(caps.stream.data), /[1-9a-f][0-9a-f]{9}$/m);
  // A terminal: its first size is the start's, the exec's own without it.
  const size = { Cmd: ["stty", "size"], Tty: true, AttachStdin: true, ConsoleSize: [20, 30], DetachKeys: "ctrl-x" };
  assert.equal((await run(size, { Tty: true })).stream.data.toString(), "20 30\r\n");
  assert.equal((await run(size, { Tty: true, ConsoleSize: [21, 31] })).stream.data.toString(), "21 31\r\n");
  const shell = await make({ Cmd: ["cat"], Tty: true, AttachStdin: true, DetachKeys: "ctrl-x,x" });
  const open = api.stream(`/exec/${shell}/start`, JSON.stringify({ Tty: true }));
  await open.ready();
  await until("it runs", async () => (await api.expect(200, "GET", `/exec/${shell}/json`)).json().Pid > 0);
  await api.expect(200, "POST", `/exec/${shell}/resize?h=50&w=60`);
  open.socket.write("\x18x");
  await open.ended;
  assert.equal((await api.expect(200, "GET", `/exec/${shell}/json`)).json().Running, true, "detached from, not ended");
  const detached = await make({ Cmd: ["touch", "/there"] });
  await api.expect(200, "POST", `/exec/${detached}/start`, { Detach: true });
  await until("its end", async () => (await api.expect(200, "GET", `/exec/${detached}/json`)).json().ExitCode === 0);
  await api.refused(409, /has already run/, "POST", `/exec/${detached}/start`, { Detach: true });
  const missing = await make({ Cmd: ["nosuch"] });
  const said = /^OCI runtime exec failed: .*executable file not found in \$PATH/;
  await api.refused(400, said, "POST", `/exec/${missing}/start`, { Detach: true });
  const nobody = { Cmd: ["id"], User: "nosuch" };
  await api.refused(400, /unable to find user nosuch/, "POST", `/containers/${id}/exec`, nobody);
  await api.refused(400, /No exec command/, "POST", `/containers/${id}/exec`, {});
  await api.refused(404, /No such exec instance/, "POST", "/exec/nosuch/start", {});
  await api.remove(id);
  await daemon.clean();
});

test("images: get one or several, for a platform, and load them again", async () => {
  const platform = (architecture: string) => encodeURIComponent(JSON.stringify({ os: "linux", architecture }));
  const here = process.arch === "x64" ? "amd64" : process.arch;
  await api.expect(201, "POST", "/images/busybox/tag?repo=again&tag=2");
  const one = (await api.expect(200, "GET", `/images/busybox/get?platform=${platform(here)}`)).body;
  const all = (await api.expect(200, "GET", `/images/get?names=busybox&names=again:2&platform=${platform(here)}`)).body;
  await api.refused(404, /platform|nothing here for/, "GET", `/images/busybox/get?platform=${platform("s390x")}`);
  await api.refused(404, /nothing here for/, "GET", `/images/busybox/json?platform=${platform("s390x")}`);
  await api.expect(200, "GET", `/images/busybox/history?platform=${platform(here)}`);
  await api.expect(200, "DELETE", "/images/again:2");
  const load = async (tar: Buffer, query = "") =>
    (await api.call("POST", `/images/load${query}`, tar, { "Content-Type": "application/x-tar" })).body.toString();
  assert.match(await load(one, "?quiet=1"), /Loaded image: busybox:latest/);
  const loaded = await load(all, `?platform=${platform(here)}`);
  assert.match(loaded, /Loaded image: again:2/);
  const wrong = await load(Buffer.from("abc"));
  assert.match(JSON.parse(wrong.trim()).errorDetail.message, /no tar archive/);
  await api.expect(200, "DELETE", "/images/again:2");
  const prune = encodeURIComponent(
    JSON.stringify({ dangling: ["true"], until: ["1h"], label: ["x"], "label!": ["y"] }),
  );
  assert.equal((await api.expect(200, "POST", `/images/prune?filters=${prune}`)).json().ImagesDeleted, null);
});

test("commit of a container that ends at this very moment", async () => {
  for (let i = 0; i < 15; i++) {
    const id = await api.create({ Cmd: ["true"] });
    await api.start(id);
    const { Id } = (await api.expect(201, "POST", `/commit?container=${id}`)).json();
    await api.remove(id);
    await api.expect(200, "DELETE", `/images/${Id}?force=1`);
  }
  await daemon.clean();
});

test("commit: parameters and configuration", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"], Env: ["A=b"] });
  await api.start(id);
  const query = `container=${id}&repo=made&tag=2&comment=why&author=me&pause=0&changes=${encodeURIComponent("EXPOSE 80")}&changes=${encodeURIComponent('CMD ["x"]')}`;
  const config = {
    Env: ["C=d"],
    Labels: { l: "1" },
    User: "7",
    WorkingDir: "/w",
    Volumes: { "/v": {} },
    StopSignal: "INT",
    Entrypoint: ["/e"],
    Shell: ["/bin/other", "-c"],
    OnBuild: ["RUN x"],
    Healthcheck: { Test: ["CMD", "true"], Interval: 1_000_000_000 },
  };
  const { Id } = (await api.expect(201, "POST", `/commit?${query}`, config)).json();
  const { Config, Comment, Author } = (await api.expect(200, "GET", `/images/${Id}/json`)).json();
  assert.deepEqual([Comment, Author, Config.Cmd, Config.ExposedPorts], ["why", "me", ["x"], { "80/tcp": {} }]);
  for (const [name, value] of Object.entries(config)) assert.deepEqual(Config[name], value, name);
  await api.refused(400, /no container to commit/, "POST", "/commit");
  await api.refused(404, /No such container/, "POST", "/commit?container=nosuch");
  await api.remove(id);
  await api.expect(200, "DELETE", "/images/made:2");
  await daemon.clean();
});

test("archives into a container: the container's user as owner, directories that are not replaced, what the path must be", async () => {
  const id = await api.create({ Cmd: ["sleep", "1000"], User: "123:456" });
  await api.start(id);
  const put = (query: string, tar: Buffer) => api.call("PUT", `/containers/${id}/archive?${query}`, tar);
  const owner = (path: string) => daemon.ok("exec", id, "stat", "-c", "%u:%g", path);
  assert.equal((await put("path=/tmp&copyUIDGID=1", tarOf("mine", { content: "x" }))).status, 200);
  assert.equal((await put("path=/tmp", tarOf("roots", { content: "x" }))).status, 200);
  assert.deepEqual([await owner("/tmp/mine"), await owner("/tmp/roots")], ["123:456", "0:0"]);
  await put("path=/tmp", tarOf("d", { type: "5", mode: 0o755 }));
  const kept = await put("path=/tmp&noOverwriteDirNonDir=1", tarOf("d", { content: "x" }));
  assert.ok(kept.status >= 400, kept.body.toString());
  assert.match(await daemon.ok("exec", id, "stat", "-c", "%F", "/tmp/d"), /directory/);
  assert.equal((await put("path=/tmp", tarOf("d", { content: "x" }))).status, 200);
  assert.match(await daemon.ok("exec", id, "stat", "-c", "%F", "/tmp/d"), /regular file/);
  assert.equal((await put("path=/nosuch", tarOf("f"))).status, 404);
  assert.equal((await put("path=/tmp/mine", tarOf("f"))).status, 400);
  assert.equal((await put("", tarOf("f"))).status, 400);
  const stat = await api.expect(200, "HEAD", `/containers/${id}/archive?path=/tmp/mine`);
  const { name, size } = JSON.parse(Buffer.from(stat.headers["x-docker-container-path-stat"]!, "base64").toString());
  assert.deepEqual([name, size], ["mine", 1]);
  const got = await api.expect(200, "GET", `/containers/${id}/archive?path=/tmp/mine`);
  assert.equal(got.body.toString("utf8", 0, 4), "mine");
  await api.remove(id);
  await daemon.clean();
});
