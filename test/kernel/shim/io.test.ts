// Where a task's output goes and where its input comes from: FIFOs, files, logging programs, terminals.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { textIfThere } from "../../support/files.ts";
import { settles, until } from "../../support/until.ts";
import { Daemon, type TestShim } from "./harness.ts";

function fifo(daemon: Daemon, name: string): string {
  const path = join(daemon.folder, name);
  execFileSync("mkfifo", [path]);
  return path;
}

async function run(daemon: Daemon, shim: TestShim, io: Parameters<Daemon["create"]>[1]) {
  await daemon.create(shim, io);
  await shim.task.start({ id: shim.id });
}

test("FIFOs: output arrives whole, input goes in, closeIO ends it", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "cat; echo done >&2"] });
  const [stdin, stdout, stderr] = ["in", "out", "err"].map((name) => fifo(daemon, name)) as [string, string, string];
  const out = text(createReadStream(stdout));
  const err = text(createReadStream(stderr));
  const writer = createWriteStream(stdin);
  await run(daemon, shim, { stdin, stdout, stderr });
  const sent = "häfen ".repeat(100_000);
  await new Promise<void>((resolve) => void writer.end(sent, () => resolve()));
  await sleep(50);
  const still = await shim.task.state({ id: shim.id });
  assert.equal(still.exitStatus, 0);
  assert.equal(still.status, 2, "without closeIO the input stays open");
  await shim.task.closeIO({ id: shim.id, stdin: true });
  assert.equal(await out, sent);
  assert.equal(await err, "done\n");
  assert.equal((await shim.task.wait({ id: shim.id })).exitStatus, 0);
});

test("FIFOs: a reader that goes away and another that comes cost the task nothing", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "echo one; read x; echo two; read x; echo three"] });
  const [stdin, stdout] = [fifo(daemon, "in"), fifo(daemon, "out")];
  const input = createWriteStream(stdin);
  const first = spawn("head", ["-n1", stdout], { stdio: ["ignore", "pipe", "ignore"] });
  const line = text(first.stdout);
  await run(daemon, shim, { stdin, stdout });
  assert.equal(await line, "one\n");
  // "two" is written while nobody reads
  input.write("\n");
  await sleep(300);
  const reader = createReadStream(stdout);
  const rest = text(reader);
  if (reader.pending) await once(reader, "open");
  input.end("\n");
  assert.equal(await rest, "two\nthree\n");
  assert.equal((await shim.task.wait({ id: shim.id })).exitStatus, 0);
});

test("files: both streams are appended", async () => {
  await using daemon = new Daemon();
  const args = ["sh", "-c", "echo out; echo err >&2; read x; exec seq 1 20000"];
  await using shim = await daemon.start({ args });
  const path = join(daemon.folder, "deep/er/log");
  const stdin = fifo(daemon, "in");
  const input = createWriteStream(stdin);
  await run(daemon, shim, { stdin, stdout: `file://${path}`, stderr: `file://${path}` });
  // the two have their order only where one comes well after the other
  await until("both", () => ["out\n", "err\n"].every((one) => textIfThere(path).includes(one)));
  input.end("\n");
  await shim.task.wait({ id: shim.id });
  await shim.task.delete({ id: shim.id });
  const lines = readFileSync(path, "utf8").split("\n");
  assert.ok(lines.includes("out") && lines.includes("err"));
  assert.deepEqual(lines.filter((line) => /^\d/.test(line)).length, 20000);
  assert.equal(lines.length, 20003);
});

test("a logging program reads 3 and 4, and is gone after delete", async () => {
  await using daemon = new Daemon();
  const log = join(daemon.folder, "program.log");
  const program = join(daemon.folder, "logger");
  writeFileSync(
    program,
    `#!/bin/sh\nexec >${log} 2>&1\necho "$1 $2 $CONTAINER_ID $CONTAINER_NAMESPACE"\nexec 5>&-\ncat <&3\ncat <&4\necho end\n`,
  );
  chmodSync(program, 0o755);
  await using shim = await daemon.start({ args: ["sh", "-c", "echo out; echo err >&2"] });
  await run(daemon, shim, { stdout: `binary://${program}?key=v%20alue`, stderr: `binary://${program}` });
  await shim.task.wait({ id: shim.id });
  await shim.task.delete({ id: shim.id });
  await until("the program's end", () => textIfThere(log).endsWith("end\n"));
  assert.equal(readFileSync(log, "utf8"), `key v alue ${shim.id} shimtest\nout\nerr\nend\n`);
});

test("a logging program that does not exist fails the creation", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  await assert.rejects(
    async () => run(daemon, shim, { stdout: "binary:///no/such/logger" }),
    /logging program "\/no\/such\/logger": ENOENT/,
  );
});

test("a terminal: output, input, size, its own exec", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ terminal: true, args: ["sh"] });
  const { id, task } = shim;
  const [stdin, stdout] = [fifo(daemon, "in"), fifo(daemon, "out")];
  let seen = "";
  const reader = createReadStream(stdout).on("data", (chunk) => {
    seen += chunk;
  });
  const ended = once(reader, "end");
  const writer = createWriteStream(stdin);
  await run(daemon, shim, { stdin, stdout, terminal: true });
  assert.equal((await task.state({ id })).terminal, true);
  await task.resizePty({ id, width: 101, height: 37 });
  writer.write("stty size; tty\n");
  await until("an answer", () => /37 101\s+\/dev\/pts\/0\s/.test(seen));
  assert.match(seen, /37 101\r\n\/dev\/pts\/0\r\n/);
  const inner = fifo(daemon, "exec");
  const output = text(createReadStream(inner));
  const spec = { args: ["sh", "-c", "tty; exit 4"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
  const value = Buffer.from(JSON.stringify(spec));
  await task.exec({ id, execId: "t", terminal: true, stdout: inner, spec: { typeUrl: "p", value } });
  await task.start({ id, execId: "t" });
  assert.equal((await task.wait({ id, execId: "t" })).exitStatus, 4);
  // the output ends with the process: a client waits for that before it deletes
  assert.match(await output, /\/dev\/pts\/1\r\n/);
  await task.delete({ id, execId: "t" });
  await new Promise((resolve) => writer.write("exit 9\n", resolve));
  assert.equal((await task.wait({ id })).exitStatus, 9);
  // dockerd deletes a task only when its output has ended
  await ended;
  await task.delete({ id });
  writer.destroy();
});

test("no streams at all", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start({ args: ["sh", "-c", "cat; echo x; echo y >&2; exit 6"] });
  await run(daemon, shim, {});
  assert.equal((await shim.task.wait({ id: shim.id })).exitStatus, 6);
});

test("a shim's descriptors are all given back", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const count = () => Number(execFileSync("sh", ["-c", `ls /proc/${shim.pid}/fd | wc -l`], { encoding: "utf8" }));
  let before = 0;
  const paths = ["i", "o", "e"].map((name) => fifo(daemon, name));
  for (const io of [
    {},
    { stdin: paths[0]!, stdout: paths[1]!, stderr: paths[2]! },
    { stdout: `file://${daemon.folder}/f` },
    {
      stdout: `binary:///x/wharf-logger?driver=json-file&path=${daemon.folder}/j&attach=${daemon.folder}/a&stdin=once`,
    },
  ]) {
    await run(daemon, shim, io);
    await shim.task.kill({ id: shim.id, signal: 9 });
    await shim.task.wait({ id: shim.id });
    await shim.task.delete({ id: shim.id });
    // the first task opens the connection for events
    before ||= count();
  }
  await settles(count, (now) => assert.ok(now <= before, `${now} descriptors, before ${before}`));
  assert.ok(!existsSync(join(daemon.folder, "a")), "the attach socket is gone");
  closeSync(openSync("/dev/null", "r"));
});
