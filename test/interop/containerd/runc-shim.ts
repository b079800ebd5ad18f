// Run inside the peers' root: the core's tasks with containerd's own shim and runc.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ContainerdCore } from "../../../src/daemon/containerd/api.ts";
import { FakeAgent } from "../../../src/daemon/containerd/conformance/fake-agent.ts";
import { taskCrashSuite } from "../../../src/daemon/containerd/conformance/task-crash.ts";
import { type TaskSubject, tasksSuite } from "../../../src/daemon/containerd/conformance/tasks.ts";
import { createCore } from "../../../src/daemon/containerd/core.ts";
import { uniqueName } from "../../support/run.ts";

function busybox(dir: string): string {
  for (const path of ["bin", "proc", "dev"]) mkdirSync(join(dir, path), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(dir, "bin/busybox"));
  return dir;
}

async function create(): Promise<TaskSubject> {
  const dir = mkdtempSync("/tmp/wharf-tasks-");
  const root = join(dir, "root");
  const state = join(dir, "state");
  const image = busybox(join(dir, "image"));
  const start = () => createCore({ root, state, agent: new FakeAgent() });
  let core: ContainerdCore = await start();
  return {
    dir,
    state,
    cgroup: uniqueName("tasks"),
    runtime: "io.containerd.runc.v2",
    rootfs: [{ type: "bind", source: image, target: "", options: ["rbind", "rw"] }],
    client: (namespace) => core.namespace(namespace),
    restart: async (between) => {
      await core[Symbol.asyncDispose]();
      await between?.();
      core = await start();
    },
    [Symbol.asyncDispose]: async () => {
      const { tasks } = core.namespace("a");
      for (const { containerId, status } of await tasks.list()) {
        if (status !== "stopped") await tasks.kill({ containerId, signal: 9, all: true }).catch(() => {});
        await tasks.wait({ containerId }).catch(() => {});
        await tasks.delete(containerId);
      }
      await core[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

tasksSuite("containerd-shim-runc-v2", create);

taskCrashSuite(
  "containerd-shim-runc-v2",
  () => {
    const dir = mkdtempSync("/tmp/wharf-crash-");
    return {
      root: join(dir, "root"),
      state: join(dir, "state"),
      rootfs: busybox(join(dir, "image")),
      runtime: "io.containerd.runc.v2",
      cgroup: `/${uniqueName("crash")}`,
      [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
    };
  },
  ({ root, state }) => createCore({ root, state, agent: new FakeAgent() }),
);
