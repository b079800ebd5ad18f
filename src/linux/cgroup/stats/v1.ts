// Statistics of cgroup v1 folders (Documentation/admin-guide/cgroup-v1).
import { listOf, number, pageSizes, read, table, toBigint, UNLIMITED } from "./files.ts";
import { type BlockEntry, type CgroupStats, CPUSET_FLAGS, noStats, noUsage, type Usage } from "./stats.ts";

function memoryUsage(folder: string, name: string): Usage {
  const prefix = `${folder}/memory.${name}`;
  const usage = read(`${prefix}usage_in_bytes`);
  if (usage === undefined) return noUsage();
  return {
    usage: toBigint(usage),
    max: number(`${prefix}max_usage_in_bytes`),
    failcnt: number(`${prefix}failcnt`),
    limit: number(`${prefix}limit_in_bytes`),
  };
}

function memory(folder: string, stats: CgroupStats): void {
  const { memory } = stats;
  memory.raw = table(`${folder}/memory.stat`);
  memory.cache = memory.raw["cache"] ?? 0n;
  memory.usage = memoryUsage(folder, "");
  memory.swap = memoryUsage(folder, "memsw.");
  memory.kernel = memoryUsage(folder, "kmem.");
  memory.kernelTcp = memoryUsage(folder, "kmem.tcp.");
}

/** USER_HZ, which is 100 on all that runt runs on. */
const TICK_NS = 10_000_000n;

function cpuacct(folder: string, { cpu }: CgroupStats): void {
  const ticks = table(`${folder}/cpuacct.stat`);
  cpu.user = (ticks["user"] ?? 0n) * TICK_NS;
  cpu.kernel = (ticks["system"] ?? 0n) * TICK_NS;
  cpu.total = number(`${folder}/cpuacct.usage`);
  cpu.percpu = (read(`${folder}/cpuacct.usage_percpu`) ?? "").split(/\s+/).filter(Boolean).map(toBigint);
  for (const line of (read(`${folder}/cpuacct.usage_all`) ?? "").split("\n").slice(1)) {
    const [, user, system] = line.split(" ");
    if (system === undefined) continue;
    cpu.percpuUser.push(toBigint(user));
    cpu.percpuKernel.push(toBigint(system));
  }
}

function cpu(folder: string, { cpu }: CgroupStats): void {
  const values = table(`${folder}/cpu.stat`);
  cpu.periods = values["nr_periods"] ?? 0n;
  cpu.throttledPeriods = values["nr_throttled"] ?? 0n;
  cpu.throttledTime = values["throttled_time"] ?? 0n;
}

function cpuset(folder: string, { cpuset }: CgroupStats): void {
  cpuset.cpus = listOf(read(`${folder}/cpuset.cpus`));
  cpuset.mems = listOf(read(`${folder}/cpuset.mems`));
  for (const flag of CPUSET_FLAGS) cpuset.flags[flag] = number(`${folder}/cpuset.${flag}`);
}

export function parseBlkio(text: string): BlockEntry[] {
  const entries: BlockEntry[] = [];
  for (const line of text.split("\n")) {
    // "8:0 Read 1024" or "8:0 1024"; the sum at the end has no device
    const match = /^(\d+):(\d+) (?:([A-Za-z]+) )?(\d+)$/.exec(line);
    if (!match) continue;
    const [, major, minor, op = "", value] = match;
    entries.push({ major: toBigint(major), minor: toBigint(minor), op, value: toBigint(value) });
  }
  return entries;
}

const FULL = [
  ["sectorsRecursive", "sectors_recursive"],
  ["ioServiceTimeRecursive", "io_service_time_recursive"],
  ["ioWaitTimeRecursive", "io_wait_time_recursive"],
  ["ioMergedRecursive", "io_merged_recursive"],
  ["ioQueueRecursive", "io_queued_recursive"],
  ["ioTimeRecursive", "time_recursive"],
  ["ioServicedRecursive", "io_serviced_recursive"],
  ["ioServiceBytesRecursive", "io_service_bytes_recursive"],
] as const;
const BASE = [
  ["ioServicedRecursive", "io_serviced"],
  ["ioServiceBytesRecursive", "io_service_bytes"],
] as const;

/** By scheduler: bfq with or without its debugging, cfq, none; the first whose files say something. */
const SOURCES = [
  ["blkio.bfq.", FULL],
  ["blkio.bfq.", FULL.slice(-2)],
  ["blkio.", FULL],
  ["blkio.throttle.", FULL.slice(-2)],
  ["blkio.throttle.", BASE],
] as const;

function blkio(folder: string, stats: CgroupStats): void {
  for (const [prefix, files] of SOURCES) {
    const read1 = (file: string) => parseBlkio(read(`${folder}/${prefix}${file}`) ?? "");
    if (read1(files[0]![1]).length === 0) continue;
    for (const [name, file] of files) stats.block[name] = read1(file);
    return;
  }
}

function hugetlb(folder: string, stats: CgroupStats): void {
  for (const size of pageSizes()) {
    const reserved = `${folder}/hugetlb.${size}.rsvd.`;
    const prefix = read(`${reserved}usage_in_bytes`) === undefined ? `${folder}/hugetlb.${size}.` : reserved;
    const usage = read(`${prefix}usage_in_bytes`);
    if (usage === undefined) continue;
    const [max, failcnt] = [number(`${prefix}max_usage_in_bytes`), number(`${prefix}failcnt`)];
    stats.hugetlb[size] = { usage: toBigint(usage), max, failcnt };
  }
}

/** `folderOf` answers a controller's folder, where there is one. */
export function statsV1(folderOf: (controller: string) => string | undefined): CgroupStats {
  const stats = noStats();
  const parts = { memory, cpuacct, cpu, cpuset, blkio, hugetlb };
  for (const [controller, work] of Object.entries(parts)) {
    const folder = folderOf(controller);
    if (folder !== undefined) work(folder, stats);
  }
  const pids = folderOf("pids");
  if (pids !== undefined) {
    const limit = number(`${pids}/pids.max`);
    stats.pids = { current: number(`${pids}/pids.current`), limit: limit === UNLIMITED ? 0n : limit };
  }
  return stats;
}
