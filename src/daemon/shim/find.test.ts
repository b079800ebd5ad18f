import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findShim } from "./find.ts";

test("findShim() finds the shim that its file names, however busy this process is, and not one that began later", async () => {
  const bundle = mkdtempSync(join(tmpdir(), "wharf-find-"));
  const child = spawn("sleep", ["100"], { argv0: "containerd-shim-runt-v2" });
  try {
    await new Promise((resolve) => child.once("spawn", resolve));
    writeFileSync(join(bundle, "shim.pid"), String(child.pid));
    const shim = { namespace: "n", id: "i", bundle, address: "/a" };
    // turns of the event loop that take long, as at a start
    let busy = true;
    const block = () => {
      for (const end = performance.now() + 150; performance.now() < end; );
      if (busy) setImmediate(block);
    };
    setImmediate(block);
    const written = findShim(shim);
    setTimeout(() => (busy = false), 1000);
    assert.deepEqual(await written, [child.pid]);
    busy = false;
    const before = new Date(Date.now() - 3600_000);
    utimesSync(join(bundle, "shim.pid"), before, before);
    assert.deepEqual(await findShim(shim), []);
  } finally {
    child.kill("SIGKILL");
    rmSync(bundle, { recursive: true });
  }
});
