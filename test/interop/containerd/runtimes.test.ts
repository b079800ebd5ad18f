// Real runtimes under our daemon: runc, crun and gVisor's runsc, as handlers of Docker's API with our shim and for the real ctr with containerd's.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { checker, runScript } from "./steps.ts";

test("wharfd runs containers with runc, crun and runsc", async (t) => {
  const all = runScript(t, "runtimes.sh", join(ROOT, "dist/bin"), 500_000);
  const check = checker(t, all);
  for (const name of ["runt", "runc", "crun", "gvisor"]) {
    await check(`${name}-run`, 7, /^hello\nerror\n$|^error\nhello\n$/);
    await check(`${name}-detached`, 0, /^[0-9a-f]{64}\n$/);
    await check(`${name}-logs`, 0, /^$/);
    await check(`${name}-exec`, 5, /^data\n$/);
    // gVisor is a kernel of its own
    await check(`${name}-kernel`, 0, name === "gvisor" ? /2016/ : /SMP (?!.*2016)/);
    await check(`${name}-stats`, 0, /^[\d.]+% [1-9]\d*(\.\d+)?[KM]iB \/ /);
    await check(`${name}-pause`, 0, new RegExp(name));
    await check(`${name}-paused`, 0, new RegExp(`^${name} .*\\(Paused\\)`, "m"));
    await check(`${name}-unpause`, 0, new RegExp(name));
    await check(`${name}-kill`, 0, new RegExp(name));
    await check(`${name}-wait`, 0, /^9\n$/);
    await check(`${name}-rm`, 0, new RegExp(name));
    // docker's command does not know crun's words
    await check(`${name}-missing`, name === "crun" ? 125 : 127, /\/no\/such\/program/);
    // Debian's runsc gives its programs no terminal, without us neither
    if (name !== "gvisor") await check(`${name}-terminal`, 3, /^$/);
  }
  await check("by-shim", 0, /^by its name\n$/);
  for (const name of ["shim-runc", "shim-crun", "shim-gvisor"]) {
    await check(`${name}-run`, 7, /^hello\n/);
    await check(`${name}-detached`, 0, /^$/);
    await check(`${name}-logs`, 0, /^$/);
    await check(`${name}-exec`, 5, /^in exec\n/);
    await check(`${name}-ps`, 0, /^PID/);
    await check(`${name}-metrics`, 0, /memory/);
    await check(`${name}-pause`, 0, /^$/);
    await check(`${name}-paused`, 0, /PAUSED/);
    await check(`${name}-resume`, 0, /^$/);
    await check(`${name}-kill`, 0, /^$/);
    await check(`${name}-stopped`, 0, /^$/);
    await check(`${name}-delete`, 0, /exit code 9/);
    await check(`${name}-remove`, 0, /^$/);
  }
  await check("failed-create", 1, /failed to open stdin fifo/);
  await check("failed-left", 1, /^$/);
  await check("failed-again", 7, /^$/);
  await check("dead-detached", 0, /^$/);
  await check("dead-stopped", 0, /^$/);
  await check("dead-delete", 0, /exit code 137/);
  await check("dead-remove", 0, /^$/);
  await t.test("nothing is left", () => {
    assert.doesNotMatch(all.get("left")!.said, /^[1-9]\d*$|[0-9a-f]{12}|shim-|dead/m, all.get("left")!.said);
  });
  await check("missing-binary", 1, /runtime handler "kata": there is no program "no-such-kata" in PATH/);
  await check("missing-shim", 1, /runtime handler "kata": .*containerd-shim-kata-v2/);
  await check(
    "foreign-shim",
    1,
    /runtime handler "other": the shim ".*containerd-shim-runc-v2" cannot keep Docker's log/,
  );
});
