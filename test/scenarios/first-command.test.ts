// The README's first command, as a new user types it: sets up what is missing, starts the daemon, prints hello.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../tools/lib/native.ts";
import { execute } from "../interop/cli/program.ts";
import { Daemon } from "../interop/e2e/daemon.ts";
import { removeCgroups } from "../support/cgroups.ts";

test("./wharf run --rm busybox echo hello", { timeout: 240_000 }, async () => {
  await using daemon = Daemon.prepare({ env: { WHARF_AUTOSTART: "1" } });
  const wharf = (...args: string[]) => execute([join(ROOT, "wharf"), ...args], { env: daemon.env, timeoutMs: 200_000 });
  try {
    const { stdout, stderr, code } = await wharf("run", "--rm", "busybox", "echo", "hello");
    assert.deepEqual([stdout, code], ["hello\n", 0], stderr);
    // and again: all is there, so it is quick and says nothing but hello
    const begin = performance.now();
    const again = await wharf("run", "--rm", "busybox", "echo", "hello");
    assert.deepEqual(again, { stdout: "hello\n", stderr: "", code: 0 });
    assert.ok(performance.now() - begin < 1000, `${performance.now() - begin} ms`);
  } finally {
    // the one the CLI started is not ours to wait for: it is told to end
    await wharf("daemon", "stop");
    assert.ok(!existsSync(join(daemon.state, "wharfd.pid")));
    // the containers' cgroups were below this one, which stays, as dockerd's does
    removeCgroups("docker");
  }
});
