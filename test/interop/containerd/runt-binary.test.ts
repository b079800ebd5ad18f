// runt as the program of containerd's own shim, under a real containerd: ctr run --runc-binary. (As the BinaryName that a client
// has configured it runs under dockerd, ../docker/runt.test.ts; as that of the CRI's configuration, cri-binary.test.ts.)
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { checker, runScript } from "./steps.ts";

test("containerd and ctr with their own shim, and runt as its program", async (t) => {
  const check = checker(t, runScript(t, "runt-binary.sh", join(ROOT, "dist/bin/runt")));
  await check("run", 0, /^hello from runt\n$/);
  await check("status", 7, /^err\n$/);
  await check("nothing", 1, /exec: "\/no\/such\/program": no such file or directory/);
  await check("terminal", 3, /\/dev\/pts\/0\r*\n/);
  await check("detached", 0, /^$/);
  await check("exec", 5, /^in exec\n$/);
  await check("ps", 0, /^PID +INFO *\n\d+ +-/);
  await check("metrics", 0, /memory\.limit_in_bytes +67108864|memory\.usage_limit +67108864/);
  await check("pause", 0, /^$/);
  await check("paused", 0, /c5 +\d+ +PAUSED/);
  await check("resume", 0, /^$/);
  await check("kill", 0, /^$/);
  await check("delete", 0, /exit code 137/);
  await check("remove", 0, /^$/);
});
