/** A task's cgroup metrics in the shape of Docker's statistics. Counters are taken to fit 53 bits: 9 PB, or 104 days of CPU time. */

import { WharfError } from "../../../common/errors.ts";
import { type BlkIOEntry, Metrics as V1 } from "../../../common/gen/containerd/cgroups/v1.ts";
import { Metrics as V2 } from "../../../common/gen/containerd/cgroups/v2.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import type { Any } from "../../containerd/api/types.ts";

export interface CpuStats {
  cpu_usage: {
    total_usage: number;
    percpu_usage?: number[];
    usage_in_kernelmode: number;
    usage_in_usermode: number;
  };
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data: { periods: number; throttled_periods: number; throttled_time: number };
}

interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

export interface TaskStats {
  pids_stats: { current?: number; limit?: number };
  blkio_stats: Record<string, BlkioEntry[] | null>;
  cpu_stats: CpuStats;
  memory_stats: {
    usage?: number;
    max_usage?: number;
    stats?: Record<string, number>;
    failcnt?: number;
    limit?: number;
  };
}

/** Docker shows the largest number for no limit, as the kernel does: 2^64 - 1, which JSON.parse makes 2^64. */
const UNLIMITED = 2 ** 63;

const LISTS = [
  "io_service_bytes_recursive",
  "io_serviced_recursive",
  "io_queue_recursive",
  "io_service_time_recursive",
  "io_wait_time_recursive",
  "io_merged_recursive",
  "io_time_recursive",
  "sectors_recursive",
] as const;

export function emptyCpu(): CpuStats {
  return {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}

export function emptyTask(): TaskStats {
  return {
    pids_stats: {},
    blkio_stats: Object.fromEntries(LISTS.map((name) => [name, null])),
    cpu_stats: emptyCpu(),
    memory_stats: {},
  };
}

/** `memory` is the host's, in bytes: what a container without limit may use. Unimplemented for other metrics. */
export function taskStats(data: Any, memory: number): TaskStats {
  if (isAny(data, V1)) return fromV1(unpackAny(V1, data), memory);
  if (isAny(data, V2)) return fromV2(unpackAny(V2, data), memory);
  throw new WharfError("Unimplemented", `statistics of the type ${data.typeUrl}`);
}

function fromV1(metrics: V1, hostMemory: number): TaskStats {
  const { cpu, memory, blkio, pids } = metrics;
  const result = emptyTask();
  if (pids) result.pids_stats = pidsOf(pids.current, pids.limit);
  if (cpu) {
    const { usage, throttling } = cpu;
    result.cpu_stats = {
      cpu_usage: {
        total_usage: Number(usage?.total ?? 0n),
        ...(usage?.perCpu.length ? { percpu_usage: usage.perCpu.map(Number) } : {}),
        usage_in_kernelmode: Number(usage?.kernel ?? 0n),
        usage_in_usermode: Number(usage?.user ?? 0n),
      },
      throttling_data: {
        periods: Number(throttling?.periods ?? 0n),
        throttled_periods: Number(throttling?.throttledPeriods ?? 0n),
        throttled_time: Number(throttling?.throttledTime ?? 0n),
      },
    };
  }
  if (memory) {
    const { usage } = memory;
    result.memory_stats = {
      usage: Number(usage?.usage ?? 0n),
      max_usage: Number(usage?.max ?? 0n),
      stats: {
        ...counters(memory, ["kernel", "kernelTcp", "swap", "usage"], V1_NAMES),
      },
      ...(usage?.failcnt ? { failcnt: Number(usage.failcnt) } : {}),
      limit: limitOf(usage?.limit, hostMemory),
    };
  }
  if (blkio) {
    const fields = [
      blkio.ioServiceBytesRecursive,
      blkio.ioServicedRecursive,
      blkio.ioQueuedRecursive,
      blkio.ioServiceTimeRecursive,
      blkio.ioWaitTimeRecursive,
      blkio.ioMergedRecursive,
      blkio.ioTimeRecursive,
      blkio.sectorsRecursive,
    ];
    LISTS.forEach((name, at) => {
      result.blkio_stats[name] = fields[at]!.map(blkioEntry);
    });
  }
  return result;
}

function fromV2(metrics: V2, hostMemory: number): TaskStats {
  const { cpu, memory, io, pids } = metrics;
  const result = emptyTask();
  if (pids) result.pids_stats = pidsOf(pids.current, pids.limit);
  if (cpu) {
    result.cpu_stats = {
      cpu_usage: {
        total_usage: Number(cpu.usageUsec * 1000n),
        usage_in_kernelmode: Number(cpu.systemUsec * 1000n),
        usage_in_usermode: Number(cpu.userUsec * 1000n),
      },
      throttling_data: {
        periods: Number(cpu.nrPeriods),
        throttled_periods: Number(cpu.nrThrottled),
        throttled_time: Number(cpu.throttledUsec * 1000n),
      },
    };
  }
  if (memory) {
    const own = ["usage", "usageLimit", "swapUsage", "swapLimit", "maxUsage", "swapMaxUsage", "psi"];
    const failures = Number(metrics.memoryEvents?.oom ?? 0n);
    result.memory_stats = {
      usage: Number(memory.usage),
      stats: counters(memory, own, {}),
      ...(failures > 0 ? { failcnt: failures } : {}),
      limit: limitOf(memory.usageLimit, hostMemory),
    };
  }
  const bytes: BlkioEntry[] = [];
  for (const { major, minor, rbytes, wbytes } of io?.usage ?? []) {
    const device = { major: Number(major), minor: Number(minor) };
    bytes.push({ ...device, op: "read", value: Number(rbytes) }, { ...device, op: "write", value: Number(wbytes) });
  }
  if (io) result.blkio_stats.io_service_bytes_recursive = bytes.length > 0 ? bytes : null;
  return result;
}

function pidsOf(current: bigint, limit: bigint): TaskStats["pids_stats"] {
  return { ...(current > 0n ? { current: Number(current) } : {}), ...(limit > 0n ? { limit: Number(limit) } : {}) };
}

/** A limit above what the host has is none. */
function limitOf(limit: bigint | undefined, hostMemory: number): number {
  const value = Number(limit ?? 0n);
  return value === 0 || value >= UNLIMITED || value > hostMemory ? hostMemory : value;
}

function blkioEntry({ major, minor, op, value }: BlkIOEntry): BlkioEntry {
  return { major: Number(major), minor: Number(minor), op: op.toLowerCase(), value: Number(value) };
}

/** Where the kernel's names are not the protocol's with underscores. */
const V1_NAMES: Readonly<Record<string, string>> = {
  pgPgIn: "pgpgin",
  pgPgOut: "pgpgout",
  pgFault: "pgfault",
  pgMajFault: "pgmajfault",
  totalPgPgIn: "total_pgpgin",
  totalPgPgOut: "total_pgpgout",
  totalPgFault: "total_pgfault",
  totalPgMajFault: "total_pgmajfault",
  hierarchicalSwapLimit: "hierarchical_memsw_limit",
};

function counters(source: object, without: readonly string[], names: Readonly<Record<string, string>>) {
  const result: Record<string, number> = {};
  for (const [key, value] of Object.entries(source)) {
    if (typeof value !== "bigint" || without.includes(key)) continue;
    result[names[key] ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = Number(value);
  }
  return result;
}
