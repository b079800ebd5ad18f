// cgroup v2: one folder for all controllers.
import type { IOEntry, MemoryStat, Metrics, PSIData, PSIStats } from "../../common/gen/containerd/cgroups/v2.ts";
import type { Init } from "../../common/protobuf/codec.ts";
import { number, pageSizes, rdma, table, text, toBigint } from "./stats-files.ts";

/** memory.stat's names that are fields of the same name. */
const SAME = [
  "anon",
  "file",
  "kernel_stack",
  "slab",
  "sock",
  "shmem",
  "file_mapped",
  "file_dirty",
  "file_writeback",
  "anon_thp",
  "inactive_anon",
  "active_anon",
  "inactive_file",
  "active_file",
  "unevictable",
  "slab_reclaimable",
  "slab_unreclaimable",
  "pgfault",
  "pgmajfault",
  "workingset_refault",
  "workingset_activate",
  "workingset_nodereclaim",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "pgrefill",
  "pgscan",
  "pgsteal",
  "pgactivate",
  "pgdeactivate",
  "pglazyfree",
  "pglazyfreed",
  "thp_fault_alloc",
  "thp_collapse_alloc",
];

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and the same for "full". */
function pressure(path: string): Init<PSIStats> | undefined {
  const stats: { some?: Init<PSIData>; full?: Init<PSIData> } = {};
  for (const line of text(path)?.split("\n") ?? []) {
    const [kind, ...pairs] = line.split(" ");
    const get = (name: string) => pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
    if (kind !== "some" && kind !== "full") continue;
    const [avg10, avg60, avg300] = ["avg10", "avg60", "avg300"].map((name) => Number(get(name) ?? 0));
    stats[kind] = { avg10, avg60, avg300, total: toBigint(get("total")) };
  }
  return stats.some ? stats : undefined;
}

function memory(folder: string): Init<MemoryStat> {
  const stat = table(`${folder}/memory.stat`);
  const fields: Record<string, bigint> = {};
  for (const name of SAME) fields[camelCase(name)] = stat.get(name) ?? 0n;
  return {
    ...(fields as Init<MemoryStat>),
    usage: number(`${folder}/memory.current`),
    usageLimit: number(`${folder}/memory.max`),
    maxUsage: number(`${folder}/memory.peak`),
    swapUsage: number(`${folder}/memory.swap.current`),
    swapLimit: number(`${folder}/memory.swap.max`),
    swapMaxUsage: number(`${folder}/memory.swap.peak`),
    psi: pressure(`${folder}/memory.pressure`),
  };
}

function io(folder: string): Init<IOEntry>[] {
  const entries: Init<IOEntry>[] = [];
  for (const line of text(`${folder}/io.stat`)?.split("\n") ?? []) {
    const [device = "", ...pairs] = line.split(" ");
    const match = /^(\d+):(\d+)$/.exec(device);
    if (!match) continue;
    const get = (name: string) => toBigint(pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1));
    const [rbytes, wbytes, rios, wios] = ["rbytes", "wbytes", "rios", "wios"].map(get);
    entries.push({ major: BigInt(match[1]!), minor: BigInt(match[2]!), rbytes, wbytes, rios, wios });
  }
  return entries;
}

export function statsV2(folder: string): Init<Metrics> {
  const cpu = table(`${folder}/cpu.stat`);
  const events = table(`${folder}/memory.events`);
  const get = (name: string) => cpu.get(name) ?? 0n;
  return {
    pids: { current: number(`${folder}/pids.current`), limit: number(`${folder}/pids.max`) },
    cpu: {
      usageUsec: get("usage_usec"),
      userUsec: get("user_usec"),
      systemUsec: get("system_usec"),
      nrPeriods: get("nr_periods"),
      nrThrottled: get("nr_throttled"),
      throttledUsec: get("throttled_usec"),
      nrBursts: get("nr_bursts"),
      burstUsec: get("burst_usec"),
      psi: pressure(`${folder}/cpu.pressure`),
    },
    memory: memory(folder),
    memoryEvents: {
      low: events.get("low") ?? 0n,
      high: events.get("high") ?? 0n,
      max: events.get("max") ?? 0n,
      oom: events.get("oom") ?? 0n,
      oomKill: events.get("oom_kill") ?? 0n,
      oomGroupKill: events.get("oom_group_kill") ?? 0n,
    },
    io: { usage: io(folder), psi: pressure(`${folder}/io.pressure`) },
    rdma: { current: rdma(`${folder}/rdma.current`), limit: rdma(`${folder}/rdma.max`) },
    hugetlb: pageSizes(folder, ".current").map((pagesize) => ({
      pagesize,
      current: number(`${folder}/hugetlb.${pagesize}.current`),
      max: number(`${folder}/hugetlb.${pagesize}.max`),
      failcnt: table(`${folder}/hugetlb.${pagesize}.events`).get("max") ?? 0n,
    })),
  };
}
