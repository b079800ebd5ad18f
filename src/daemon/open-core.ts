/** Which containerd the Docker layer works on: the daemon's own, or the one behind a socket. */

import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "./agent/client.ts";
import { defaultBinary } from "./agent/process.ts";
import type { Config } from "./config.ts";
import type { Snapshotter } from "./containerd/api/snapshots.ts";
import type { ContainerdCore } from "./containerd/api.ts";
import { createCore } from "./containerd/core.ts";
import type { Level, Log } from "./log.ts";
import { resolveShim } from "./shim/launch.ts";
import { logShimLine } from "./shim/log-line.ts";
import { lockDirectory } from "./store/lock.ts";

/** Shims lie beside the agent: dist/bin. */
export const BIN = [join(import.meta.dirname, "../../bin"), join(import.meta.dirname, "../../dist/bin")];

export interface CoreChoice {
  root: string;
  state: string;
  shimPath: readonly string[];
  /** Socket of another containerd. */
  containerd?: string | undefined;
  log: Log;
  /** What the log takes; shims are told. */
  level?: Level | undefined;
  file?: Config | undefined;
}

export interface OpenedCore {
  core: ContainerdCore;
  /** The runtime to name when nobody asks for another; undefined for the usual name. */
  runtime: string | undefined;
}

/** Unavailable when nobody answers at another containerd's socket. */
export async function openCore(choice: CoreChoice, agent: Agent, stack: AsyncDisposableStack): Promise<OpenedCore> {
  const { root, state, log, level, containerd } = choice;
  const shimPath = [...choice.shimPath, ...BIN];
  if (containerd === undefined) {
    const warn = (message: string, error?: unknown) => log("warn", message, { error });
    const shimLine = (line: string, shim: { namespace: string; id: string }) => logShimLine(log, line, shim);
    const snapshotters = await otherSnapshotters(choice.file?.snapshotters ?? {}, stack);
    const contentPolicy = choice.file?.contentPolicy;
    const { restartInterval, sandboxImage } = choice.file ?? {};
    // All of the linux world is in one program; what it is to do it knows by the name it is mounted at.
    const holder = realpathSync(defaultBinary());
    const settings = { shimPath, holder, sandboxImage, snapshotters, contentPolicy, restartInterval };
    const core = stack.use(
      await createCore({ root, state, agent, ...settings, log: warn, shimLine, debug: level === "debug" }),
    );
    return { core, runtime: undefined };
  }
  stack.use(lockDirectory(root, "root"));
  if (state !== root) stack.use(lockDirectory(state, "state"));
  const { RemoteCore } = await import("./grpc/client/core.ts");
  const core = stack.use(new RemoteCore(containerd));
  await core.ready();
  log("info", "using another containerd", { socket: containerd });
  // That one does not know where our shim lies.
  return { core, runtime: resolveShim("io.containerd.runt.v2", shimPath) };
}

/** Each behind its socket, asked in the namespace of whoever asks. */
async function otherSnapshotters(sockets: Readonly<Record<string, string>>, stack: AsyncDisposableStack) {
  const found: Record<string, (namespace: string) => Snapshotter> = {};
  for (const [name, socket] of Object.entries(sockets)) {
    const { RemoteCore } = await import("./grpc/client/core.ts");
    const remote = stack.use(new RemoteCore(socket));
    found[name] = (namespace) => remote.namespace(namespace).snapshots(name);
  }
  return found;
}
