import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { removeUnused } from "./earlier-builds.ts";

test("removeUnused() keeps the current build and the one that a daemon runs out of", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "builds-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["one", "two", "three"]) mkdirSync(join(folder, name));
  const script = `${folder}/../${basename(folder)}/two/wharfd.mjs`;
  const daemon = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)", script]);
  await once(daemon.stdout, "data");
  removeUnused(folder, "three");
  assert.deepEqual(readdirSync(folder).sort(), ["three", "two"]);
  daemon.kill();
  await once(daemon, "exit");
  removeUnused(folder, "three");
  assert.deepEqual(readdirSync(folder), ["three"]);
});
