// The test runner itself: what it counts, and that no file gets away with a leak, a crash, a hang or a silent skip.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildImage, linuxSources, stripSources } from "../../tools/lib/images.ts";
import { buildHost } from "../../tools/lib/native.ts";
import { Run } from "../../tools/lib/run.ts";
import { removeFolder } from "../support/leaks.ts";
import { mountTable } from "../support/machine.ts";
import { innerMark } from "../support/run.ts";

const host = await buildHost(() => {});
stripSources(linuxSources());
const reaper = buildImage(host, "src/linux/reaper/main.ts");

interface Outcome {
  good: boolean;
  text: string;
  mark: string;
}

/** Runs a test file with this body, and answers what the runner says. */
async function run(t: TestContext, body: string, timeout = 120): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), "runner-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "planted.test.mjs");
  const imports = 'import { test, describe } from "node:test"; import assert from "node:assert/strict";';
  writeFileSync(
    file,
    `${imports} import fs from "node:fs"; import cp from "node:child_process"; import os from "node:os";\n${body}\n`,
  );
  const mark = innerMark();
  const tmp = join(tmpdir(), mark);
  mkdirSync(tmp);
  t.after(() => removeFolder(tmp));
  const lines: string[] = [];
  const { signal } = new AbortController();
  const tools = { host, reaper, run: mark, tmp, graceMs: 2000, signal };
  const planted = new Run(tools, { mark, alone: false }, (line) => lines.push(line));
  await planted.file({ suite: "kernel", file, world: "node", timeout });
  const good = planted.summary();
  return { good, text: lines.join("\n"), mark };
}

const last = (text: string) => text.slice(text.lastIndexOf("\n") + 1);

test("a file whose tests pass is good, and the last line counts", async (t) => {
  const { good, text } = await run(
    t,
    'test("a", () => {}); describe("group", () => { test("b", () => {}); test("c", () => {}); });',
  );
  assert.equal(last(text), "3 passed, 0 failed");
  assert.ok(good);
});

test("failed tests are told with their error, again at the end, and counted", async (t) => {
  const { good, text } = await run(
    t,
    'describe("g", () => { test("a", () => assert.equal(1, 2)); test("b", () => {}); });',
  );
  assert.equal(last(text), "1 passed, 1 failed");
  assert.equal(text.split("g › a").length, 3, "named twice");
  assert.match(text, /1 !== 2/);
  assert.ok(!good);
});

test("a skip needs a reason", async (t) => {
  const { good, text } = await run(t, 'test("a", (t) => t.skip("no such device here")); test("b", () => {});');
  assert.match(text, /a: no such device here/);
  assert.equal(last(text), "1 passed, 0 failed, 1 skipped");
  assert.ok(good);
  const silent = await run(t, 'test("a", (t) => t.skip()); test("b", () => {});');
  assert.equal(last(silent.text), "1 passed, 1 failed");
  assert.match(silent.text, /skipped without a reason/);
  assert.ok(!silent.good);
});

for (const [what, body, match] of [
  ["no tests", "", /has no tests/],
  ["a syntax error", "test(", /SyntaxError/],
  [
    "a crash after its tests",
    'test("a", () => {}); process.on("exit", () => process.abort());',
    /ended by SIGABRT|exit code 134/,
  ],
  ["a non-zero exit", 'test("a", () => {}); process.on("exit", () => { process.exitCode = 3; });', /exit code 3/],
  [
    "a hook that fails",
    'import { before } from "node:test"; before(() => { throw new Error("boom"); }); test("a", () => {});',
    /boom/,
  ],
] as const) {
  test(`a file with ${what} is a failure`, async (t) => {
    const { good, text } = await run(t, body);
    assert.ok(!good, text);
    assert.match(text, match);
    assert.match(last(text), /, 1 failed$|, 2 failed$/);
  });
}

test("a file that hangs is ended after its time, with everything it started", async (t) => {
  const { good, text } = await run(
    t,
    'test("a", async () => { cp.spawn("sleep", ["4711"]); await new Promise((r) => setTimeout(r, 60000)); });',
    8,
  );
  assert.ok(!good);
  assert.match(text, /not done after 8 s/);
  assert.doesNotMatch(text, /process .*planted\.test/);
  assert.match(text, /process \d+ \d+ sleep 4711/);
});

test("a process that got away by forking twice, with an empty environment, is found and ended", async (t) => {
  const body = 'test("a", () => { cp.execFileSync("sh", ["-c", "(setsid env -i sleep 4712 >/dev/null 2>&1 &)"]); });';
  const { good, text } = await run(t, body);
  const pid = /process (\d+) \d+ sleep 4712/.exec(text)?.[1];
  assert.ok(!good && pid, text);
  assert.ok(!existsSync(`/proc/${pid}`), "ended");
  assert.equal(last(text), "1 passed, 1 failed");
});

test("a file and a mount left behind are named and removed", async (t) => {
  const body =
    'test("a", () => { fs.mkdirSync(os.tmpdir() + "/m"); fs.writeFileSync(os.tmpdir() + "/f", ""); cp.execFileSync("mount", ["-t", "tmpfs", "none", os.tmpdir() + "/m"]); });';
  const { good, text, mark } = await run(t, body);
  assert.ok(!good);
  assert.match(text, new RegExp(`mount .*${mark}/1/m \\(tmpfs\\)`));
  assert.match(text, new RegExp(`file .*${mark}/1/f`));
  assert.deepEqual(
    mountTable().filter(({ point }) => point.includes(mark)),
    [],
  );
  assert.ok(!existsSync(join(tmpdir(), mark, "1")));
});
