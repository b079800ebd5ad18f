// Whose child a container's process is, from its birth on: who looks for the shim finds it there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Daemon } from "./harness.ts";

test("a container's first process is the shim's child while it is still being made", async () => {
  await using daemon = new Daemon();
  const found = join(daemon.folder, "found");
  // runs in the runtime, which is a helper of the shim's
  const look = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); grep PPid: /proc/$pid/status > ${found}`;
  const hook = { path: "/bin/sh", args: ["sh", "-c", look] };
  await using shim = await daemon.start({ hooks: { createRuntime: [hook] } });
  await daemon.create(shim);
  assert.equal(readFileSync(found, "utf8"), `PPid:\t${shim.pid}\n`);
  await shim.task.delete({ id: shim.id });
});
