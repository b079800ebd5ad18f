/**
 * Tasks: running containers. A task is held by a shim, which outlives the daemon; a task's first process is its init, further ones
 * are added by `exec` under an exec id. created → running → stopped, then `delete`.
 */

import type { Any, CallOptions, Descriptor, Mount, Timestamp } from "./types.ts";

export type TaskStatus = "unknown" | "created" | "running" | "stopped" | "paused" | "pausing";

/** Filters see `id`. */
export interface Process {
  containerId: string;
  /** The exec id; for the init process the container's id. */
  id: string;
  /** As the host sees it; 0 when there is none. */
  pid: number;
  status: TaskStatus;
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
  exitStatus: number;
  exitedAt: Timestamp | undefined;
}

export interface ProcessIO {
  /** A FIFO's path, or empty. */
  stdin?: string | undefined;
  /** A FIFO's path, a logging URI (`file://`, `binary://`, see docs/architecture.md, "Task I/O"), or empty. */
  stdout?: string | undefined;
  /** As stdout; unused with a terminal. */
  stderr?: string | undefined;
  terminal?: boolean | undefined;
}

export interface CreateTaskRequest extends ProcessIO, CallOptions {
  containerId: string;
  /** What the shim mounts on the bundle's rootfs; usually what the snapshotter gave. */
  rootfs?: readonly Mount[] | undefined;
  checkpoint?: Descriptor | undefined;
  /** Options of the runtime for this task; the container's otherwise. */
  options?: Any | undefined;
  /** A runtime in place of the container's: absolute path of a shim. */
  runtimePath?: string | undefined;
  /** `start` follows, and nothing has to be done between: it may be begun already, and `start` tells what became of it. */
  startFollows?: boolean | undefined;
}

export interface ExecRequest extends ProcessIO {
  containerId: string;
  execId: string;
  /** An OCI process, JSON: type URL PROCESS_TYPE_URL. */
  spec: Any;
}

/** Names a process: the init process without `execId`. */
export interface ProcessRef {
  containerId: string;
  execId?: string | undefined;
}

export interface ExitStatus {
  /** 128 + n when signal n ended it. */
  exitStatus: number;
  exitedAt: Timestamp;
}

export interface DeleteResponse extends ExitStatus {
  id: string;
  pid: number;
}

export interface KillRequest extends ProcessRef {
  signal: number;
  /** All processes of the container. */
  all?: boolean | undefined;
}

export interface ProcessInfo {
  pid: number;
  info: Any | undefined;
}

export interface Metric {
  timestamp: Timestamp;
  /** The container's id. */
  id: string;
  /** `io.containerd.cgroups.v1.Metrics` or `io.containerd.cgroups.v2.Metrics`. */
  data: Any | undefined;
}

/** Every method answers NotFound for an unknown task or process. */
export interface TaskManager {
  /** Starts a shim and has it create the container, which waits for `start`. NotFound (container), AlreadyExists. */
  create(request: CreateTaskRequest): Promise<{ containerId: string; pid: number }>;
  /** Starts the init process, or the exec `execId`. FailedPrecondition in the wrong state. */
  start(request: ProcessRef): Promise<{ pid: number }>;
  /** Removes a stopped or merely created task, its bundle and its shim. FailedPrecondition while it runs. */
  delete(containerId: string): Promise<DeleteResponse>;
  deleteProcess(request: Required<ProcessRef>): Promise<DeleteResponse>;
  get(request: ProcessRef): Promise<Process>;
  list(filter?: string): Promise<Process[]>;
  kill(request: KillRequest): Promise<void>;
  /** Adds a process; it waits for `start`. AlreadyExists. */
  exec(request: ExecRequest): Promise<void>;
  resizePty(request: ProcessRef & { width: number; height: number }): Promise<void>;
  closeIO(request: ProcessRef & { stdin: boolean }): Promise<void>;
  pause(containerId: string): Promise<void>;
  resume(containerId: string): Promise<void>;
  listPids(containerId: string): Promise<ProcessInfo[]>;
  /** Statistics of the tasks that match (filters see `id` and `namespace`); one that cannot be had is left out. */
  metrics(filters?: readonly string[]): Promise<Metric[]>;
  /** Resolves when the process has exited, also when it had before. Canceled by the signal. */
  wait(request: ProcessRef & CallOptions): Promise<ExitStatus>;
  /** `resources` is an OCI LinuxResources, JSON. */
  update(request: {
    containerId: string;
    resources: Any;
    annotations?: Record<string, string> | undefined;
  }): Promise<void>;
  /**
   * Writes a running task's processes down, by criu; it ends with it when the options say so. Answers what it is as content (criu's
   * images and the spec); nothing when the options name a folder for the images.
   */
  checkpoint(request: { containerId: string; options?: Any | undefined }): Promise<Descriptor[]>;
}
