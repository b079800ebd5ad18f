// The daemon is killed when a container of a pod has been made and nobody has been told: after the next start it is not there, and can be made again.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { execute } from "../cli/program.ts";
import { BIN, build, Daemon } from "./daemon.ts";

test("what a pod's shim made for somebody who was never answered is taken away, and the pod goes on", async () => {
  build();
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const ctr = (...args: string[]) =>
    execute([join(BIN, "ctr"), "-a", join(daemon.state, "containerd.sock"), "-n", "moby", ...args]);
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await ctr(...args);
    assert.equal(code, 0, `ctr ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const pod = join(daemon.dir, "pod.json");
  const namespaces = ["ipc", "uts"].map((type) => ({ type }));
  writeFileSync(pod, JSON.stringify({ ociVersion: "1.1.0", hostname: "pod", linux: { namespaces } }));
  await ok("sandboxes", "run", "--runtime", "io.containerd.runt.v2", pod, "pod");
  const image = "docker.io/library/busybox:latest";
  const run = (name: string) => [
    ...["run", "-d", "--fifo-dir", join(daemon.dir, "fifo"), "--runtime", "io.containerd.runt.v2", "--sandbox", "pod"],
    ...["--cgroup", `/${daemon.cgroup}/${name}`, image, name, "sleep", "1000"],
  ];
  await ok(...run("stays"));
  await daemon.restart("SIGKILL", { WHARF_FAILPOINT: "task.created" });
  const { code } = await ctr(...run("lost"));
  assert.notEqual(code, 0, "the daemon was killed before it answered");
  await daemon.ended();
  await daemon.start();
  const tasks = await ok("tasks", "ls");
  assert.match(tasks, /^stays +\d+ +RUNNING/m);
  assert.doesNotMatch(tasks, /^lost/m);
  await ok("containers", "rm", "lost");
  await ok(...run("lost"));
  assert.match(await ok("tasks", "ls"), /^lost +\d+ +RUNNING/m);
  // once it has been answered it is kept, as any other
  await daemon.restart();
  assert.match(await ok("tasks", "ls"), /^lost +\d+ +RUNNING/m);
  for (const name of ["stays", "lost"]) {
    await ok("tasks", "rm", "-f", name);
    await ok("containers", "rm", name);
  }
  await ok("sandboxes", "rm", "pod");
  removeCgroups(daemon.cgroup);
});
