// The README's first command, as a new user types it: sets up what is missing, starts the daemon, prints hello.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../tools/lib/native.ts";
import { execute } from "../interop/cli/program.ts";
import { BIN, Daemon } from "../interop/e2e/daemon.ts";

test("./wharf run --rm busybox echo hello", async () => {
  await using daemon = Daemon.prepare({ env: { WHARF_AUTOSTART: "1" } });
  // the daemon as it is, but for its containers' cgroups: below /docker another's may live
  const WHARFD = join(daemon.dir, "wharfd");
  const start = `#!/bin/sh\nexec ${join(BIN, "wharfd")} --cgroup-parent /${daemon.cgroup} "$@"\n`;
  writeFileSync(WHARFD, start, { mode: 0o755 });
  const env = { ...daemon.env, WHARFD };
  const wharf = (...args: string[]) => execute([join(ROOT, "wharf"), ...args], { env, timeoutMs: 200_000 });
  const made = () => [
    readFileSync(join(daemon.state, "wharfd.pid"), "utf8"),
    ...["build/ready", "dist/bin/wharf", "dist/bin/wharfd"].map((name) => statSync(join(ROOT, name)).mtimeMs),
  ];
  try {
    const { stdout, stderr, code } = await wharf("run", "--rm", "busybox", "echo", "hello");
    assert.deepEqual([stdout, code], ["hello\n", 0], stderr);
    // and again: all is there, so nothing is made or started anew, and it says nothing but hello
    const before = made();
    const again = await wharf("run", "--rm", "busybox", "echo", "hello");
    assert.deepEqual(again, { stdout: "hello\n", stderr: "", code: 0 });
    assert.deepEqual(made(), before);
  } finally {
    // the one the CLI started is not ours to wait for: it is told to end
    await wharf("daemon", "stop");
    assert.ok(!existsSync(join(daemon.state, "wharfd.pid")));
  }
});
