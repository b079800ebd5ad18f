/**
 * What a container uses, in the form of `runc events`: names and units are those of runc's JSON, 64-bit numbers are bigints. Zeros that
 * runc leaves out are left out by `statsJson`.
 */
export interface Usage {
  limit: bigint;
  usage: bigint;
  max: bigint;
  failcnt: bigint;
}

export interface PressureLine {
  avg10: number;
  avg60: number;
  avg300: number;
  /** Microseconds. */
  total: bigint;
}

/** Pressure stall information; undefined on v1 and on kernels without it. */
export interface Pressure {
  some: PressureLine;
  full: PressureLine;
}

export interface BlockEntry {
  major: bigint;
  minor: bigint;
  op: string;
  value: bigint;
}

export const BLOCK_TABLES = [
  "ioServiceBytesRecursive",
  "ioServicedRecursive",
  "ioQueueRecursive",
  "ioServiceTimeRecursive",
  "ioWaitTimeRecursive",
  "ioMergedRecursive",
  "ioTimeRecursive",
  "sectorsRecursive",
] as const;

export interface CgroupStats {
  cpu: {
    /** Nanoseconds. */
    total: bigint;
    percpu: bigint[];
    percpuKernel: bigint[];
    percpuUser: bigint[];
    kernel: bigint;
    user: bigint;
    periods: bigint;
    throttledPeriods: bigint;
    throttledTime: bigint;
    psi: Pressure | undefined;
  };
  cpuset: { cpus: number[]; mems: number[]; flags: Record<string, bigint> };
  memory: {
    cache: bigint;
    usage: Usage;
    swap: Usage;
    kernel: Usage;
    kernelTcp: Usage;
    raw: Record<string, bigint>;
    psi: Pressure | undefined;
  };
  /** limit 0: none. */
  pids: { current: bigint; limit: bigint };
  block: Partial<Record<(typeof BLOCK_TABLES)[number], BlockEntry[]>>;
  blockPsi: Pressure | undefined;
  hugetlb: Record<string, { usage: bigint; max: bigint; failcnt: bigint }>;
}

export const noUsage = (): Usage => ({ limit: 0n, usage: 0n, max: 0n, failcnt: 0n });

export const CPUSET_FLAGS = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
  "sched_relax_domain_level",
] as const;

export function noStats(): CgroupStats {
  const zero = 0n;
  return {
    cpu: {
      total: zero,
      percpu: [],
      percpuKernel: [],
      percpuUser: [],
      kernel: zero,
      user: zero,
      periods: zero,
      throttledPeriods: zero,
      throttledTime: zero,
      psi: undefined,
    },
    cpuset: { cpus: [], mems: [], flags: {} },
    memory: {
      cache: zero,
      usage: noUsage(),
      swap: noUsage(),
      kernel: noUsage(),
      kernelTcp: noUsage(),
      raw: {},
      psi: undefined,
    },
    pids: { current: zero, limit: zero },
    block: {},
    blockPsi: undefined,
    hugetlb: {},
  };
}
