import assert from "node:assert/strict";
import fs, {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { LineEncoder } from "./encode.ts";
import { idOf } from "./part.ts";
import { readLog } from "./reader.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wharf-logs-"));
  path = join(directory, "x.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

const line = (text: string) =>
  `${JSON.stringify({ log: `${text}\n`, stream: "stdout", time: "2026-01-02T03:04:05.000000000Z" })}\n`;
const never = new AbortController().signal;
const encoder = new LineEncoder({ stdout: true, stderr: true, multiplexed: false });
const textsOf = (lines: Buffer): string[] => encoder.encode(lines).toString().split("\n").slice(0, -1);

async function all(options: { tail?: number } = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of readLog(path, { ...options, signal: never })) found.push(...textsOf(batch));
  return found;
}

/** Follows until `over` resolves; `seen` grows meanwhile. */
function follow(over: Promise<void>, options: { tail?: number } = {}): { seen: string[]; done: Promise<void> } {
  const seen: string[] = [];
  const done = (async () => {
    for await (const batch of readLog(path, { ...options, until: over, signal: never })) seen.push(...textsOf(batch));
  })();
  return { seen, done };
}

/** What the shim does when the log is full. */
function rotate(keep: number): void {
  rmSync(`${path}.${keep - 1}`, { force: true });
  for (let at = keep - 2; at >= 1; at--) {
    try {
      renameSync(`${path}.${at}`, `${path}.${at + 1}`);
    } catch {}
  }
  renameSync(path, `${path}.1`);
}

/** Follows a log of 400 lines that is rotated by `turn` after each 40, and expects all of them once. */
async function rotating(turn: (round: number) => void | Promise<void>): Promise<void> {
  writeFileSync(path, "");
  const end = Promise.withResolvers<void>();
  const { seen, done } = follow(end.promise);
  const expected: string[] = [];
  for (let at = 0; at < 400; at++) {
    expected.push(String(at));
    appendFileSync(path, line(String(at)));
    if (at % 40 !== 39) continue;
    await turn((at - 39) / 40);
    await sleep(3);
  }
  end.resolve();
  await done;
  assert.deepEqual(seen, expected);
}

/** What the shim's packer makes: a member without content that names the file, then the content. */
function pack(name: string): void {
  const extra = Buffer.from(JSON.stringify({ file: idOf(statSync(name, { bigint: true })) }));
  const empty = gzipSync("");
  const head = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, extra.length, 0]);
  const label = Buffer.concat([head, extra, empty.subarray(10)]);
  writeFileSync(`${name}.gz.tmp`, Buffer.concat([label, gzipSync(readFileSync(name))]));
  renameSync(`${name}.gz.tmp`, `${name}.gz`);
  rmSync(name);
}

test("readLog() of a log that is not there is empty", async () => {
  assert.deepEqual(await all(), []);
});

test("readLog() reads rotated files oldest first, and leaves out what is no entry", async () => {
  writeFileSync(`${path}.2`, line("1") + line("2"));
  writeFileSync(`${path}.1`, `${line("3")}garbage\n${line("4")}`);
  writeFileSync(path, `${line("5")}{"log":"cut`);
  assert.deepEqual(await all(), ["1", "2", "3", "4", "5"]);
});

test("readLog() with tail begins at the last lines, over files and blocks", async () => {
  const many = Array.from({ length: 3000 }, (_, at) => `line ${at}`);
  writeFileSync(`${path}.1`, many.slice(0, 1500).map(line).join(""));
  writeFileSync(path, many.slice(1500).map(line).join(""));
  for (const tail of [0, 1, 2, 1499, 1500, 1501, 2999, 3000, 5000])
    assert.deepEqual(await all({ tail }), tail === 0 ? [] : many.slice(-tail), String(tail));
});

for (const tail of [undefined, 2]) {
  test(`readLog() ends where the log ended when it was begun, ${tail ? "with tail" : "all of it"}`, async () => {
    writeFileSync(path, ["1", "2", "3"].map(line).join(""));
    const signal = new AbortController().signal;
    const reading = readLog(path, { tail, signal });
    const lines: string[] = [];
    for await (const some of reading) {
      lines.push(...some.toString().split("\n").filter(Boolean));
      // more is written, and the log is rotated
      appendFileSync(path, line("4"));
      if (some.length > 0) rotate(2);
      if (lines.length > 30) break;
    }
    assert.deepEqual(
      lines.map((text) => (JSON.parse(text) as { log: string }).log.trim()),
      ["1", "2", "3"].slice(-(tail ?? 3)),
    );
  });
}

test("readLog() reads packed files in their place, its tail as well, and leaves nothing behind", async () => {
  const many = Array.from({ length: 3000 }, (_, at) => `line ${at}`);
  for (const [at, name] of [`${path}.3`, `${path}.2`, `${path}.1`, path].entries())
    writeFileSync(
      name,
      many
        .slice(at * 750, at * 750 + 750)
        .map(line)
        .join(""),
    );
  pack(`${path}.3`);
  pack(`${path}.2`);
  // As docker packs: without a label.
  writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(`${path}.1`)));
  assert.deepEqual(await all(), many);
  rmSync(`${path}.1`);
  for (const tail of [0, 1, 750, 751, 1500, 2999, 4000])
    assert.deepEqual(await all({ tail }), tail === 0 ? [] : many.slice(-tail), String(tail));
  assert.deepEqual(readdirSync(directory).sort(), ["x.log", "x.log.1.gz", "x.log.2.gz", "x.log.3.gz"]);
  writeFileSync(`${path}.2.gz`, "no gzip");
  await assert.rejects(all(), { code: "DataLoss" });
});

test("readLog() loses and repeats nothing while files are rotated and packed under it", async () => {
  await rotating(async (round) => {
    for (let i = 11; i >= 1; i--)
      if (existsSync(`${path}.${i}.gz`)) renameSync(`${path}.${i}.gz`, `${path}.${i + 1}.gz`);
    rotate(2);
    writeFileSync(path, "");
    if (round % 2 === 0) await sleep(3);
    pack(`${path}.1`);
  });
});

test("readLog() follows a log from before its first line to after its last one", async () => {
  const end = Promise.withResolvers<void>();
  const { seen, done } = follow(end.promise);
  await sleep(20);
  for (let at = 0; at < 5; at++) {
    appendFileSync(path, line(String(at)));
    await sleep(5);
  }
  appendFileSync(path, line("last"));
  end.resolve();
  await done;
  assert.deepEqual(seen, ["0", "1", "2", "3", "4", "last"]);
});

test("readLog() loses and repeats nothing while a log is rotated quickly under it", async () => {
  await rotating(() => {
    // all are kept: a reader that a busy machine holds up may come to the first one only when the last is written
    rotate(12);
    writeFileSync(path, "");
  });
});

test("readLog() goes on with the oldest that is left when its file was rotated away", async () => {
  writeFileSync(path, line("a"));
  const end = Promise.withResolvers<void>();
  const { seen, done } = follow(end.promise);
  for (let wait = 0; seen.length === 0 && wait < 6000; wait++) await sleep(10);
  for (const name of ["b", "c", "d"]) {
    rotate(2);
    writeFileSync(path, line(name));
  }
  end.resolve();
  await done;
  assert.deepEqual(seen, ["a", "c", "d"]);
});

test("readLog() begins again when the log is truncated in place", async () => {
  writeFileSync(path, line("first") + line("second"));
  const end = Promise.withResolvers<void>();
  const { seen, done } = follow(end.promise);
  for (let wait = 0; seen.length < 2 && wait < 6000; wait++) await sleep(10);
  truncateSync(path, 0);
  appendFileSync(path, line("x"));
  end.resolve();
  await done;
  assert.deepEqual(seen, ["first", "second", "x"]);
});

test("readLog() ends when its signal is aborted", async () => {
  writeFileSync(path, line("a"));
  const controller = new AbortController();
  const reading = (async () => {
    for await (const _ of readLog(path, { until: new Promise(() => {}), signal: controller.signal }))
      controller.abort();
  })();
  await reading;
});

test("readLog() follows a log also where the kernel has no watch for it", async () => {
  const refused = mock.method(fs, "watch", () => {
    throw Object.assign(new Error("ENOSPC: System limit for number of file watchers reached"), { code: "ENOSPC" });
  });
  syncBuiltinESMExports();
  try {
    writeFileSync(path, line("first"));
    const over = Promise.withResolvers<void>();
    const { seen, done } = follow(over.promise);
    while (!seen.includes("first")) await sleep(10);
    appendFileSync(path, line("second"));
    while (!seen.includes("second")) await sleep(10);
    over.resolve();
    await done;
    assert.ok(refused.mock.callCount() > 0);
  } finally {
    refused.mock.restore();
    syncBuiltinESMExports();
  }
});
