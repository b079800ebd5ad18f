import assert from "node:assert/strict";
import { appendFileSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { OUR_SHIM, ShimLogs } from "./shim-logs.ts";

function setUp(t: TestContext, binary: string) {
  const bundle = mkdtempSync(join(tmpdir(), "shim-log-"));
  t.after(() => rmSync(bundle, { recursive: true }));
  const log = join(bundle, "log");
  writeFileSync(log, "");
  const record = { namespace: "a", id: "c1", bundle, binary, shim: { address: "", version: 2 }, pid: 0 };
  const lines: string[] = [];
  const faults: string[] = [];
  const open = () =>
    new ShimLogs({
      agent: new FakeAgent(),
      log: (message, error) => faults.push(`${message}: ${error}`),
      shimLine: (line, { namespace, id }) => lines.push(`${namespace}/${id} ${line}`),
    });
  const told = async (count: number) => {
    for (const end = Date.now() + 60_000; lines.length < count; await sleep(5))
      assert.ok(Date.now() < end, `${lines.length} lines in place of ${count}`);
  };
  return { log, record, lines, faults, open, told };
}

test("ShimLogs: another's shim writes into a FIFO, and is read as it does", async (t) => {
  const { log, record, lines, faults, open, told } = setUp(t, "/usr/bin/containerd-shim-runc-v2");
  const logs = open();
  await logs.make(record);
  assert.ok(statSync(log).isFIFO());
  const fd = openSync(log, "w");
  writeSync(fd, "one\n\ntw");
  await told(1);
  writeSync(fd, "o\nthree");
  await told(2);
  const long = "x".repeat(20_000);
  writeSync(fd, `\n${long}\n`);
  await told(5);
  assert.equal(logs.last(record.bundle), `three; ${long.slice(0, 16384)}; ${long.slice(16384)}`);
  closeSync(fd);
  // another writer, as with a shim's delete; what nobody has read yet counts
  appendFileSync(log, "four\nend");
  assert.match(logs.last(record.bundle), /; four$/);
  logs.end(record);
  const expected = ["one", "two", "three", long.slice(0, 16384), long.slice(16384), "four", "end"];
  assert.deepEqual(
    lines,
    expected.map((line) => `a/c1 ${line}`),
  );
  assert.deepEqual(faults, []);
});

test("ShimLogs: the next daemon reads on, and the shim is not ended by a daemon that is gone", async (t) => {
  const { log, record, lines, open, told } = setUp(t, "/usr/bin/containerd-shim-runc-v2");
  const first = open();
  await first.make(record);
  const fd = openSync(log, "r+");
  writeSync(fd, "one\n");
  first[Symbol.dispose]();
  assert.deepEqual(lines, ["a/c1 one"]);
  writeSync(fd, "two\n");
  using second = open();
  second.follow(record);
  second.follow(record);
  await told(2);
  closeSync(fd);
  assert.deepEqual(lines, ["a/c1 one", "a/c1 two"]);
});

test("ShimLogs: what our own shim wrote into its file is told at its end", async (t) => {
  const { log, record, lines, open } = setUp(t, `/opt/wharf/bin/${OUR_SHIM}`);
  using logs = open();
  await logs.make(record);
  logs.follow(record);
  assert.ok(statSync(log).isFile());
  assert.equal(logs.last(record.bundle), "");
  appendFileSync(log, "one\ntwo\nthree\nfour\n");
  assert.equal(logs.last(record.bundle), "two; three; four");
  assert.deepEqual(lines, []);
  logs.end(record);
  assert.deepEqual(lines, ["a/c1 one", "a/c1 two", "a/c1 three", "a/c1 four"]);
  rmSync(log);
  logs.end(record);
  assert.equal(lines.length, 4, "without a log there is nothing to tell");
});
