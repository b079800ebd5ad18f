/**
 * The OCI runtime as functions: what the verbs of the command line call, and what the shim calls in a forked child of its own.
 *
 * All are synchronous. Processes they leave behind (a container's init, an exec) are children of the calling process, and
 * become its parent's, or the nearest subreaper's, when it ends. The caller's descriptors 0, 1 and 2 become the container's
 * stdio unless there is a console socket; nothing above is passed on but what `preserveFds` asks for.
 */
import type { LinuxResources, Process } from "../../common/oci/runtime.ts";
import type { Stats } from "../cgroup/stats.ts";
import type { Trace } from "../sys/trace.ts";
import type { StateView } from "./state.ts";

export { create } from "./create.ts";
export { remove } from "./delete.ts";
export { exec } from "./exec.ts";
export { kill } from "./kill.ts";
export { pause, resume } from "./pause.ts";
export { pids } from "./ps.ts";
export { start } from "./start.ts";
export { state } from "./state.ts";
export { stats } from "./stats.ts";
export { update } from "./update.ts";
export type { LinuxResources, Process, StateView, Stats };

/** Where a container's state lies. */
export interface Place {
  /** State folder of this runtime; made when missing. */
  root: string;
  /** The container's name, unique below root. */
  id: string;
}

/** How a process gets its terminal and what else it inherits. */
export interface Launch {
  /** Unix socket that takes the terminal's master (one SCM_RIGHTS message). Needed when the process has a terminal. */
  consoleSocket?: string | undefined;
  /** Gets the process id in decimal. */
  pidFile?: string | undefined;
  /** Descriptors 3 to 3 + n - 1 are passed on. */
  preserveFds?: number | undefined;
  /** Records a span for each kernel step. */
  trace?: Trace | undefined;
  /** Takes what went not as asked but is no reason to fail. */
  warn?: ((text: string) => void) | undefined;
}

export interface CreateOptions extends Place, Launch {
  /** Absolute path of the folder with config.json. */
  bundle: string;
  /** Move the root mount and chroot where pivot_root cannot be (ramdisk). */
  noPivot?: boolean | undefined;
  /** Keep the caller's session keyring. */
  noNewKeyring?: boolean | undefined;
  /** cgroups through systemd: refused with Unimplemented so far. */
  systemdCgroup?: boolean | undefined;
}

export interface ExecOptions extends Place, Launch {
  process: Process;
  /** Exec into a paused container waits instead of failing. */
  ignorePaused?: boolean | undefined;
}

export interface KillOptions extends Place {
  signal: number;
  /** Every process of the container, not only its first. */
  all?: boolean | undefined;
}

export interface DeleteOptions extends Place {
  /** Kills what runs, and takes a container that is not there, or broken, for removed. */
  force?: boolean | undefined;
  warn?: ((text: string) => void) | undefined;
}

export interface UpdateOptions extends Place {
  resources: LinuxResources;
}
