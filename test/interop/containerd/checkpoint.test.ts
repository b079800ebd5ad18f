// Checkpoint and restore through containerd's API: ctr, the daemon, the shim, and runt or runc with criu, in the peers root.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { checker, runScript } from "./steps.ts";

test("checkpoint and restore by ctr, wharfd, shim and runtime", async (t) => {
  const all = runScript(t, "checkpoint.sh", join(ROOT, "dist/bin"), 500_000);
  const check = checker(t, all);
  const fine = async (...names: string[]) => {
    for (const name of names) await check(name, 0, /(?:)/);
  };
  await fine("run");
  // content under an image's name, or a folder; the task goes on, or ends
  await check("checkpoint", 0, /^containerd\.io\/checkpoint\/a:/);
  await fine("goes-on");
  await check("contents", 0, /^1$/m);
  await fine("image-path", "images");
  await check("exit", 0, /^containerd\.io\/checkpoint\/a:/);
  await fine("ended");
  await check("of-stopped", 1, /cannot checkpoint a stopped process/);
  // it goes on where it was, with streams of its own, and can be kept again
  await fine("restore", "still-counts");
  await check("bundle", 2, /^(?:ls: cannot access .*\n){2}$/);
  await check("exec", 0, /^inside$/m);
  await fine("again", "restore-again", "second-life", "gone");
  await fine("file", "file-kept", "file-restored", "file-goes-on", "file-written");
  await fine("terminal", "terminal-kept", "terminal-restored", "terminal-goes-on");
  // a container with its files and processes, by the real ctr and ours
  for (const name of ["real", "ours"]) {
    await fine(`${name}-kept`, `${name}-restored`);
    await check(`${name}-count`, 0, /^1$/m);
  }
  await fine("runc", "runc-kept", "runc-restored", "runc-goes-on");
  await t.test("nothing is left", () => {
    const { said } = all.get("left")!;
    assert.deepEqual(
      said.split("\n").filter((line) => line !== "" && !line.endsWith(":")),
      [],
      said,
    );
  });
});
