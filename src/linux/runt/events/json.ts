// An event as `runc events` prints it: one JSON object a line, with Go's rules for what is left out.
import { BLOCK_TABLES, type CgroupStats, CPUSET_FLAGS, type Pressure, type Usage } from "../../cgroup/stats/stats.ts";
import type { RdtStats } from "./rdt.ts";

type Json = string | number | bigint | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

/** JSON with 64-bit numbers, which JSON.stringify does not write. */
export function toJson(value: Json): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${toJson(one as Json)}`).join(",")}}`;
}

/** Zero, and an empty list, are left out. */
const some = <T extends bigint | string | readonly Json[]>(value: T): T | undefined =>
  value === 0n || value === "" || (Array.isArray(value) && value.length === 0) ? undefined : value;

/** runc up to 1.3 prints it also where all is zero, and so do we. */
function usage({ limit, usage: used, max, failcnt }: Usage): Json {
  return { limit, usage: some(used), max: some(max), failcnt };
}

const pressure = (value: Pressure | undefined): Json => value && { some: { ...value.some }, full: { ...value.full } };

function cpu({ cpu: c }: CgroupStats): Json {
  return {
    usage: {
      total: some(c.total),
      percpu: some(c.percpu),
      percpu_kernel: some(c.percpuKernel),
      percpu_user: some(c.percpuUser),
      kernel: c.kernel,
      user: c.user,
    },
    throttling: {
      periods: some(c.periods),
      throttledPeriods: some(c.throttledPeriods),
      throttledTime: some(c.throttledTime),
    },
    psi: pressure(c.psi),
  };
}

function cpuset({ cpuset: c }: CgroupStats): Json {
  const [exclusive, ...others] = CPUSET_FLAGS;
  return {
    cpus: some(c.cpus),
    [exclusive]: c.flags[exclusive] ?? 0n,
    mems: some(c.mems),
    ...Object.fromEntries(others.map((name) => [name, c.flags[name] ?? 0n])),
  };
}

function memory({ memory: m }: CgroupStats): Json {
  return {
    cache: some(m.cache),
    usage: usage(m.usage),
    swap: usage(m.swap),
    kernel: usage(m.kernel),
    kernelTCP: usage(m.kernelTcp),
    // Go writes maps by their keys' order
    raw: Object.keys(m.raw).length > 0 ? Object.fromEntries(Object.entries(m.raw).sort(byName)) : undefined,
    psi: pressure(m.psi),
  };
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);

function block({ block: tables, blockPsi }: CgroupStats): Json {
  const out: Record<string, Json> = {};
  for (const name of BLOCK_TABLES) {
    const entries = tables[name]?.map(({ major, minor, op, value }) => ({
      major: some(major),
      minor: some(minor),
      op: some(op),
      value: some(value),
    }));
    if (entries?.length) out[name] = entries;
  }
  return { ...out, psi: pressure(blockPsi) };
}

function hugetlb({ hugetlb: sizes }: CgroupStats): Json {
  const entries = Object.entries(sizes).sort(byName);
  return Object.fromEntries(
    entries.map(([size, { usage: used, max, failcnt }]) => [size, { usage: some(used), max: some(max), failcnt }]),
  );
}

export function statsEvent(id: string, stats: CgroupStats, rdt: RdtStats | undefined): string {
  const { current, limit } = stats.pids;
  return toJson({
    type: "stats",
    id,
    data: {
      cpu: cpu(stats),
      cpuset: cpuset(stats),
      memory: memory(stats),
      pids: { current: some(current), limit: some(limit) },
      blkio: block(stats),
      hugetlb: hugetlb(stats),
      intel_rdt: (rdt ?? {}) as Json,
      network_interfaces: null,
    },
  });
}

export const oomEvent = (id: string) => toJson({ type: "oom", id });
