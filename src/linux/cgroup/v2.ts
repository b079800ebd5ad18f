// linux.resources as files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst), converted as the runtime specification and runc do.
import { WharfError } from "../../common/errors.ts";
import type { LinuxMemory, LinuxResources } from "../../common/oci/runtime.ts";
import { limitText, pidsText, type Setting } from "./files.ts";
import { rdmaLine } from "./v1.ts";

/** cpu.shares 2…262144 to cpu.weight 1…10000, so that the defaults (1024, 100) meet (runc 1.3.2, crun 1.23). */
export function weightOfShares(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** blkio.weight 10…1000 to io.weight 1…10000. */
export function ioWeight(weight: number): number {
  return weight === 0 ? 0 : 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/**
 * Swap alone, which v2 limits, of memory and swap together; -1: no limit; undefined: as it is. Without a limit of memory
 * it stands for itself.
 */
export function swapOf({ limit = 0, swap = 0 }: LinuxMemory): number | undefined {
  if (swap === 0) return limit < 0 ? -1 : undefined;
  if (swap < 0) return -1;
  if (limit < 0) return swap;
  const field = "linux.resources.memory.swap";
  if (limit === 0) {
    throw new WharfError("InvalidArgument", `${field}: cannot be limited without a limit of memory`, {
      subject: field,
    });
  }
  if (swap >= limit) return swap - limit;
  throw new WharfError("InvalidArgument", `${field}: ${swap} is less than the limit of memory, ${limit}`, {
    subject: field,
    hint: "it counts memory and swap together",
  });
}

function memory(r: LinuxResources, out: Setting[]): void {
  const m = r.memory;
  if (!m) return;
  const add = (file: string, value: string, field: string, optional = false) =>
    out.push({
      controller: "memory",
      file: `memory.${file}`,
      value,
      field: `linux.resources.memory.${field}`,
      optional,
    });
  const swap = swapOf(m);
  // a kernel without swap has none to limit
  if (swap !== undefined) add("swap.max", limitText(swap, "max"), "swap", swap <= 0);
  if (m.limit !== undefined && m.limit !== 0) add("max", limitText(m.limit, "max"), "limit");
  if (m.reservation !== undefined && m.reservation !== 0) add("low", limitText(m.reservation, "max"), "reservation");
}

function cpu(r: LinuxResources, out: Setting[]): void {
  const c = r.cpu;
  if (!c) return;
  const add = (file: string, value: string, field: string, again = false) =>
    out.push({
      controller: file.startsWith("cpuset") ? "cpuset" : "cpu",
      file,
      value,
      field: `linux.resources.cpu.${field}`,
      again,
    });
  if (c.idle !== undefined) add("cpu.idle", String(c.idle), "idle");
  if (c.shares && !c.idle) add("cpu.weight", String(weightOfShares(c.shares)), "shares");
  if (c.burst !== undefined) add("cpu.max.burst", String(c.burst), "burst", true);
  if ((c.quota !== undefined && c.quota !== 0) || c.period) {
    const quota = c.quota !== undefined && c.quota > 0 ? String(c.quota) : "max";
    // without a period the kernel keeps the one that is set; a new cgroup has 100000
    add("cpu.max", c.period ? `${quota} ${c.period}` : quota, "quota");
  }
  if (c.cpus) add("cpuset.cpus", c.cpus, "cpus");
  if (c.mems) add("cpuset.mems", c.mems, "mems");
}

function io(r: LinuxResources, out: Setting[]): void {
  const b = r.blockIO;
  if (!b) return;
  const add = (file: string, value: string, field: string, optional = false) =>
    out.push({ controller: "io", file: `io.${file}`, value, field: `linux.resources.blockIO.${field}`, optional });
  if (b.weight) {
    add("bfq.weight", String(b.weight), "weight", true);
    add("weight", `default ${ioWeight(b.weight)}`, "weight", true);
  }
  // by BFQ alone
  for (const d of b.weightDevice ?? [])
    if (d.weight) add("bfq.weight", `${d.major}:${d.minor} ${d.weight}`, "weightDevice", true);
  const throttles = [
    ["rbps", "throttleReadBpsDevice"],
    ["wbps", "throttleWriteBpsDevice"],
    ["riops", "throttleReadIOPSDevice"],
    ["wiops", "throttleWriteIOPSDevice"],
  ] as const;
  for (const [key, field] of throttles)
    for (const d of b[field] ?? []) add("max", `${d.major}:${d.minor} ${key}=${d.rate}`, field);
}

export function settingsV2(r: LinuxResources): Setting[] {
  const out: Setting[] = [];
  memory(r, out);
  cpu(r, out);
  io(r, out);
  if (r.pids?.limit !== undefined) {
    out.push({
      controller: "pids",
      file: "pids.max",
      value: pidsText(r.pids.limit),
      field: "linux.resources.pids.limit",
    });
  }
  for (const { pageSize, limit } of r.hugepageLimits ?? []) {
    for (const reserved of ["", ".rsvd"]) {
      const file = `hugetlb.${pageSize}${reserved}.max`;
      const field = "linux.resources.hugepageLimits";
      out.push({ controller: "hugetlb", file, value: String(limit), field, optional: reserved !== "" });
    }
  }
  for (const [device, limits] of Object.entries(r.rdma ?? {})) {
    out.push({ controller: "rdma", file: "rdma.max", value: rdmaLine(device, limits), field: "linux.resources.rdma" });
  }
  for (const [file, value] of Object.entries(r.unified ?? {})) {
    for (const line of value.split("\n")) {
      if (line)
        out.push({
          controller: file.slice(0, file.indexOf(".")),
          file,
          value: line,
          field: `linux.resources.unified.${file}`,
        });
    }
  }
  return out;
}
