// A core with the real agent, our shim and runt, for the suites; `remote` puts our gRPC server and client in between.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "../../src/daemon/agent/client.ts";
import type { TaskSubject } from "../../src/daemon/containerd/conformance/task-harness.ts";
import { type CoreOptions, createCore } from "../../src/daemon/containerd/core.ts";
import { GrpcConnection } from "../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../src/daemon/grpc/client/containerd.ts";
import { serveContainerd } from "../../src/daemon/grpc/serve.ts";
import { uniqueName } from "../support/run.ts";

const BIN = join(import.meta.dirname, "../../dist/bin");

export async function createSubject(remote = false, more: Partial<CoreOptions> = {}): Promise<TaskSubject> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const root = join(dir, "root");
  const state = join(dir, "state");
  const image = join(dir, "image");
  for (const path of ["bin", "proc", "dev"]) mkdirSync(join(image, path), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(image, "bin/busybox"));
  mkdirSync(state);
  // Roots of user namespaces look into them.
  chmodSync(dir, 0o755);
  const start = async () => {
    // The agent dies with its daemon.
    const agent = await startAgent({ state, binary: join(BIN, "wharf-agent") });
    const core = await createCore({ root, state, agent, shimPath: [BIN], holder: join(BIN, "wharf-agent"), ...more });
    const socket = join(state, "containerd.sock");
    const server = remote ? await serveContainerd(socket, core, () => {}) : undefined;
    return { agent, core, server, connection: remote ? new GrpcConnection(socket) : undefined };
  };
  const stop = async () => {
    running.connection?.[Symbol.dispose]();
    await running.server?.[Symbol.asyncDispose]();
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
    client: (namespace) =>
      running.connection ? new RemoteContainerd(running.connection, namespace) : running.core.namespace(namespace),
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
