// docker-py, the API's client of Python programs, on our socket.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { execute } from "../cli/program.ts";
import { build, Daemon } from "../e2e/daemon.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

test("docker-py: containers, logs, exec, files, images, volumes, the network, events", async () => {
  const script = join(ROOT, "test/interop/docker-py/scenario.py");
  const binds = ["--bind", daemon.dir, "--bind", join(ROOT, "test/interop/docker-py")];
  const peers = join(ROOT, "tools/peers");
  const { stdout, stderr, code } = await execute([
    peers,
    "enter",
    ...binds,
    "python3",
    "-W",
    "error",
    script,
    `unix://${daemon.socket}`,
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "done\n");
  await daemon.clean();
});
