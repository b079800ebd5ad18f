// `run --rm` answers as soon as nobody can see the container any more: what is left to do is done, whatever comes in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build, Daemon } from "./daemon.ts";

test("a container that removes itself is gone for its client, and its name is free", async () => {
  build();
  await using daemon = await Daemon.start();
  await daemon.busybox();
  for (let i = 0; i < 5; i++) {
    const { code } = await daemon.run(["--name", "same", "busybox", "sh", "-c", `exit ${i}`]);
    assert.equal(code, i);
    assert.equal(await daemon.ok("ps", "-aq"), "");
    const inspect = await daemon.wharf(["inspect", "same"]);
    assert.match(inspect.stderr, /No such/);
  }
  await daemon.clean();
});

test("killed right after the answer, the daemon removes it when it starts again", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  for (let i = 0; i < 4; i++) {
    const { code } = await daemon.run(["--name", "same", "busybox", "sh", "-c", `exit ${i}`]);
    assert.equal(code, i);
    await daemon.restart("SIGKILL");
    // Found as one that removes itself, perhaps under this name: who wants it waits.
    assert.equal((await daemon.run(["--name", "same", "busybox", "true"])).code, 0);
    await daemon.clean();
  }
});

test("a volume of its own is gone with it", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  assert.equal((await daemon.run(["-v", "/data", "busybox", "touch", "/data/x"])).code, 0);
  assert.equal(await daemon.ok("volume", "ls", "-q"), "");
});
