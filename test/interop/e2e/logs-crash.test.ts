// Logs rotate while the daemon is killed, dead, and back: who follows them before has a beginning of what was written, who does afterwards has all of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { BIN, build, Daemon, until } from "./daemon.ts";

before(build);

const LINES = 20_000;
const FIRST = 10_000_000;
const PARTS = 4;

const digestOf = (text: Buffer | string) => createHash("md5").update(text).digest("hex");

/** `wharf logs -f`: what it has printed, and its end. */
function follow(daemon: Daemon, name: string) {
  const child = spawn(join(BIN, "wharf"), ["logs", "-f", name], { env: { ...process.env, ...daemon.env } });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk));
  const all = () => Buffer.concat(chunks);
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  return { all, ended };
}

test("logs -f over rotations and kill -9 of the daemon: no line is lost, none comes twice", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const sync = join(daemon.state, "sync");
  mkdirSync(sync);
  const go = (part: number) => writeFileSync(join(sync, String(part)), "");
  const flags = ["--log-opt", "max-size=400k", "--log-opt", "max-file=100", "--network", "none"];
  const script = `for i in 0 1 2 3; do
    until [ -e /sync/$i ]; do sleep 0.05; done
    seq $((${FIRST} + i * ${LINES})) $((${FIRST} + (i + 1) * ${LINES} - 1))
    : > /sync/done.$i
  done`;
  const id = await daemon.ok("run", "-d", "-v", `${sync}:/sync`, ...flags, "busybox", "sh", "-c", script);
  const files = () => readdirSync(join(daemon.root, "containers", id)).filter((name) => name.includes(".log"));
  const expected = Array.from({ length: PARTS * LINES }, (_, i) => `${FIRST + i}\n`).join("");
  const size = expected.length / PARTS;

  const before = follow(daemon, id);
  go(0);
  await until("the first part", () => before.all().length >= size);
  // killed while it is written
  go(1);
  await until("some of the second", () => before.all().length > size);
  await daemon.end("SIGKILL");
  await before.ended;
  const seen = before.all();
  assert.equal(digestOf(seen), digestOf(expected.slice(0, seen.length)));
  const rotated = files().length;
  go(2);
  await until("rotations without a daemon", () => files().length >= rotated + 3);
  await daemon.start();
  const after = follow(daemon, id);
  await until("what was written meanwhile", () => after.all().length >= 2 * size);
  go(3);
  await after.ended;
  assert.equal(digestOf(after.all()), digestOf(expected));
  assert.ok(files().length > 12, `${files().length} files`);
  assert.equal(digestOf(`${await daemon.ok("logs", id)}\n`), digestOf(expected));

  // another run, with another shim, goes on in the same log
  await daemon.ok("start", "-a", id);
  assert.equal(digestOf(`${await daemon.ok("logs", id)}\n`), digestOf(expected + expected));
  await daemon.removeAll();
});
