/**
 * The Linux parts of the OCI runtime specification's config.json, as types.
 * Source: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md
 */

import type { LinuxSeccomp } from "./runtime-seccomp.ts";

export type * from "./runtime-seccomp.ts";

/** config-linux.md: namespaces, devices, cgroups and the rest. */
export interface Linux {
  /** User namespace mappings, container to host. */
  uidMappings?: LinuxIDMapping[] | undefined;
  gidMappings?: LinuxIDMapping[] | undefined;
  /** Kernel parameters by dotted name, set inside the namespaces (#sysctl). */
  sysctl?: Record<string, string> | undefined;
  resources?: LinuxResources | undefined;
  /** Absolute: below the hierarchy's mount point; relative: where the runtime likes; "slice:prefix:name" for systemd. */
  cgroupsPath?: string | undefined;
  /** A type may occur once; a type left out is inherited (#namespaces). */
  namespaces?: LinuxNamespace[] | undefined;
  /** Nodes to make beyond the default ones (#devices, #default-devices). */
  devices?: LinuxDevice[] | undefined;
  /** Host network devices moved into the container's namespace, by host name (1.3, #network-devices). */
  netDevices?: Record<string, LinuxNetDevice> | undefined;
  seccomp?: LinuxSeccomp | undefined;
  /** "shared", "slave", "private", "unbindable", and their r-forms (#rootfs-mount-propagation). */
  rootfsPropagation?: string | undefined;
  /** Paths made unreadable (#masked-paths). */
  maskedPaths?: string[] | undefined;
  readonlyPaths?: string[] | undefined;
  /** SELinux context of the mounts. */
  mountLabel?: string | undefined;
  intelRdt?: LinuxIntelRdt | undefined;
  /** set_mempolicy(2) (1.3, #memory-policy). */
  memoryPolicy?: LinuxMemoryPolicy | undefined;
  personality?: LinuxPersonality | undefined;
  /** Time namespace offsets for "monotonic" and "boottime" (#time). */
  timeOffsets?: Record<string, LinuxTimeOffset> | undefined;
}

export type LinuxNamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

export interface LinuxNamespace {
  type: LinuxNamespaceType;
  /** An existing namespace to join, absolute; absent: a new one. */
  path?: string | undefined;
}

export interface LinuxIDMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface LinuxTimeOffset {
  secs?: number | undefined;
  nanosecs?: number | undefined;
}

/** Sets of "CAP_…" names; one the kernel does not know is warned about, not fatal (config.md#linux-process). */
export interface LinuxCapabilities {
  bounding?: string[] | undefined;
  effective?: string[] | undefined;
  inheritable?: string[] | undefined;
  permitted?: string[] | undefined;
  ambient?: string[] | undefined;
}

export interface LinuxIOPriority {
  class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  /** 0 (highest) to 7. */
  priority?: number | undefined;
}

/** CPU lists ("0-3,7") for `exec`: until the process has joined the cgroup, and afterwards. */
export interface CPUAffinity {
  initial?: string | undefined;
  final?: string | undefined;
}

/** sched_setattr(2) (config.md#linux-process). */
export interface Scheduler {
  policy: "SCHED_OTHER" | "SCHED_FIFO" | "SCHED_RR" | "SCHED_BATCH" | "SCHED_ISO" | "SCHED_IDLE" | "SCHED_DEADLINE";
  /** -20 to 19, for OTHER and BATCH. */
  nice?: number | undefined;
  /** For FIFO and RR. */
  priority?: number | undefined;
  flags?: LinuxSchedulerFlag[] | undefined;
  /** Nanoseconds, for DEADLINE. */
  runtime?: number | undefined;
  deadline?: number | undefined;
  period?: number | undefined;
}

export type LinuxSchedulerFlag =
  | "SCHED_FLAG_RESET_ON_FORK"
  | "SCHED_FLAG_RECLAIM"
  | "SCHED_FLAG_DL_OVERRUN"
  | "SCHED_FLAG_KEEP_POLICY"
  | "SCHED_FLAG_KEEP_PARAMS"
  | "SCHED_FLAG_UTIL_CLAMP_MIN"
  | "SCHED_FLAG_UTIL_CLAMP_MAX";

/** #devices. */
export interface LinuxDevice {
  path: string;
  /** Character, block, unbuffered character, FIFO. */
  type: "c" | "b" | "u" | "p";
  /** Required but for FIFOs. */
  major?: number | undefined;
  minor?: number | undefined;
  /** Permission bits, decimal in JSON. */
  fileMode?: number | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
}

export interface LinuxNetDevice {
  /** Its name in the container; absent: unchanged. */
  name?: string | undefined;
}

/** #allowed-device-list. */
export interface LinuxDeviceCgroup {
  allow: boolean;
  /** "a" (default), "c" or "b". */
  type?: string | undefined;
  /** Absent or -1: all. */
  major?: number | undefined;
  minor?: number | undefined;
  /** Of "r", "w", "m". */
  access?: string | undefined;
}

/** #control-groups. */
export interface LinuxResources {
  /** Applied in order. */
  devices?: LinuxDeviceCgroup[] | undefined;
  memory?: LinuxMemory | undefined;
  cpu?: LinuxCPU | undefined;
  pids?: LinuxPids | undefined;
  blockIO?: LinuxBlockIO | undefined;
  hugepageLimits?: LinuxHugepageLimit[] | undefined;
  network?: LinuxNetwork | undefined;
  /** By device name. */
  rdma?: Record<string, LinuxRdma> | undefined;
  /** cgroup v2: file name to content. */
  unified?: Record<string, string> | undefined;
}

/** #memory, bytes; -1: no limit. */
export interface LinuxMemory {
  limit?: number | undefined;
  reservation?: number | undefined;
  /** Memory and swap together. */
  swap?: number | undefined;
  /** Deprecated. */
  kernel?: number | undefined;
  /** Deprecated. */
  kernelTCP?: number | undefined;
  /** 0 to 100. */
  swappiness?: number | undefined;
  disableOOMKiller?: boolean | undefined;
  useHierarchy?: boolean | undefined;
  /** Refuse a new limit below the present usage. */
  checkBeforeUpdate?: boolean | undefined;
}

/** #cpu, microseconds. */
export interface LinuxCPU {
  /** 2 to 262144, as cgroup v1 has them. */
  shares?: number | undefined;
  /** Per period; -1: no limit. */
  quota?: number | undefined;
  burst?: number | undefined;
  period?: number | undefined;
  realtimeRuntime?: number | undefined;
  realtimePeriod?: number | undefined;
  /** CPU list, "0-3,7". */
  cpus?: string | undefined;
  /** Memory node list. */
  mems?: string | undefined;
  /** cpu.idle: 0 or 1. */
  idle?: number | undefined;
}

export interface LinuxPids {
  /** 0 and -1: no limit (1.3; absent: unchanged). */
  limit?: number | undefined;
}

/** #block-io. */
export interface LinuxBlockIO {
  /** 10 to 1000. */
  weight?: number | undefined;
  leafWeight?: number | undefined;
  weightDevice?: LinuxWeightDevice[] | undefined;
  throttleReadBpsDevice?: LinuxThrottleDevice[] | undefined;
  throttleWriteBpsDevice?: LinuxThrottleDevice[] | undefined;
  throttleReadIOPSDevice?: LinuxThrottleDevice[] | undefined;
  throttleWriteIOPSDevice?: LinuxThrottleDevice[] | undefined;
}

export interface LinuxWeightDevice {
  major: number;
  minor: number;
  weight?: number | undefined;
  leafWeight?: number | undefined;
}

/** `rate`: bytes or operations a second. */
export interface LinuxThrottleDevice {
  major: number;
  minor: number;
  rate: number;
}

/** `pageSize`: "64KB", "2MB", "1GB"; `limit` in bytes. */
export interface LinuxHugepageLimit {
  pageSize: string;
  limit: number;
}

/** cgroup v1 net_cls and net_prio. */
export interface LinuxNetwork {
  classID?: number | undefined;
  priorities?: LinuxInterfacePriority[] | undefined;
}

export interface LinuxInterfacePriority {
  name: string;
  priority: number;
}

export interface LinuxRdma {
  hcaHandles?: number | undefined;
  hcaObjects?: number | undefined;
}

/** #intel-rdt, resctrl(4). */
export interface LinuxIntelRdt {
  closID?: string | undefined;
  /** Lines for the schemata file (1.3). */
  schemata?: string[] | undefined;
  l3CacheSchema?: string | undefined;
  memBwSchema?: string | undefined;
  /** A monitoring group of the container's own (1.3; replaces enableCMT and enableMBM). */
  enableMonitoring?: boolean | undefined;
}

/** #memory-policy. */
export interface LinuxMemoryPolicy {
  mode:
    | "MPOL_DEFAULT"
    | "MPOL_BIND"
    | "MPOL_INTERLEAVE"
    | "MPOL_WEIGHTED_INTERLEAVE"
    | "MPOL_PREFERRED"
    | "MPOL_PREFERRED_MANY"
    | "MPOL_LOCAL";
  /** Node list, "0-3,7". */
  nodes?: string | undefined;
  flags?: ("MPOL_F_NUMA_BALANCING" | "MPOL_F_RELATIVE_NODES" | "MPOL_F_STATIC_NODES")[] | undefined;
}

/** personality(2). */
export interface LinuxPersonality {
  domain: "LINUX" | "LINUX32";
  /** None are supported by the specification so far. */
  flags?: string[] | undefined;
}
