// The cleanup after a shim that died, beside others that go on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { Daemon } from "./harness.ts";

test("delete leaves alone the socket of another shim of the group, also of one that hangs, and takes away a dead one's", async () => {
  await using daemon = new Daemon();
  const id = uniqueName("c");
  const bundle = daemon.bundle(id);
  const path = join(daemon.folder, "group.sock");
  writeFileSync(join(bundle, "address"), `unix://${path}`);
  // a process that is stopped accepts nothing: what fits into its queue waits there, and the next is refused
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1])
print("full", flush=True); sys.stdin.read()`;
  const other = spawn("python3", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  await once(other.stdout, "data");
  const hangs = daemon.command(id, bundle, "delete");
  assert.deepEqual([hangs.status, String(hangs.stderr)], [0, ""]);
  assert.ok(existsSync(path), "it is another's");
  other.stdin.end();
  await once(other, "close");
  assert.equal(daemon.command(id, bundle, "delete").status, 0);
  assert.ok(!existsSync(path), "nobody listens there any more");
});
