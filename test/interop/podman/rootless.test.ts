// runt under podman of a user without rights: root of a user namespace, without control groups of its own.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checker, runScript } from "../containerd/steps.ts";
import { RUNT } from "./podman.ts";

/** A tar file of busybox beside the rootfs that the script's folder has. */
function makeTar(dir: string): void {
  // the user must be able to reach it
  chmodSync(dir, 0o755);
  const root = join(dir, "image");
  for (const folder of ["bin", "tmp", "etc"]) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(root, "bin/busybox"));
  for (const name of ["sh", "id", "cat", "sleep"]) symlinkSync("busybox", join(root, "bin", name));
  execFileSync("tar", ["-C", root, "-cf", join(dir, "busybox.tar"), "."]);
}

test("podman without rights", async (t) => {
  const script = join(import.meta.dirname, "rootless.sh");
  const check = checker(t, runScript(t, script, RUNT, 500_000, makeTar));
  await check("run", 6, /^0\n +0 +1234 +1\n +1 +200000 +65536\n$/);
  await check("user", 0, /^7:8\n$/);
  await check("detached", 0, /^[0-9a-f]{64}\n$/);
  await check("exec", 5, /^0\n$/);
  await check("state", 0, /^[0-9a-f]{64}\n$/);
  await check("kill", 0, /^a\n$/);
  await check("wait", 0, /^137\n$/);
  await check("remove", 0, /^a\n$/);
});
