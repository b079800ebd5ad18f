// cgroup v1: one folder a controller.
import type { BlkIOEntry, Metrics } from "../../common/gen/containerd/cgroups/v1.ts";
import type { Init } from "../../common/protobuf/codec.ts";
import { deviceNames, number, pageSizes, rdma, table, text, toBigint } from "./stats-files.ts";

/** Ticks of a hundredth of a second, as Linux tells user space. */
const TICK_NS = 10_000_000n;

function entry(folder: string, prefix: string): Init<NonNullable<Metrics["memory"]>["usage"]> {
  const file = (name: string) => `${folder}/memory.${prefix}${name}`;
  return {
    limit: number(file("limit_in_bytes")),
    usage: number(file("usage_in_bytes")),
    max: number(file("max_usage_in_bytes")),
    failcnt: number(file("failcnt")),
  };
}

function memory(folder: string): Init<Metrics["memory"]> {
  const stat = table(`${folder}/memory.stat`);
  const get = (name: string) => stat.get(name) ?? 0n;
  return {
    cache: get("cache"),
    rss: get("rss"),
    rssHuge: get("rss_huge"),
    mappedFile: get("mapped_file"),
    dirty: get("dirty"),
    writeback: get("writeback"),
    pgPgIn: get("pgpgin"),
    pgPgOut: get("pgpgout"),
    pgFault: get("pgfault"),
    pgMajFault: get("pgmajfault"),
    inactiveAnon: get("inactive_anon"),
    activeAnon: get("active_anon"),
    inactiveFile: get("inactive_file"),
    activeFile: get("active_file"),
    unevictable: get("unevictable"),
    hierarchicalMemoryLimit: get("hierarchical_memory_limit"),
    hierarchicalSwapLimit: get("hierarchical_memsw_limit"),
    totalCache: get("total_cache"),
    totalRss: get("total_rss"),
    totalRssHuge: get("total_rss_huge"),
    totalMappedFile: get("total_mapped_file"),
    totalDirty: get("total_dirty"),
    totalWriteback: get("total_writeback"),
    totalPgPgIn: get("total_pgpgin"),
    totalPgPgOut: get("total_pgpgout"),
    totalPgFault: get("total_pgfault"),
    totalPgMajFault: get("total_pgmajfault"),
    totalInactiveAnon: get("total_inactive_anon"),
    totalActiveAnon: get("total_active_anon"),
    totalInactiveFile: get("total_inactive_file"),
    totalActiveFile: get("total_active_file"),
    totalUnevictable: get("total_unevictable"),
    usage: entry(folder, ""),
    swap: entry(folder, "memsw."),
    kernel: entry(folder, "kmem."),
    kernelTcp: entry(folder, "kmem.tcp."),
  };
}

function cpu(acct: string, folder: string | undefined): Init<Metrics["cpu"]> {
  const stat = table(`${acct}/cpuacct.stat`);
  const throttling = table(`${folder ?? acct}/cpu.stat`);
  return {
    usage: {
      total: number(`${acct}/cpuacct.usage`),
      kernel: (stat.get("system") ?? 0n) * TICK_NS,
      user: (stat.get("user") ?? 0n) * TICK_NS,
      perCpu: (text(`${acct}/cpuacct.usage_percpu`) ?? "").split(/\s+/).filter(Boolean).map(toBigint),
    },
    throttling: {
      periods: throttling.get("nr_periods") ?? 0n,
      throttledPeriods: throttling.get("nr_throttled") ?? 0n,
      throttledTime: throttling.get("throttled_time") ?? 0n,
    },
  };
}

function blkioTable(path: string, names: Map<string, string>): Init<BlkIOEntry>[] {
  const entries: Init<BlkIOEntry>[] = [];
  for (const line of text(path)?.split("\n") ?? []) {
    const fields = line.split(/\s+/);
    const [device = "", second = "", third] = fields;
    const match = /^(\d+):(\d+)$/.exec(device);
    if (!match) continue;
    const op = third === undefined ? "" : second;
    const value = toBigint(third ?? second);
    const place = { major: BigInt(match[1]!), minor: BigInt(match[2]!), device: names.get(device) ?? "" };
    entries.push({ op, value, ...place });
  }
  return entries;
}

function blkio(folder: string): Init<Metrics["blkio"]> {
  const names = deviceNames();
  const read = (name: string) => blkioTable(`${folder}/blkio.${name}`, names);
  const serviced = read("io_serviced_recursive");
  // without a proportional scheduler only the throttling files count
  if (serviced.length === 0) {
    return {
      ioServiceBytesRecursive: read("throttle.io_service_bytes"),
      ioServicedRecursive: read("throttle.io_serviced"),
    };
  }
  return {
    ioServiceBytesRecursive: read("io_service_bytes_recursive"),
    ioServicedRecursive: serviced,
    ioQueuedRecursive: read("io_queued_recursive"),
    ioServiceTimeRecursive: read("io_service_time_recursive"),
    ioWaitTimeRecursive: read("io_wait_time_recursive"),
    ioMergedRecursive: read("io_merged_recursive"),
    ioTimeRecursive: read("time_recursive"),
    sectorsRecursive: read("sectors_recursive"),
  };
}

export function statsV1(controllers: ReadonlyMap<string, string>): Init<Metrics> {
  const folder = (name: string) => controllers.get(name);
  const [pids, acct, mem, io, huge] = ["pids", "cpuacct", "memory", "blkio", "hugetlb"].map(folder);
  const remote = folder("rdma");
  const control = mem === undefined ? undefined : table(`${mem}/memory.oom_control`);
  return {
    pids:
      pids === undefined ? undefined : { current: number(`${pids}/pids.current`), limit: limit(`${pids}/pids.max`) },
    cpu: acct === undefined ? undefined : cpu(acct, folder("cpu")),
    memory: mem === undefined ? undefined : memory(mem),
    memoryOomControl: control && {
      oomKillDisable: control.get("oom_kill_disable") ?? 0n,
      underOom: control.get("under_oom") ?? 0n,
      oomKill: control.get("oom_kill") ?? 0n,
    },
    blkio: io === undefined ? undefined : blkio(io),
    rdma:
      remote === undefined ? undefined : { current: rdma(`${remote}/rdma.current`), limit: rdma(`${remote}/rdma.max`) },
    hugetlb:
      huge === undefined
        ? []
        : pageSizes(huge, ".usage_in_bytes").map((pagesize) => ({
            pagesize,
            usage: number(`${huge}/hugetlb.${pagesize}.usage_in_bytes`),
            max: number(`${huge}/hugetlb.${pagesize}.max_usage_in_bytes`),
            failcnt: number(`${huge}/hugetlb.${pagesize}.failcnt`),
          })),
  };
}

/** containerd tells no limit as 0. */
function limit(path: string): bigint {
  const value = text(path);
  return value === "max" ? 0n : toBigint(value);
}
