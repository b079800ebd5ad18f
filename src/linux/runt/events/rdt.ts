// What resctrl tells of a container's class: schemata, and with monitoring cache occupancy and memory bandwidth.
import { number, read } from "../../cgroup/stats/files.ts";
import { readDir } from "../../sys/fs.ts";
import { findResctrl, type RdtGroup } from "../intel-rdt.ts";

/** In runc's names. */
export interface RdtStats {
  l3_cache_info?: { cbm_mask?: string | undefined; min_cbm_bits: bigint; num_closids: bigint } | undefined;
  l3_cache_schema_root?: string | undefined;
  l3_cache_schema?: string | undefined;
  mem_bw_info?:
    | { bandwidth_gran: bigint; delay_linear: bigint; min_bandwidth: bigint; num_closids: bigint }
    | undefined;
  mem_bw_schema_root?: string | undefined;
  mem_bw_schema?: string | undefined;
  schemata?: string[] | undefined;
  mbm_stats?: { mbm_total_bytes: bigint; mbm_local_bytes: bigint }[] | undefined;
  cmt_stats?: { llc_occupancy: bigint }[] | undefined;
}

const linesOf = (file: string) => read(file)?.split("\n") ?? [];

function nodesOf(folder: string): string[] {
  try {
    return readDir(`${folder}/mon_data`)
      .map(({ name }) => `${folder}/mon_data/${name}`)
      .sort();
  } catch {
    return [];
  }
}

export function rdtStats({ folder, made }: RdtGroup, root: string = findResctrl()): RdtStats {
  const [rootLines, lines] = [linesOf(`${root}/schemata`), linesOf(`${folder}/schemata`)];
  const find = (all: readonly string[], word: string) => all.find((line) => line.includes(word))?.trim();
  const stats: RdtStats = {};
  const [l3, mb] = [`${root}/info/L3`, `${root}/info/MB`];
  const mask = read(`${l3}/cbm_mask`);
  if (mask !== undefined) {
    const [min, ids] = [number(`${l3}/min_cbm_bits`), number(`${l3}/num_closids`)];
    stats.l3_cache_info = { cbm_mask: mask, min_cbm_bits: min, num_closids: ids };
    stats.l3_cache_schema_root = find(rootLines, "L3");
    stats.l3_cache_schema = find(lines, "L3");
  }
  if (read(`${mb}/min_bandwidth`) !== undefined) {
    stats.mem_bw_info = {
      bandwidth_gran: number(`${mb}/bandwidth_gran`),
      delay_linear: number(`${mb}/delay_linear`),
      min_bandwidth: number(`${mb}/min_bandwidth`),
      num_closids: number(`${mb}/num_closids`),
    };
    stats.mem_bw_schema_root = find(rootLines, "MB");
    stats.mem_bw_schema = find(lines, "MB");
  }
  stats.schemata = lines;
  const features = linesOf(`${root}/info/L3_MON/mon_features`);
  const nodes = nodesOf(made.find((one) => one.includes("/mon_groups/")) ?? folder);
  if (features.some((feature) => feature.startsWith("mbm_"))) {
    stats.mbm_stats = nodes.map((node) => ({
      mbm_total_bytes: number(`${node}/mbm_total_bytes`),
      mbm_local_bytes: number(`${node}/mbm_local_bytes`),
    }));
  }
  if (features.includes("llc_occupancy")) {
    stats.cmt_stats = nodes.map((node) => ({ llc_occupancy: number(`${node}/llc_occupancy`) }));
  }
  return stats;
}
