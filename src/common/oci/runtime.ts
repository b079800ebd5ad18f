/**
 * The OCI runtime specification 1.3: config.json and state.json as types, used by the daemon, the shim and runt.
 * Parts for one platform: runtime-linux.ts, runtime-other.ts. Source: https://github.com/opencontainers/runtime-spec/tree/v1.3.0
 *
 * 64-bit numbers are plain `number`s as JSON.parse gives them: exact up to 2^53; a consumer clamps the largest
 * (RLIM_INFINITY comes as 18446744073709552000).
 */

import type {
  CPUAffinity,
  Linux,
  LinuxCapabilities,
  LinuxIDMapping,
  LinuxIOPriority,
  Scheduler,
} from "./runtime-linux.ts";
import type { FreeBSD, Solaris, VM, Windows, ZOS } from "./runtime-other.ts";

export type * from "./runtime-linux.ts";
export type * from "./runtime-other.ts";

/** The version of the specification that these types describe. */
export const OCI_VERSION = "1.3.0";

/** config.json (config.md). */
export interface Spec {
  /** SemVer of the specification that the bundle complies with (config.md#specification-version). */
  ociVersion: string;
  /** The container's process; needed by `start`, may be absent for `create` alone (config.md#process). */
  process?: Process | undefined;
  /** The root file system (config.md#root). Required on Linux. */
  root?: Root | undefined;
  /** Host name, set inside a new UTS namespace (config.md#hostname). */
  hostname?: string | undefined;
  /** NIS domain name (config.md#domainname). */
  domainname?: string | undefined;
  /** Mounts beyond the root, made in this order (config.md#mounts). */
  mounts?: Mount[] | undefined;
  /** Programs to run at points of the life cycle (config.md#posix-platform-hooks). */
  hooks?: Hooks | undefined;
  /** Arbitrary metadata; keys not empty, unknown ones ignored (config.md#annotations). */
  annotations?: Record<string, string> | undefined;
  /** Linux's part (config-linux.md). */
  linux?: Linux | undefined;
  solaris?: Solaris | undefined;
  windows?: Windows | undefined;
  vm?: VM | undefined;
  zos?: ZOS | undefined;
  freebsd?: FreeBSD | undefined;
}

/** config.md#process; also what `exec --process` and the shim's Exec request carry. */
export interface Process {
  /** A terminal is attached to the process; default false. */
  terminal?: boolean | undefined;
  /** Size of the terminal in characters; ignored without `terminal`. */
  consoleSize?: Box | undefined;
  user: User;
  /** argv, execvp semantics; at least one entry on Linux. */
  args?: string[] | undefined;
  /** Windows only: the whole command line. */
  commandLine?: string | undefined;
  /** "NAME=value", as environ(7). */
  env?: string[] | undefined;
  /** Absolute path inside the container. */
  cwd: string;
  /** Linux capability sets (config.md#linux-process). */
  capabilities?: LinuxCapabilities | undefined;
  /** setrlimit(2), one entry a type (config.md#posix-process). */
  rlimits?: POSIXRlimit[] | undefined;
  /** prctl PR_SET_NO_NEW_PRIVS. */
  noNewPrivileges?: boolean | undefined;
  /** AppArmor profile by name. */
  apparmorProfile?: string | undefined;
  /** /proc/pid/oom_score_adj, -1000 to 1000; absent: not changed. */
  oomScoreAdj?: number | undefined;
  scheduler?: Scheduler | undefined;
  selinuxLabel?: string | undefined;
  ioPriority?: LinuxIOPriority | undefined;
  /** CPUs of a process that `exec` starts. */
  execCPUAffinity?: CPUAffinity | undefined;
}

/** Size in characters. */
export interface Box {
  height: number;
  width: number;
}

/** config.md#user. */
export interface User {
  uid: number;
  gid: number;
  /** Absent: the umask is not changed. */
  umask?: number | undefined;
  additionalGids?: number[] | undefined;
  /** Windows only. */
  username?: string | undefined;
}

/** One resource limit; `type` is "RLIMIT_NOFILE" and the like. */
export interface POSIXRlimit {
  type: string;
  soft: number;
  hard: number;
}

/** config.md#root. */
export interface Root {
  /** Absolute, or relative to the bundle. */
  path: string;
  readonly?: boolean | undefined;
}

/** config.md#mounts. */
export interface Mount {
  /** Absolute path inside the container (1.3 still allows relative ones: taken from "/"). */
  destination: string;
  /** File system type; for bind mounts "bind" or "none" together with the option bind or rbind. */
  type?: string | undefined;
  /** Device, dummy name, or for binds a path: absolute or relative to the bundle. */
  source?: string | undefined;
  /** fstab(5) options, and those of config.md#linux-mount-options. */
  options?: string[] | undefined;
  /** For an idmapped mount, inside the container to the mount. */
  uidMappings?: LinuxIDMapping[] | undefined;
  gidMappings?: LinuxIDMapping[] | undefined;
}

/** One hook's program (config.md#posix-platform-hooks). */
export interface Hook {
  /** Absolute, in the runtime's namespace (startContainer: the container's). */
  path: string;
  /** argv including argv[0], as execv(3). */
  args?: string[] | undefined;
  env?: string[] | undefined;
  /** Seconds, greater than zero. */
  timeout?: number | undefined;
}

/** config.md#posix-platform-hooks; the container's state is each hook's stdin. */
export interface Hooks {
  /** Deprecated; after the namespaces are made, before createRuntime, in the runtime's namespace. */
  prestart?: Hook[] | undefined;
  /** During create, before pivot_root, in the runtime's namespace. */
  createRuntime?: Hook[] | undefined;
  /** During create, before pivot_root, in the container's namespace. */
  createContainer?: Hook[] | undefined;
  /** During start, before the user's process, in the container's namespace. */
  startContainer?: Hook[] | undefined;
  /** After the user's process has started, in the runtime's namespace. */
  poststart?: Hook[] | undefined;
  /** After delete, in the runtime's namespace. */
  poststop?: Hook[] | undefined;
}

/** runtime.md#state: a container's status. */
export type ContainerStatus = "creating" | "created" | "running" | "stopped";

/** state.json: what `state` prints and hooks read (runtime.md#state, schema/state-schema.json). */
export interface State {
  ociVersion: string;
  /** Unique on the host for the runtime. */
  id: string;
  status: ContainerStatus;
  /** Process id as seen by the runtime; required for created and running on Linux, 0 or absent when stopped. */
  pid?: number | undefined;
  /** Absolute path of the bundle. */
  bundle: string;
  annotations?: Record<string, string> | undefined;
}

/** What a seccomp agent gets over listenerPath (config-linux.md#the-container-process-state). */
export interface ContainerProcessState {
  ociVersion: string;
  /** Names of the descriptors of the SCM_RIGHTS array, in its order; "seccompFd" is the notify descriptor. */
  fds: string[];
  pid: number;
  /** The profile's listenerMetadata. */
  metadata?: string | undefined;
  state: State;
}
