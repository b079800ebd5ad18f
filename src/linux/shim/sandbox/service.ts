// The sandbox service: what a daemon asks of a shim that is a pod (proto/containerd/sandbox/runtime.proto). Its containers are the task
// service's.
import { WharfError } from "../../../common/errors.ts";
import type * as api from "../../../common/gen/containerd/sandbox/runtime.ts";
import type { SandboxService } from "../../../common/gen/containerd/sandbox/runtime.ts";
import type { Handlers } from "../../../common/protobuf/schema.ts";
import type { CallContext } from "../../../common/ttrpc/server.ts";
import { now } from "../clock.ts";
import type { Reaper } from "../reaper.ts";
import { readStats } from "../stats.ts";
import { Sandbox } from "./sandbox.ts";

/** The containers of the pod. */
export interface PodContainers {
  /** There are none, and no pod. */
  readonly empty: boolean;
  /** Ends all: asked first, made to after `graceMs`. */
  endAll(graceMs: number): Promise<void>;
  /** Removes all, which have ended. */
  deleteAll(): Promise<void>;
}

/** Its methods are the service's calls, found by their names. */
export class PodService implements Handlers<typeof SandboxService, CallContext> {
  readonly #reaper: Reaper;
  readonly #containers: PodContainers;
  readonly #shutdown: () => void;
  #sandbox: Sandbox | undefined;

  constructor(reaper: Reaper, containers: PodContainers, shutdown: () => void) {
    this.#reaper = reaper;
    this.#containers = containers;
    this.#shutdown = shutdown;
  }

  /** The shim is a pod, and goes only when it is told to as one. */
  get held(): boolean {
    return this.#sandbox !== undefined;
  }

  #find(id: string): Sandbox {
    if (this.#sandbox?.id === id) return this.#sandbox;
    throw new WharfError("NotFound", `there is no sandbox ${JSON.stringify(id)} here`, { subject: id });
  }

  createSandbox(request: api.CreateSandboxRequest) {
    const { sandboxId: id, rootfs } = request;
    if (id === "") throw new WharfError("InvalidArgument", "the sandbox's id is empty");
    if (this.#sandbox) {
      const here = JSON.stringify(this.#sandbox.id);
      throw new WharfError("AlreadyExists", `the shim is sandbox ${here} already`, { subject: id });
    }
    if (rootfs.length > 0) {
      throw new WharfError("InvalidArgument", "a sandbox here has no root file system", {
        subject: id,
        hint: "its namespaces are held without a program; give the mounts to a container",
      });
    }
    this.#sandbox = new Sandbox(request, this.#reaper);
    return {};
  }

  async startSandbox({ sandboxId }: api.StartSandboxRequest) {
    const sandbox = this.#find(sandboxId);
    await sandbox.start();
    return { pid: sandbox.pid, createdAt: sandbox.createdAt };
  }

  platform({ sandboxId }: api.PlatformRequest) {
    this.#find(sandboxId);
    return { platform: { os: "linux", architecture: "amd64" } };
  }

  async stopSandbox({ sandboxId, timeoutSecs }: api.StopSandboxRequest) {
    const sandbox = this.#find(sandboxId);
    await this.#containers.endAll(timeoutSecs * 1000);
    await sandbox.stop();
    return {};
  }

  async waitSandbox({ sandboxId }: api.WaitSandboxRequest) {
    const sandbox = this.#find(sandboxId);
    await sandbox.wait();
    return { exitStatus: sandbox.exitStatus, exitedAt: sandbox.exitedAt };
  }

  sandboxStatus({ sandboxId, verbose }: api.SandboxStatusRequest) {
    const { id, pid, state, createdAt, exitedAt } = this.#find(sandboxId);
    const info: Record<string, string> = verbose ? { pid: String(pid), shim: "runt" } : {};
    return { sandboxId: id, pid, state, info, createdAt, exitedAt };
  }

  pingSandbox({ sandboxId }: api.PingRequest) {
    this.#find(sandboxId);
    return {};
  }

  /** Removes all that is left of the pod, and ends the shim: also one that has refused to be it, which containerd asks for nothing else. */
  async shutdownSandbox({ sandboxId }: api.ShutdownSandboxRequest) {
    if (this.#containers.empty) {
      this.#shutdown();
      return {};
    }
    const sandbox = this.#find(sandboxId);
    await this.#containers.endAll(0);
    await this.#containers.deleteAll();
    await sandbox.stop();
    this.#sandbox = undefined;
    this.#shutdown();
    return {};
  }

  sandboxMetrics({ sandboxId }: api.SandboxMetricsRequest) {
    const sandbox = this.#find(sandboxId);
    return { metrics: { timestamp: now(), id: sandbox.id, data: readStats(sandbox) } };
  }
}
