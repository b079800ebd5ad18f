// The rows of `stats`: what one look at a container's counters tells, with docker's fields, headings and default format.
import { binarySize, humanSize } from "../units.ts";
import { shortId } from "./time.ts";
import type { RowKind } from "./write.ts";

interface CpuStats {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** An object of GET /containers/{id}/stats. */
export interface Stats {
  readonly id?: string;
  readonly name?: string;
  readonly cpu_stats?: CpuStats;
  readonly precpu_stats?: CpuStats;
  readonly memory_stats?: { usage?: number; limit?: number; stats?: Readonly<Record<string, number>> };
  readonly networks?: Readonly<Record<string, { rx_bytes: number; tx_bytes: number }>> | null;
  readonly blkio_stats?: { io_service_bytes_recursive?: readonly { op: string; value: number }[] | null };
  readonly pids_stats?: { current?: number };
}

export interface StatsRow {
  /** As the user named it. */
  readonly container: string;
  readonly id: string;
  readonly name: string;
  /** Undefined for a container that does not run. */
  readonly stats: Stats | undefined;
}

export const STATS_TABLE =
  "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

/** Per cent of one CPU, as docker counts it. */
function cpuPercent({ cpu_stats: now = {}, precpu_stats: before = {} }: Stats): number {
  const used = (now.cpu_usage?.total_usage ?? 0) - (before.cpu_usage?.total_usage ?? 0);
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || now.cpu_usage?.percpu_usage?.length || 0;
  return used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0;
}

/** Bytes without the page cache that could be given back. */
function memoryUsed({ memory_stats: { usage = 0, stats = {} } = {} }: Stats): number {
  const inactive = stats.total_inactive_file ?? stats.inactive_file;
  return inactive !== undefined && inactive < usage ? usage - inactive : usage;
}

const percent = (value: number) => `${value.toFixed(2)}%`;
const NOTHING = "--";

function blockBytes({ blkio_stats }: Stats, operation: string): number {
  const entries = blkio_stats?.io_service_bytes_recursive ?? [];
  return entries.reduce((sum, { op, value }) => sum + (op.toLowerCase() === operation ? value : 0), 0);
}

export function statsRows(truncate: boolean): RowKind<StatsRow> {
  return {
    type: "*container.statsContext",
    headers: {
      Container: "CONTAINER",
      ID: "CONTAINER ID",
      Name: "NAME",
      CPUPerc: "CPU %",
      MemUsage: "MEM USAGE / LIMIT",
      MemPerc: "MEM %",
      NetIO: "NET I/O",
      BlockIO: "BLOCK I/O",
      PIDs: "PIDS",
    },
    fields: ({ container, id, name, stats }) => {
      const limit = stats?.memory_stats?.limit ?? 0;
      const networks = Object.values(stats?.networks ?? {});
      const sum = (of: (one: { rx_bytes: number; tx_bytes: number }) => number) =>
        humanSize(
          networks.reduce((all, one) => all + of(one), 0),
          3,
        );
      return {
        Container: container,
        ID: truncate ? shortId(id) : id,
        Name: name === "" ? NOTHING : name,
        CPUPerc: () => (stats ? percent(cpuPercent(stats)) : NOTHING),
        MemUsage: () => (stats ? `${binarySize(memoryUsed(stats))} / ${binarySize(limit)}` : `${NOTHING} / ${NOTHING}`),
        MemPerc: () => (stats ? percent(limit > 0 ? (memoryUsed(stats) / limit) * 100 : 0) : NOTHING),
        NetIO: () => (stats ? `${sum((one) => one.rx_bytes)} / ${sum((one) => one.tx_bytes)}` : NOTHING),
        BlockIO: () =>
          stats ? `${humanSize(blockBytes(stats, "read"), 3)} / ${humanSize(blockBytes(stats, "write"), 3)}` : NOTHING,
        PIDs: () => (stats ? String(stats.pids_stats?.current ?? 0) : NOTHING),
      };
    },
  };
}
