import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { AgentClient } from "../agent.ts";
import { lastWords } from "./last-words.ts";

test("lastWords() tells how a shim's process ended and what it wrote last", async (t) => {
  const bundle = mkdtempSync(join(tmpdir(), "words-"));
  t.after(() => rmSync(bundle, { recursive: true }));
  let log = "";
  const said = (...ends: ({ status: number; signal: number } | undefined)[]) => {
    const agent: Partial<AgentClient> = { endOf: async (pid) => (pid === 4711 ? ends.shift() : undefined) };
    return lastWords(bundle, log, agent as AgentClient);
  };
  assert.equal(await said(), " (the shim: its log is empty)", "no shim was started");
  writeFileSync(join(bundle, "shim.pid"), "4711");
  assert.equal(await said({ status: 137, signal: 9 }), " (the shim: ended by signal 9; its log is empty)");
  log = "cannot allocate memory";
  assert.match(
    await said(undefined, { status: 1, signal: 0 }),
    /^ \(the shim: ended with status 1; its log: .*memory\)$/,
  );
  assert.match(await said(), /^ \(the shim: how its process 4711 ended is not known; its log: .*memory\)$/);
});
