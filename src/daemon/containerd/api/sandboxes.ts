/**
 * Sandboxes: pods. The store keeps what they are (metadata, as the container store does), a controller runs them: `create` → `start` → `stop`
 * → `shutdown`. A container with a sandbox's id in its `sandbox` is run by the sandbox's shim.
 */

import type { Platform } from "../../../common/oci/platform.ts";
import type { Runtime } from "./containers.ts";
import type { ExitStatus, Metric } from "./tasks.ts";
import type { Any, CallOptions, FieldPaths, Filters, Labels, Mount, Timestamp } from "./types.ts";

/** Filters see `id` and `labels.<key>`. */
export interface Sandbox {
  /** 1 to 76 of letters, digits and inner `_.-`. */
  id: string;
  runtime: Runtime;
  /** An OCI runtime configuration, or whatever the runtime takes. */
  spec: Any | undefined;
  labels: Labels;
  extensions: Record<string, Any>;
  /** Name of the controller that runs it: SHIM_SANDBOXER or PODSANDBOX_SANDBOXER. */
  sandboxer: string;
  createdAt: Timestamp;
  updatedAt: Timestamp;
}

export type SandboxInput = Pick<Sandbox, "id"> & Partial<Omit<Sandbox, "id" | "createdAt" | "updatedAt">>;

export interface SandboxStore {
  /** NotFound. */
  get(id: string): Promise<Sandbox>;
  list(filters?: Filters): Promise<Sandbox[]>;
  /** AlreadyExists, InvalidArgument (id, labels). */
  create(sandbox: SandboxInput): Promise<Sandbox>;
  /** Mutable: `labels`, `extensions`, `spec`, `runtime`; without field paths the runtime's name has to stay. NotFound. */
  update(sandbox: SandboxInput, fieldPaths?: FieldPaths): Promise<Sandbox>;
  /** NotFound. What runs goes on: `shutdown` ends it. */
  delete(id: string): Promise<void>;
}

export interface CreateSandboxRequest extends CallOptions {
  id: string;
  /** What it is; looked up in the store when it is not given. */
  sandbox?: SandboxInput | undefined;
  rootfs?: readonly Mount[] | undefined;
  /** For the shim, or what holds the sandbox: CRI's PodSandboxConfig. */
  options?: Any | undefined;
  /** A network namespace to be in. */
  netnsPath?: string | undefined;
  annotations?: Record<string, string> | undefined;
}

export interface SandboxInstance {
  pid: number;
  createdAt: Timestamp;
  labels: Labels;
  /** Where its shim serves the task API: `ttrpc+unix:///path`, and in which version. */
  address: string;
  version: number;
}

export interface SandboxStatus {
  pid: number;
  /** `SANDBOX_READY` or `SANDBOX_NOTREADY`; empty for a sandbox that is not there. */
  state: string;
  info: Record<string, string>;
  createdAt: Timestamp | undefined;
  exitedAt: Timestamp | undefined;
  extra: Any | undefined;
  address: string;
  version: number;
}

/** Methods answer NotFound for a sandbox that was not created, unless they say otherwise. */
export interface SandboxController {
  /** Starts a shim and has it make the sandbox ready to be started. AlreadyExists. */
  create(request: CreateSandboxRequest): Promise<void>;
  /** A sandbox that cannot be started is removed. */
  start(id: string): Promise<SandboxInstance>;
  /** What its containers have to be made for. */
  platform(id: string): Promise<Platform>;
  /** Ends its processes, containers' included; asked first where there is a `timeoutSecs`. One that is not there is stopped. */
  stop(id: string, options?: { timeoutSecs?: number | undefined }): Promise<void>;
  /** Resolves when it has ended, also when it had before. */
  wait(id: string, options?: CallOptions): Promise<ExitStatus>;
  /** One that is not there has ended. */
  status(id: string, options?: { verbose?: boolean | undefined }): Promise<SandboxStatus>;
  /** Removes all that is left of it, its containers' tasks and its shim. */
  shutdown(id: string): Promise<void>;
  metrics(id: string): Promise<Metric | undefined>;
  /** Tells a running sandbox of changes in the store; shims take none so far. */
  update(id: string, sandbox: SandboxInput, fields: FieldPaths): Promise<void>;
}

/** The controller whose sandboxes are shims that serve the sandbox API. */
export const SHIM_SANDBOXER = "shim";
/** The one whose sandboxes are containers that hold the pod's namespaces. A sandbox that is not there has no status and no end. */
export const PODSANDBOX_SANDBOXER = "podsandbox";
