// A start is answered before it is written down that it went well: a daemon killed right then loses neither the container nor its exit code.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { build, Daemon, until } from "./daemon.ts";

const POINT = { WHARF_FAILPOINT: "container.answered" };

test("killed right after the answer to a start, the daemon has the container that runs, and the code of one that has ended", async () => {
  build();
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const start = async (name: string, script: string): Promise<void> => {
    await daemon.restart("SIGTERM", POINT);
    const { code, stderr } = await daemon.wharf([
      ...["run", "-d", "--name", name, "--network", "none", "-v", `${daemon.dir}:/shared`, "busybox", "sh", "-c"],
      script,
    ]);
    assert.equal(code, 0, stderr);
    await daemon.ended();
  };
  await start("long", "touch /shared/long; sleep 1000");
  await start("short", "touch /shared/short; exit 7");
  await until("its program", () => existsSync(`${daemon.dir}/short`));
  await daemon.start();
  const state = (name: string) => daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
  assert.equal(await state("long"), "running 0");
  assert.equal(await daemon.ok("wait", "short"), "7");
  await until("its end", async () => (await state("short")) === "exited 7");
  // it is written down: the next daemon knows it, too
  await daemon.restart("SIGTERM");
  assert.equal(await state("short"), "exited 7");
  assert.equal(await state("long"), "running 0");
});
