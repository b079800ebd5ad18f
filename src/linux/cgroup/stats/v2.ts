// Statistics of a cgroup v2 folder (Documentation/admin-guide/cgroup-v2.rst, accounting/psi.rst).
import { number, pageSizes, read, table, toBigint, UNLIMITED } from "./files.ts";
import {
  type BlockEntry,
  type CgroupStats,
  noStats,
  noUsage,
  type Pressure,
  type PressureLine,
  type Usage,
} from "./stats.ts";

function pressureLine(words: readonly string[]): PressureLine {
  const value = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  const average = (name: string) => Number(value(name) ?? 0);
  return {
    avg10: average("avg10"),
    avg60: average("avg60"),
    avg300: average("avg300"),
    total: toBigint(value("total")),
  };
}

export function parsePressure(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  const lines = new Map(text.split("\n").map((line) => [line.split(" ", 1)[0]!, line.split(" ").slice(1)]));
  return { some: pressureLine(lines.get("some") ?? []), full: pressureLine(lines.get("full") ?? []) };
}

function memoryUsage(folder: string, prefix: string): Usage {
  if (read(`${folder}/${prefix}.current`) === undefined) return noUsage();
  const value = (file: string) => number(`${folder}/${prefix}.${file}`);
  return { usage: value("current"), limit: value("max"), max: value("peak"), failcnt: 0n };
}

function memory(folder: string, stats: CgroupStats): void {
  const { memory } = stats;
  memory.psi = parsePressure(read(`${folder}/memory.pressure`));
  if (read(`${folder}/memory.current`) === undefined) return;
  memory.raw = table(`${folder}/memory.stat`);
  memory.cache = memory.raw["file"] ?? 0n;
  memory.usage = memoryUsage(folder, "memory");
  const swap = memoryUsage(folder, "memory.swap");
  // as v1 has it: both together; what both had at most is not known
  const limit = swap.limit === UNLIMITED ? swap.limit : BigInt.asUintN(64, swap.limit + memory.usage.limit);
  memory.swap = { usage: swap.usage + memory.usage.usage, limit, max: 0n, failcnt: 0n };
}

const IO = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
} as const;

export function parseIo(text: string | undefined): CgroupStats["block"] {
  const tables: CgroupStats["block"] = {};
  for (const line of text?.split("\n") ?? []) {
    const [device = "", ...items] = line.split(" ");
    const [major, minor] = device.split(":");
    if (minor === undefined) continue;
    for (const item of items) {
      const [name = "", value] = item.split("=");
      const known = IO[name as keyof typeof IO];
      if (!known) continue;
      const entry: BlockEntry = {
        major: toBigint(major),
        minor: toBigint(minor),
        op: known[1],
        value: toBigint(value),
      };
      tables[known[0]] = [...(tables[known[0]] ?? []), entry];
    }
  }
  return tables;
}

function hugetlb(folder: string, stats: CgroupStats): void {
  for (const size of pageSizes()) {
    const prefix = `${folder}/hugetlb.${size}`;
    const usage = read(`${prefix}.rsvd.current`) ?? read(`${prefix}.current`);
    if (usage === undefined) continue;
    stats.hugetlb[size] = { usage: toBigint(usage), max: 0n, failcnt: table(`${prefix}.events`)["max"] ?? 0n };
  }
}

const NANOSECONDS = 1000n;

export function statsV2(folder: string): CgroupStats {
  const stats = noStats();
  const pids = read(`${folder}/pids.current`);
  const limit = number(`${folder}/pids.max`);
  // where the controller is not handed down, those that are there are counted
  const counted = () => BigInt(read(`${folder}/cgroup.procs`)?.split("\n").filter(Boolean).length ?? 0);
  stats.pids = { current: pids === undefined ? counted() : toBigint(pids), limit: limit === UNLIMITED ? 0n : limit };
  memory(folder, stats);
  stats.block = parseIo(read(`${folder}/io.stat`));
  stats.blockPsi = parsePressure(read(`${folder}/io.pressure`));
  const times = table(`${folder}/cpu.stat`);
  const time = (name: string) => (times[name] ?? 0n) * NANOSECONDS;
  Object.assign(stats.cpu, { total: time("usage_usec"), user: time("user_usec"), kernel: time("system_usec") });
  stats.cpu.periods = times["nr_periods"] ?? 0n;
  stats.cpu.throttledPeriods = times["nr_throttled"] ?? 0n;
  stats.cpu.throttledTime = time("throttled_usec");
  stats.cpu.psi = parsePressure(read(`${folder}/cpu.pressure`));
  hugetlb(folder, stats);
  return stats;
}
