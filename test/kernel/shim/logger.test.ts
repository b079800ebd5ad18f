// The shim's own logger: what it writes, and what attached clients get and send.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { textIfThere } from "../../support/files.ts";
import { until } from "../../support/until.ts";
import { Daemon, NAMESPACE, type TestShim } from "./harness.ts";

interface Entry {
  attrs?: Record<string, string>;
  log: string;
  stream: string;
  time: string;
}

function uri(daemon: Daemon, options: Record<string, string | number>): string {
  const all: Record<string, string | number> = { driver: "json-file", path: join(daemon.folder, "x.log"), ...options };
  if (all.driver === "none") delete all.path;
  const query = Object.entries(all).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `binary:///usr/libexec/wharf/wharf-logger?${query.join("&")}`;
}

async function launch(daemon: Daemon, shim: TestShim, options: Record<string, string | number>, terminal = false) {
  const stdout = uri(daemon, options);
  await daemon.create(shim, { stdout, stderr: terminal ? "" : stdout, terminal });
}

async function finish(shim: TestShim): Promise<number> {
  const { exitStatus } = await shim.task.wait({ id: shim.id });
  await shim.task.delete({ id: shim.id });
  return exitStatus;
}

function entries(path: string): Entry[] {
  const bytes = readFileSync(path);
  return (path.endsWith(".gz") ? gunzipSync(bytes) : bytes)
    .toString("utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry);
}

interface Attached {
  socket: Socket;
  output: Promise<Buffer>;
  seen: () => Buffer;
}

/** Attaches, and has said so when it answers; `output` resolves at the end with all bytes. */
async function attach(path: string, hello: object): Promise<Attached> {
  const socket = connect({ path, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.write(`${JSON.stringify(hello)}\n`, () => resolve());
  });
  socket.on("data", (chunk) => chunks.push(chunk as Buffer));
  const output = new Promise<Buffer>((resolve, reject) => {
    socket.on("end", () => {
      socket.end();
      resolve(Buffer.concat(chunks));
    });
    socket.on("error", reject);
  });
  return { socket, output, seen: () => Buffer.concat(chunks) };
}

/** Takes Docker's multiplexed form apart. */
function demultiplex(all: Buffer): { 1: string; 2: string } {
  const out = { 1: [] as Buffer[], 2: [] as Buffer[] };
  let at = 0;
  while (at < all.length) {
    const stream = all[at] as 1 | 2;
    assert.ok(stream === 1 || stream === 2, `stream ${stream} at ${at}`);
    const length = all.readUInt32BE(at + 4);
    out[stream].push(all.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  assert.equal(at, all.length);
  return { 1: Buffer.concat(out[1]).toString(), 2: Buffer.concat(out[2]).toString() };
}

/** Makes /dev/shm/go, for which a container may wait. */
async function go({ id, task }: TestShim): Promise<void> {
  const args = ["sh", "-c", "mkdir -p /dev/shm; touch /dev/shm/go"];
  const value = Buffer.from(JSON.stringify({ args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } }));
  await task.exec({ id, execId: "go", spec: { typeUrl: "p", value } });
  await task.start({ id, execId: "go" });
}

const BOTH = { stdin: false, stdout: true, stderr: true, logs: false };

test("json-file: Docker's form to the byte", async () => {
  await using daemon = new Daemon();
  const script = String.raw`printf 'plain\n\n"q" \\ <a>&\ttab\r\n\001\bh\xc3\xa4fen \xff\xc3(\n\xe2\x80\xa8end\nno end'; echo err >&2`;
  await using shim = await daemon.start({ args: ["sh", "-c", script] });
  await launch(daemon, shim, {});
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const text = readFileSync(join(daemon.folder, "x.log"), "utf8");
  const lines = text.split("\n").filter((line) => line.includes('"stdout"'));
  const time = /,"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"}$/;
  const logs = lines.map((line) => {
    assert.match(line, time);
    return line.replace(time, "");
  });
  assert.deepEqual(logs, [
    String.raw`{"log":"plain\n","stream":"stdout"`,
    String.raw`{"log":"\n","stream":"stdout"`,
    String.raw`{"log":"\"q\" \\ \u003ca\u003e\u0026\u0009tab\r\n","stream":"stdout"`,
    String.raw`{"log":"\u0001\u0008häfen \ufffd\ufffd(\n","stream":"stdout"`,
    String.raw`{"log":"\u2028end\n","stream":"stdout"`,
    '{"log":"no end","stream":"stdout"',
  ]);
  assert.ok(text.includes('{"log":"err\\n","stream":"stderr"'));
  assert.equal(statSync(join(daemon.folder, "x.log")).mode & 0o777, 0o640);
});

test("json-file: lines beyond 16 KiB come in pieces", async () => {
  await using daemon = new Daemon();
  const script = "head -c 40000 /dev/zero | tr '\\0' a; echo; echo b; head -c 16384 /dev/zero | tr '\\0' c; echo";
  await using shim = await daemon.start({ args: ["sh", "-c", script] });
  await launch(daemon, shim, {});
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const logs = entries(join(daemon.folder, "x.log")).map(({ log }) => log);
  assert.deepEqual(
    logs.map((log) => [log.length, log.at(0), log.endsWith("\n")]),
    [
      [16384, "a", false],
      [16384, "a", false],
      [40000 - 32768 + 1, "a", true],
      [2, "b", true],
      [16384, "c", false],
      [1, "\n", true],
    ],
  );
});

test("cri: its own form, bytes untouched", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "printf 'a\\tb \\377\\nc\\nd'; echo e >&2"] });
  await launch(daemon, shim, { driver: "cri" });
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const text = readFileSync(join(daemon.folder, "x.log"), "latin1");
  const lines = text
    .split("\n")
    .filter(Boolean)
    .sort((a, b) => Number(a.includes("stderr")) - Number(b.includes("stderr")));
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /;
  for (const line of lines) assert.match(line, time);
  assert.deepEqual(
    lines.map((line) => line.replace(time, "")),
    ["stdout F a\tb \xff", "stdout F c", "stdout P d", "stderr F e"],
  );
});

test("a full disk: the container goes on, no line is cut, and the log goes on when there is space", async () => {
  await using daemon = new Daemon();
  const disk = join(daemon.folder, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "none", disk]);
  try {
    const filler = join(disk, "filler");
    writeFileSync(filler, Buffer.alloc(64 << 10));
    // more than fits, in lines whose length is no power of two
    const script = "seq 1000 3000; while ! test -e /dev/shm/go; do sleep 0.05; done; echo after; echo and after";
    await using shim = await daemon.start({ args: ["sh", "-c", script] });
    const path = join(disk, "x.log");
    await launch(daemon, shim, { path });
    await shim.task.start({ id: shim.id });
    const own = join(daemon.folder, "tasks", NAMESPACE, shim.id, "log");
    await until("the shim's word that the log cannot be written", () => textIfThere(own)?.includes("x.log"));
    rmSync(filler);
    await go(shim);
    assert.equal(await finish(shim), 0);
    const logs = entries(path).map(({ log }) => log);
    assert.deepEqual(logs.slice(-2), ["after\n", "and after\n"]);
    const numbers = logs.slice(0, -2).map(Number);
    assert.ok(numbers.length > 500 && numbers.length < 2001, `${numbers.length} lines of 2001`);
    assert.ok(numbers.every((number, i) => number >= 1000 + i && number <= 3000));
  } finally {
    execFileSync("umount", ["--lazy", disk]);
  }
});

test("rotation loses no line and cuts none", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["seq", "1", "20000"] });
  await launch(daemon, shim, { "max-size": 300_000, "max-file": 10 });
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const path = join(daemon.folder, "x.log");
  const files = [...Array(9).keys()].map((i) => `${path}.${9 - i}`).concat(path);
  const there = files.filter((file) => statSync(file, { throwIfNoEntry: false }));
  const numbers = there.flatMap((file) => entries(file).map(({ log }) => Number(log)));
  assert.deepEqual(
    numbers,
    [...Array(20000).keys()].map((i) => i + 1),
  );
  assert.equal(there.length, 6);
  for (const file of there.slice(0, -1)) {
    const { size } = statSync(file);
    assert.ok(size >= 300_000 && size < 300_100, `${file}: ${size}`);
  }
});

test("rotation keeps as many files as asked for", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["seq", "1", "20000"] });
  await launch(daemon, shim, { "max-size": "100k", "max-file": 2 });
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const path = join(daemon.folder, "x.log");
  assert.ok(!statSync(`${path}.2`, { throwIfNoEntry: false }));
  const numbers = [`${path}.1`, path].flatMap((file) => entries(file).map(({ log }) => Number(log)));
  assert.equal(numbers.at(-1), 20000);
  assert.deepEqual(
    numbers,
    [...Array(numbers.length).keys()].map((i) => 20001 - numbers.length + i),
  );
});

test("compress: rotated files are packed, nothing is lost, and the log that a client asks for has them, too", async () => {
  await using daemon = new Daemon();
  const script = "seq 1 30000; while [ ! -e /dev/shm/go ]; do sleep 0.05; done; seq 30001 40000";
  await using shim = await daemon.start({ args: ["sh", "-c", script] });
  const attachPath = join(daemon.folder, "attach.sock");
  const options = { "max-size": 200_000, "max-file": 50, compress: "true", attach: attachPath };
  const path = join(daemon.folder, "x.log");
  // what a shim before this one could not pack any more
  writeFileSync(`${path}.1`, `${JSON.stringify({ log: "0\n", stream: "stdout", time: "2026-01-01T00:00:00Z" })}\n`);
  await launch(daemon, shim, options);
  await shim.task.start({ id: shim.id });
  const files = () => {
    const names = [...Array(50).keys()]
      .map((i) => 49 - i)
      .flatMap((i) => (i ? [`${path}.${i}.gz`, `${path}.${i}`] : [path]));
    return names.filter((file) => statSync(file, { throwIfNoEntry: false }));
  };
  const numbers = () => files().flatMap((file) => entries(file).map(({ log }) => Number(log)));
  const last = () => textIfThere(path).includes('"30000\\n"') && !statSync(`${path}.1`, { throwIfNoEntry: false });
  while (!last()) await sleep(20);
  assert.deepEqual(numbers(), [...Array(30001).keys()]);
  assert.ok(
    files().length > 1 &&
      files()
        .slice(0, -1)
        .every((file) => file.endsWith(".gz")),
    String(files()),
  );
  const client = await attach(attachPath, { ...BOTH, logs: true });
  await go(shim);
  const text = demultiplex(await client.output)[1]!;
  assert.equal(text, `${[...Array(40001).keys()].join("\n")}\n`);
  await finish(shim);
});

test("attrs stand in each line as they are, also with what replacing takes for its own", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "echo one; echo two; printf part"] });
  const attrs = { a: "$& $1 $$ $` \\n", b: "ä\u0080" };
  const ascii = JSON.stringify(attrs).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  await launch(daemon, shim, { attrs: ascii });
  await shim.task.start({ id: shim.id });
  await finish(shim);
  const lines = entries(join(daemon.folder, "x.log"));
  assert.deepEqual(
    lines.map(({ log }) => log),
    ["one\n", "two\n", "part"],
  );
  for (const line of lines) {
    assert.deepEqual(line.attrs, attrs);
    assert.deepEqual(Object.keys(line), ["log", "stream", "attrs", "time"]);
  }
});

test("attach: several clients, each with the streams it asked for; late ones get only the future", async () => {
  await using daemon = new Daemon();
  const script = "echo one; echo err >&2; while [ ! -e /dev/shm/go ]; do sleep 0.05; done; echo two; echo err2 >&2";
  await using shim = await daemon.start({ args: ["sh", "-c", script] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path });
  const early = await attach(path, BOTH);
  const errOnly = await attach(path, { ...BOTH, stdout: false });
  await shim.task.start({ id: shim.id });
  await until("both", () => early.seen().includes("one\n") && early.seen().includes("err\n"));
  const late = await attach(path, BOTH);
  await sleep(50);
  await go(shim);
  assert.deepEqual(demultiplex(await early.output), { 1: "one\ntwo\n", 2: "err\nerr2\n" });
  assert.deepEqual(demultiplex(await errOnly.output), { 1: "", 2: "err\nerr2\n" });
  assert.deepEqual(demultiplex(await late.output), { 1: "two\n", 2: "err2\n" });
  await finish(shim);
});

test("attach: what the log holds comes first, without gap or repetition", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({
    args: ["sh", "-c", "seq 1 30000; printf part; while [ ! -e /dev/shm/go ]; do sleep 0.05; done; echo ial; seq 1 10"],
  });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path, "max-size": 500_000, "max-file": 20 });
  await shim.task.start({ id: shim.id });
  const logs = ["x.log", "x.log.1"].map((name) => join(daemon.folder, name));
  await until("the log", () => logs.some((log) => textIfThere(log).includes('"30000\\n"')));
  await sleep(100);
  const client = await attach(path, { ...BOTH, logs: true });
  await go(shim);
  const numbers = (n: number) => `${[...Array(n).keys()].map((i) => i + 1).join("\n")}\n`;
  assert.equal(demultiplex(await client.output)[1], `${numbers(30000)}partial\n${numbers(10)}`);
  await finish(shim);
});

test("attach: input reaches the task; once: its end ends the task's", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "cat; echo end"] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path, stdin: "once" });
  const client = await attach(path, { ...BOTH, stdin: true });
  await shim.task.start({ id: shim.id });
  const sent = "0123456789abcdef\n".repeat(20_000);
  client.socket.end(sent);
  assert.equal(demultiplex(await client.output)[1], `${sent}end\n`);
  assert.equal(await finish(shim), 0);
});

test("attach: open: a client's end does not end the task's input", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "read a; echo $a; read b; echo $a-$b"] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path, stdin: "open" });
  await shim.task.start({ id: shim.id });
  (await attach(path, { stdin: true })).socket.end("one\n");
  await until("the first line", () => textIfThere(join(daemon.folder, "x.log")).includes('"one\\n"'));
  const second = await attach(path, { ...BOTH, stdin: true });
  second.socket.write("two\n");
  assert.equal(demultiplex(await second.output)[1], "one-two\n");
  await finish(shim);
});

test("attach: a terminal's output is raw", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ terminal: true, args: ["sh", "-c", "read x; echo got $x; exit 3"] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path, stdin: "open" }, true);
  const client = await attach(path, { ...BOTH, stdin: true });
  await shim.task.start({ id: shim.id });
  client.socket.write("it\n");
  assert.equal((await client.output).toString(), "it\r\ngot it\r\n");
  assert.equal(await finish(shim), 3);
  assert.deepEqual(
    entries(join(daemon.folder, "x.log")).map(({ log, stream }) => [log, stream]),
    [
      ["it\r\n", "stdout"],
      ["got it\r\n", "stdout"],
    ],
  );
});

test("attach: a client that does not read holds nobody up, and gets everything when it does", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["seq", "1", "500000"] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path });
  const slow = await attach(path, BOTH);
  slow.socket.pause();
  await shim.task.start({ id: shim.id });
  await shim.task.wait({ id: shim.id }, { timeoutMs: 120_000 });
  slow.socket.resume();
  const { 1: text } = demultiplex(await slow.output);
  assert.equal(text.length, 3_388_895);
  assert.ok(text.endsWith("\n500000\n"));
  await finish(shim);
});

test("attach: a client that asks for it is waited for", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "seq 1 2000000; echo end >&2"] });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { driver: "none", attach: path });
  const slow = await attach(path, { ...BOTH, wait: true });
  slow.socket.pause();
  await shim.task.start({ id: shim.id });
  await sleep(600);
  assert.equal((await shim.task.state({ id: shim.id })).status, 2, "still writing");
  slow.socket.resume();
  const { 1: text, 2: end } = demultiplex(await slow.output);
  assert.equal(text.length, 14_888_896);
  assert.equal(end, "end\n");
  await finish(shim);
});

test("attach: an exec's output and input, without a log", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  await daemon.create(shim);
  const { id, task } = shim;
  await task.start({ id });
  const path = join(daemon.folder, "exec.sock");
  const spec = {
    args: ["sh", "-c", "cat; echo err >&2; exit 2"],
    cwd: "/",
    env: ["PATH=/bin"],
    user: { uid: 0, gid: 0 },
  };
  const stdout = uri(daemon, { driver: "none", attach: path, stdin: "once" });
  await task.exec({
    id,
    execId: "e",
    stdout,
    stderr: stdout,
    spec: { typeUrl: "p", value: Buffer.from(JSON.stringify(spec)) },
  });
  const client = await attach(path, { ...BOTH, stdin: true });
  await task.start({ id, execId: "e" });
  client.socket.end("hello\n");
  assert.deepEqual(demultiplex(await client.output), { 1: "hello\n", 2: "err\n" });
  assert.equal((await task.wait({ id, execId: "e" })).exitStatus, 2);
  await task.delete({ id, execId: "e" });
});

test("attach: clients that say nothing sensible are sent away", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({
    args: ["sh", "-c", "while [ ! -e /dev/shm/go ]; do sleep 0.05; done; echo x"],
  });
  const path = join(daemon.folder, "attach.sock");
  await launch(daemon, shim, { attach: path });
  await shim.task.start({ id: shim.id });
  for (const words of ["not json\n", "7\n", `${"x".repeat(5000)}`]) {
    const socket = connect(path);
    socket.write(words);
    socket.on("error", () => {}).resume();
    await new Promise((resolve) => socket.once("close", resolve));
  }
  const silent = once(connect(path).resume(), "close");
  await go(shim);
  await finish(shim);
  await silent;
});

test("bad logger options are refused", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  for (const options of [
    { driver: "syslog" },
    { "max-size": "big" },
    { path: "relative" },
    { stdin: "maybe" },
    { compress: "perhaps" },
    { attrs: "[1]" },
    { color: "red" },
  ]) {
    await assert.rejects(launch(daemon, shim, options as Record<string, string>), /logger option/);
  }
});
