// The core with the real agent, our shim and runt: what unit tests do with a fake agent, and the tasks.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "../../src/daemon/agent/client.ts";
import { leasesSuite } from "../../src/daemon/containerd/conformance/leases.ts";
import { snapshotsSuite } from "../../src/daemon/containerd/conformance/snapshots.ts";
import { type TaskSubject, tasksSuite } from "../../src/daemon/containerd/conformance/tasks.ts";
import { createCore } from "../../src/daemon/containerd/core.ts";
import { uniqueName } from "../support/run.ts";

const BIN = join(import.meta.dirname, "../../dist/bin");

async function create(): Promise<TaskSubject> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const root = join(dir, "root");
  const state = join(dir, "state");
  const image = join(dir, "image");
  for (const path of ["bin", "proc", "dev"]) mkdirSync(join(image, path), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(image, "bin/busybox"));
  mkdirSync(state);
  const start = async () => {
    // The agent dies with its daemon.
    const agent = await startAgent({ state, binary: join(BIN, "wharf-agent") });
    return { agent, core: await createCore({ root, state, agent, shimPath: [BIN] }) };
  };
  const stop = async () => {
    await running.core[Symbol.asyncDispose]();
    await running.agent[Symbol.asyncDispose]();
  };
  let running = await start();
  return {
    dir,
    state,
    cgroup: uniqueName("core"),
    runtime: { name: "io.containerd.runt.v2" },
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

snapshotsSuite("agent", create);
leasesSuite("agent", create);
tasksSuite("runt", create);
