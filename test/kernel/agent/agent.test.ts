// The agent as a process: it dies with the daemon, its workers with their clients, shims with neither.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { encodeFrame, encodeJson, FRAME, FrameDecoder } from "../../../src/common/agent/frame.ts";
import { spansFromLines } from "../../../src/common/trace.ts";
import { type Agent, startAgent } from "../../../src/daemon/agent/client.ts";
import { defaultBinary } from "../../../src/daemon/agent/process.ts";
import { inContext } from "../../../src/daemon/trace/trace.ts";
import { settles, until } from "../../support/until.ts";

let state = "";
let agent: Agent;

before(async () => {
  state = mkdtempSync(join(tmpdir(), "agent-"));
  agent = await startAgent({ state });
});

after(async () => {
  await agent[Symbol.asyncDispose]();
  rmSync(state, { recursive: true, force: true });
});

const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** Speaks to the agent byte by byte; everything it answers, until it hangs up or a result or error comes. */
async function raw(...chunks: Uint8Array[]): Promise<{ type: number; value: unknown }[]> {
  const socket = connect(join(state, "agent.sock"));
  await once(socket, "connect");
  for (const chunk of chunks) socket.write(chunk);
  const decoder = new FrameDecoder();
  const frames: { type: number; value: unknown }[] = [];
  for await (const chunk of socket) {
    for (const { type, payload } of decoder.push(chunk as Uint8Array))
      frames.push({ type, value: JSON.parse(Buffer.from(payload).toString()) });
    if (frames.some(({ type }) => type !== FRAME.progress)) break;
  }
  socket.destroy();
  return frames;
}

test("ping() is answered in turn, many at once", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => agent.call("ping", {})));
  assert(answers.every(({ pid }) => pid === agent.pid));
});

test("the agent refuses what is no request, and lives on", async () => {
  const wrong: [Uint8Array, RegExp][] = [
    [Buffer.from("GET / HTTP/1.1\r\n"), /unknown frame type/],
    [Buffer.from([FRAME.request, 0xff, 0xff, 0xff, 0xff]), /frame of 4294967295 bytes/],
    [encodeFrame(FRAME.request, Buffer.from("{")), /not JSON/],
    [encodeFrame(FRAME.request, Buffer.from("null")), /without an operation/],
    [encodeFrame(FRAME.data, Buffer.from("x")), /request belongs here/],
    [encodeJson(FRAME.request, { op: "nonsense" }), /no operation "nonsense"/],
    [encodeJson(FRAME.request, { op: "toString" }), /no operation "toString"/],
    [encodeJson(FRAME.request, { op: "mount" }), /./],
  ];
  for (const [bytes, message] of wrong) {
    const [frame] = await raw(bytes);
    assert.equal(frame?.type, FRAME.error);
    assert.match((frame.value as { message: string }).message, message);
  }
  // one byte at a time is fine
  const [frame] = await raw(...Array.from(encodeJson(FRAME.request, { op: "ping" }), (byte) => Uint8Array.of(byte)));
  assert.deepEqual(frame, { type: FRAME.result, value: { pid: agent.pid } });
});

test("only its owner can reach the socket", () => {
  assert.equal((readMode(join(state, "agent.sock")) & 0o077).toString(8), "0");
});

function readMode(path: string): number {
  return Number.parseInt(spawnText("stat", "-c", "%a", path), 8);
}

function spawnText(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8" }).trim();
}

test("mount() and unmount() work in the daemon's own namespace; a list that fails is taken down again", async () => {
  const target = join(state, "target");
  mkdirSync(target);
  const tmpfs = { type: "tmpfs", source: "tmpfs", target: "", options: ["size=64k", "nosuid"] };
  const mounted = (): string[] =>
    readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(target));
  await agent.mount([tmpfs, { ...tmpfs, target: "below" }], target);
  assert.equal(mounted().length, 2);
  await agent.unmount(target, { recursive: true });
  assert.deepEqual(mounted(), []);
  await agent.unmount(target, { recursive: true });
  await assert.rejects(agent.mount([tmpfs, { type: "nofs", source: "x", target: "", options: [] }], target), /ENODEV/);
  assert.deepEqual(mounted(), []);
  await agent.mount([tmpfs], target);
  writeFileSync(join(target, "open"), "");
  const holder = spawn("sleep", ["100"], { cwd: target, stdio: "ignore" });
  await assert.rejects(agent.unmount(target), { code: "FailedPrecondition" });
  await agent.unmount(target, { detach: true });
  assert.deepEqual(mounted(), []);
  holder.kill();
});

test("makeFifo() puts one in the place of a file, or where nothing is, for its owner alone", async () => {
  const path = join(state, "fifo");
  for (const content of [undefined, "old"]) {
    rmSync(path, { force: true });
    if (content !== undefined) writeFileSync(path, content);
    await agent.makeFifo(path);
    assert.ok(statSync(path).isFIFO());
    assert.equal(statSync(path).mode & 0o777, 0o600);
  }
  await assert.rejects(agent.makeFifo(join(state, "nowhere/fifo")), /ENOENT|no such file/i);
});

test("readFile() finds files as a process in the tree would", async () => {
  const root = join(state, "root");
  mkdirSync(join(root, "etc/deep"), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), "inside");
  execFileSync(
    "sh",
    ["-c", "ln -s /etc/passwd abs; ln -s ../../../../etc/passwd up; ln -s /etc d; mkfifo fifo; ln -s loop loop"],
    { cwd: root },
  );
  for (const path of ["etc/passwd", "/etc/passwd", "abs", "up", "d/passwd", "/../etc/deep/../passwd"]) {
    assert.equal(Buffer.from(await agent.readFile({ root }, path)).toString(), "inside", path);
  }
  await assert.rejects(agent.readFile({ root }, "etc/shadow"), { code: "NotFound" });
  await assert.rejects(agent.readFile({ root }, "etc"), /is not a file/);
  await assert.rejects(agent.readFile({ root }, "fifo"), /is not a file/);
  await assert.rejects(agent.readFile({ root }, "loop"), /ELOOP/);
  await assert.rejects(agent.readFile({ root }, "abs", { maxSize: 5 }), { code: "ResourceExhausted" });
});

test("spawnShim() gives a program its input, environment and folder, and tells how it ended", async () => {
  const request = { binary: "/bin/sh", env: ["A=b", "PATH=/bin"], cwd: "/usr" };
  const script = "cat; pwd; echo $A; echo trouble >&2; exit 7";
  const done = await agent.spawnShim({ ...request, args: ["-c", script], stdin: Buffer.from([0x68, 0x69, 0x0a]) });
  assert.deepEqual(done, { exitCode: 7, stdout: "hi\n/usr\nb\n", stderr: "trouble\n" });
  assert.equal((await agent.spawnShim({ ...request, args: ["-c", "kill -9 $$"] })).exitCode, 137);
  const missing = await agent.spawnShim({ ...request, binary: "/nowhere", args: [] });
  assert.equal(missing.exitCode, 127);
  assert.match(missing.stderr, /exec "\/nowhere": ENOENT/);
  const open = (await agent.spawnShim({ ...request, binary: "/bin/ls", args: ["/proc/self/fd"] })).stdout
    .trim()
    .split("\n");
  assert.deepEqual(open, ["0", "1", "2", "3"], "nothing of the agent's is handed on (3 is the folder ls reads)");
});

test("endOf() tells how what a shim's start left behind has ended, and nothing of others", async () => {
  for (const [script, expected] of [
    ["exit 5", { status: 5, signal: 0 }],
    ["kill -9 $$", { status: 137, signal: 9 }],
  ] as const) {
    const args = ["-c", `setsid sh -c 'sleep 0.1; ${script}' > /dev/null 2>&1 < /dev/null & echo $!`];
    const { stdout } = await agent.spawnShim({ binary: "/bin/sh", args, env: ["PATH=/bin:/usr/bin"], cwd: "/" });
    assert.deepEqual(await until("its end", () => agent.endOf(Number(stdout))), expected);
  }
  assert.equal(await agent.endOf(process.pid), undefined);
});

/** A daemon in a process of its own: starts an agent, and a "shim" that stays. */
const DAEMON = `
  import { startAgent } from ${JSON.stringify(join(import.meta.dirname, "../../../src/daemon/agent/client.ts"))};
  const agent = await startAgent({ state: process.argv[2] });
  const { stdout } = await agent.spawnShim({ binary: "/bin/sh", args: ["-c", "setsid sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!"], env: ["PATH=/bin:/usr/bin"], cwd: "/" });
  agent.unpack({ mounts: [{ type: "bind", source: process.argv[2], target: "", options: [] }], mediaType: "", source: (async function* () { yield new Uint8Array(4096); await new Promise(() => {}); })() }).catch(() => {});
  console.log(agent.pid, stdout.trim());
  setInterval(() => {}, 1000);
`;

test("the agent and its workers die with a daemon that is killed; the shims it started do not", async () => {
  const own = mkdtempSync(join(tmpdir(), "agent-"));
  const daemon = spawn(process.execPath, ["--input-type=module", "-e", DAEMON, "daemon", own], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(daemon.stdout, "data")) as [Buffer];
  const [agentPid, shim] = line.toString().trim().split(" ").map(Number) as [number, number];
  try {
    // the shim is its child, too, as long as it lives
    const all = await until("an unpacking under way", () => {
      const workers = children(agentPid).filter((pid) => pid !== shim);
      const found = [agentPid, ...workers, ...workers.flatMap(children)];
      return workers.length === 1 && found.length >= 4 && found;
    });
    assert(alive(shim));
    daemon.kill("SIGKILL");
    await until("all of the agent's processes are gone", () => !all.some(alive));
    assert(alive(shim), "the shim lives on");
    assert(!existsSync(join(own, "agent.sock")));
  } finally {
    process.kill(shim, "SIGKILL");
    rmSync(own, { recursive: true, force: true });
  }
});

test("an agent that was killed is started again at the next request, its workers have died with it", async () => {
  const before = agent.pid!;
  const stuck = agent.unpack({
    mounts: [{ type: "bind", source: state, target: "", options: [] }],
    mediaType: "",
    source: (async function* () {
      yield new Uint8Array(4096);
      await new Promise(() => {});
    })(),
  });
  const failed = assert.rejects(stuck, { code: "Unavailable" });
  await until("a worker", () => children(before).length > 0);
  const workers = children(before);
  process.kill(before, "SIGKILL");
  await failed;
  await until("the workers are gone", () => !workers.some(alive));
  await until("its end is noticed", () => agent.pid === undefined);
  const { pid } = await agent.call("ping", {});
  assert.notEqual(pid, before);
  assert.equal(pid, agent.pid);
});

test("a worker that crashes is told of, and takes nothing with it", async () => {
  const stuck = agent.unpack({
    mounts: [{ type: "bind", source: state, target: "", options: [] }],
    mediaType: "",
    source: (async function* () {
      yield new Uint8Array(4096);
      await new Promise(() => {});
    })(),
  });
  const failed = assert.rejects(stuck, /worker was ended by signal 11/);
  await until("a worker", () => children(agent.pid!).length > 0);
  const [worker] = children(agent.pid!);
  const parts = children(worker!);
  process.kill(worker!, "SIGSEGV");
  await failed;
  await until("its parts are gone", () => !parts.some(alive));
  assert.equal((await agent.call("ping", {})).pid, agent.pid);
});

test("a part that crashes fails its operation", async () => {
  const stuck = agent.unpack({
    mounts: [{ type: "bind", source: state, target: "", options: [] }],
    mediaType: "",
    source: (async function* () {
      yield new Uint8Array(4096);
      await new Promise(() => {});
    })(),
  });
  const failed = assert.rejects(stuck, /ended without a result \(signal 9\)/);
  await until("parts", () => children(agent.pid!).flatMap(children).length >= 2);
  process.kill(children(children(agent.pid!)[0]!)[0]!, "SIGKILL");
  await failed;
  await until("the worker is gone", () => children(agent.pid!).length === 0);
});

test("operations of a sampled trace leave their spans in its file, others nothing", async () => {
  mkdirSync(join(state, "trace"), { recursive: true });
  const target = join(state, "traced");
  mkdirSync(target);
  const mounts = [{ type: "bind", source: target, target: "", options: [] }];
  const unpack = () =>
    agent.unpack({
      mounts,
      mediaType: "",
      source: (async function* () {
        yield gzipSync(Buffer.alloc(1024));
      })(),
    });
  const context = { traceId: "1".repeat(32), spanId: "2".repeat(16) };
  await inContext({ ...context, sampled: false }, unpack);
  assert.deepEqual(readdirSync(join(state, "trace")), []);
  await inContext({ ...context, sampled: true }, async () => {
    await unpack();
    await agent.unmount("/nowhere");
  });
  const file = join(state, "trace", `${context.traceId}.jsonl`);
  const spans = () => spansFromLines(readFileSync(file, "utf8"));
  await until(
    "spans",
    () => existsSync(file) && ["unpack", "unmount"].every((one) => spans().some(({ name }) => name === one)),
  );
  const whole = spans().find(({ name }) => name === "unpack")!;
  assert.deepEqual([whole.parentId, whole.service], [context.spanId, "agent"]);
  await settles(spans, (seen) => {
    const parts = seen.filter(({ parentId }) => parentId === whole.spanId);
    assert.deepEqual(parts.map(({ name }) => name).sort(), ["the decompressor", "the hasher", "the unpacker"]);
  });
});

test("an agent that ends late leaves its successor's socket alone", async () => {
  const socket = join(state, "late.sock");
  const begin = async () => {
    const child = spawn(defaultBinary(), ["--socket", socket], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
  };
  const first = await begin();
  const second = await begin();
  first.child.stdin.end();
  await first.ended;
  assert.ok(existsSync(socket));
  second.child.stdin.end();
  await second.ended;
  assert.ok(!existsSync(socket));
});
