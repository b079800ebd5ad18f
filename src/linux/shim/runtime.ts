// What the shim asks of an OCI runtime. Two kinds: runt's code in a child of the shim (own-runtime.ts) and any other runtime
// through its command line (cli-runtime.ts).
import type { Mount } from "../../common/gen/containerd/types/mount.ts";
import type { Stdio } from "./child.ts";
import type { MemoryGroup } from "./oom.ts";

/** How a process gets its standard streams. */
export interface Launch {
  stdio: Stdio;
  /** Socket that takes the master of the terminal; the process then has a terminal. */
  consoleSocket?: string | undefined;
}

export interface CreateRequest extends Launch {
  /** Mounted on <bundle>/rootfs first. */
  rootfs: readonly Mount[];
  /** Its start is on its way: it may be begun with at once. */
  startFollows: boolean;
}

export interface ExecRequest extends Launch {
  execId: string;
  /** An OCI process, JSON. */
  process: string;
}

/** What a checkpoint keeps (containerd's CheckpointOptions). */
export interface CheckpointRequest {
  /** Folder of the images. */
  imagePath: string;
  /** Folder of criu's log; "": one of the bundle's, which stays only when it fails. */
  workPath: string;
  /** The container ends with it. */
  exit: boolean;
  openTcp: boolean;
  externalUnixSockets: boolean;
  terminal: boolean;
  fileLocks: boolean;
  emptyNamespaces: readonly string[];
  /** "": criu's own. */
  cgroupsMode: string;
}

export interface RestoreRequest extends Launch {
  /** Folder of the images. */
  imagePath: string;
  /** As of a checkpoint. */
  workPath: string;
}

export interface Created {
  pid: number;
  /** The container has no pid namespace of its own. */
  sharedPids: boolean;
  /** Its program runs already: nothing is left for `start`. */
  runs?: boolean | undefined;
  /** Of one that runs already: where its memory is counted, which may have run out by now. */
  memory?: MemoryGroup | undefined;
}

/** One container in the hands of a runtime. */
export interface OciRuntime {
  /** The container's init process waits to be started. Its parent is the shim. */
  create(request: CreateRequest): Promise<Created>;
  start(): Promise<void>;
  /** What `create` begins with, for a container that `restore` makes later. */
  mount(rootfs: readonly Mount[]): Promise<void>;
  /** Its program goes on where a checkpoint has left it. Its parent is the shim. */
  restore(request: RestoreRequest): Promise<Created>;
  checkpoint(request: CheckpointRequest): Promise<void>;
  exec(request: ExecRequest): Promise<{ pid: number }>;
  /** NotFound when there is nobody left to be killed. */
  kill(signal: number, all: boolean): Promise<void>;
  /** Removes the container and unmounts its root file system; a container that is gone is no error. */
  delete(force: boolean): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** `resources`: an OCI LinuxResources, JSON. */
  update(resources: string): Promise<void>;
  ps(): Promise<number[]>;
  /** The caller's trace, when it is recorded; else "". Counts for the next operation. */
  traceparent: string;
  /** Signals to the init process need no runtime. */
  readonly direct: boolean;
}

export interface RuntimeOptions {
  id: string;
  bundle: string;
  /** State folder; the namespace is a part of it. */
  root: string;
  systemdCgroup: boolean;
  noPivotRoot: boolean;
  noNewKeyring: boolean;
  /** Where spans are recorded; "" where they are not. */
  traces: string;
}
