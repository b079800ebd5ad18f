// Run inside the peers' root: the core's tasks with containerd's own shim, or with ours (`runt`), and runc.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { startAgent } from "../../../src/daemon/agent/client.ts";
import { FakeAgent } from "../../../src/daemon/containerd/conformance/fake-agent.ts";
import { podSandboxesSuite } from "../../../src/daemon/containerd/conformance/podsandboxes.ts";
import { taskCrashSuite } from "../../../src/daemon/containerd/conformance/task-crash.ts";
import type { TaskSubject } from "../../../src/daemon/containerd/conformance/task-harness.ts";
import { tasksSuite } from "../../../src/daemon/containerd/conformance/tasks.ts";
import { createCore } from "../../../src/daemon/containerd/core.ts";
import { uniqueName } from "../../support/run.ts";

const RUNTIME = `io.containerd.${process.argv[2] ?? "runc"}.v2`;
const BIN = join(import.meta.dirname, "../../../dist/bin");

function busybox(dir: string): string {
  for (const path of ["bin", "proc", "dev"]) mkdirSync(join(dir, path), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(dir, "bin/busybox"));
  return dir;
}

async function create(): Promise<TaskSubject> {
  const dir = mkdtempSync("/tmp/wharf-tasks-");
  // Roots of user namespaces look into it.
  chmodSync(dir, 0o755);
  const root = join(dir, "root");
  const state = join(dir, "state");
  const image = busybox(join(dir, "image"));
  const holder = join(BIN, "wharf-agent");
  mkdirSync(state);
  const start = async () => {
    const agent = await startAgent({ state, binary: holder });
    return { agent, core: await createCore({ root, state, agent, shimPath: [BIN], holder }) };
  };
  const stop = async () => {
    await running.core[Symbol.asyncDispose]();
    await running.agent[Symbol.asyncDispose]();
  };
  let running = await start();
  return {
    dir,
    state,
    cgroup: uniqueName("tasks"),
    runtime: { name: RUNTIME, options: packAny(Options, { binaryName: "runc" }) },
    rootfs: [{ type: "bind", source: image, target: "", options: ["rbind", "rw"] }],
    client: (namespace) => running.core.namespace(namespace),
    restart: async (between) => {
      await stop();
      await between?.();
      running = await start();
    },
    [Symbol.asyncDispose]: async () => {
      const { tasks } = running.core.namespace("a");
      for (const { containerId, status } of await tasks.list()) {
        if (status !== "stopped") await tasks.kill({ containerId, signal: 9, all: true }).catch(() => {});
        await tasks.wait({ containerId }).catch(() => {});
        await tasks.delete(containerId);
      }
      await stop();
      rmSync(dir, { recursive: true });
    },
  };
}

tasksSuite(RUNTIME, create);
podSandboxesSuite(RUNTIME, create);

taskCrashSuite(
  RUNTIME,
  () => {
    const dir = mkdtempSync("/tmp/wharf-crash-");
    return {
      root: join(dir, "root"),
      state: join(dir, "state"),
      rootfs: busybox(join(dir, "image")),
      runtime: process.argv[2] ? join(BIN, `containerd-shim-${process.argv[2]}-v2`) : RUNTIME,
      binaryName: "runc",
      cgroup: `/${uniqueName("crash")}`,
      [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
    };
  },
  ({ root, state }) => createCore({ root, state, agent: new FakeAgent(), shimPath: [BIN] }),
);
