// linux.resources as files of cgroup v1 (Documentation/admin-guide/cgroup-v1).
import type { LinuxDeviceCgroup, LinuxResources } from "../../common/oci/runtime.ts";
import { Fd, O, open, write } from "../sys/fs.ts";
import { effectiveRules, ruleText } from "./devices.ts";
import { limitText, type Setting } from "./files.ts";

/** Everything is denied first, then allowed rule by rule: a process must never run without them. */
export function applyDevices(folder: string, given: readonly LinuxDeviceCgroup[]): void {
  const { all, rules } = effectiveRules(given);
  using allow = new Fd(open(`${folder}/devices.allow`, O.WRONLY));
  using deny = new Fd(open(`${folder}/devices.deny`, O.WRONLY));
  write((all ? allow : deny).value, native.bytes("a"));
  for (const rule of rules) write((rule.allow ? allow : deny).value, native.bytes(ruleText(rule)));
}

function memory(r: LinuxResources, out: Setting[]): void {
  const m = r.memory;
  if (!m) return;
  const add = (file: string, value: string, field: string) =>
    out.push({ controller: "memory", file: `memory.${file}`, value, field: `linux.resources.memory.${field}` });
  if (m.limit !== undefined && m.limit !== 0) add("limit_in_bytes", limitText(m.limit, "-1"), "limit");
  if (m.swap !== undefined && m.swap !== 0) add("memsw.limit_in_bytes", limitText(m.swap, "-1"), "swap");
  if (m.reservation !== undefined && m.reservation !== 0)
    add("soft_limit_in_bytes", limitText(m.reservation, "-1"), "reservation");
  if (m.kernelTCP !== undefined && m.kernelTCP !== 0)
    add("kmem.tcp.limit_in_bytes", limitText(m.kernelTCP, "-1"), "kernelTCP");
  // Docker writes -1, or 2^64 - 1, for "as it is"
  if (m.swappiness !== undefined && m.swappiness >= 0 && m.swappiness <= 200)
    add("swappiness", String(m.swappiness), "swappiness");
  if (m.disableOOMKiller) add("oom_control", "1", "disableOOMKiller");
}

function cpu(r: LinuxResources, out: Setting[]): void {
  const c = r.cpu;
  if (!c) return;
  const add = (file: string, value: number | undefined, field: string) => {
    if (value === undefined) return;
    out.push({ controller: "cpu", file: `cpu.${file}`, value: String(value), field: `linux.resources.cpu.${field}` });
  };
  if (c.shares) add("shares", c.shares, "shares");
  if (c.period) add("cfs_period_us", c.period, "period");
  if (c.burst !== undefined && c.burst !== 0) add("cfs_burst_us", c.burst, "burst");
  if (c.quota !== undefined && c.quota !== 0) add("cfs_quota_us", c.quota, "quota");
  if (c.realtimePeriod) add("rt_period_us", c.realtimePeriod, "realtimePeriod");
  if (c.realtimeRuntime) add("rt_runtime_us", c.realtimeRuntime, "realtimeRuntime");
  add("idle", c.idle, "idle");
  const set = (file: string, value: string | undefined) => {
    if (!value) return;
    out.push({ controller: "cpuset", file: `cpuset.${file}`, value, field: `linux.resources.cpu.${file}` });
  };
  set("cpus", c.cpus);
  set("mems", c.mems);
}

function blockIO(r: LinuxResources, out: Setting[]): void {
  const b = r.blockIO;
  if (!b) return;
  const add = (file: string, value: string, field: string, instead?: string) =>
    out.push({
      controller: "blkio",
      file: `blkio.${file}`,
      value,
      field: `linux.resources.blockIO.${field}`,
      ...(instead ? { instead } : {}),
    });
  if (b.weight) add("weight", String(b.weight), "weight", "blkio.bfq.weight");
  if (b.leafWeight) add("leaf_weight", String(b.leafWeight), "leafWeight");
  for (const d of b.weightDevice ?? []) {
    const name = `${d.major}:${d.minor}`;
    if (d.weight) add("weight_device", `${name} ${d.weight}`, "weightDevice", "blkio.bfq.weight_device");
    if (d.leafWeight) add("leaf_weight_device", `${name} ${d.leafWeight}`, "weightDevice");
  }
  const throttles = [
    ["throttle.read_bps_device", "throttleReadBpsDevice"],
    ["throttle.write_bps_device", "throttleWriteBpsDevice"],
    ["throttle.read_iops_device", "throttleReadIOPSDevice"],
    ["throttle.write_iops_device", "throttleWriteIOPSDevice"],
  ] as const;
  for (const [file, field] of throttles) {
    for (const d of b[field] ?? []) add(file, `${d.major}:${d.minor} ${d.rate}`, field);
  }
}

function rest(r: LinuxResources, out: Setting[]): void {
  const base = "linux.resources";
  if (r.pids?.limit) {
    out.push({
      controller: "pids",
      file: "pids.max",
      value: r.pids.limit < 0 ? "max" : String(r.pids.limit),
      field: `${base}.pids.limit`,
    });
  }
  for (const h of r.hugepageLimits ?? []) {
    out.push({
      controller: "hugetlb",
      file: `hugetlb.${h.pageSize}.limit_in_bytes`,
      value: String(h.limit),
      field: `${base}.hugepageLimits`,
    });
    const rsvd = `hugetlb.${h.pageSize}.rsvd.limit_in_bytes`;
    out.push({
      controller: "hugetlb",
      file: rsvd,
      value: String(h.limit),
      field: `${base}.hugepageLimits`,
      optional: true,
    });
  }
  if (r.network?.classID) {
    out.push({
      controller: "net_cls",
      file: "net_cls.classid",
      value: String(r.network.classID),
      field: `${base}.network.classID`,
    });
  }
  for (const p of r.network?.priorities ?? []) {
    out.push({
      controller: "net_prio",
      file: "net_prio.ifpriomap",
      value: `${p.name} ${p.priority}`,
      field: `${base}.network.priorities`,
    });
  }
  for (const [device, limits] of Object.entries(r.rdma ?? {})) {
    out.push({ controller: "rdma", file: "rdma.max", value: rdmaLine(device, limits), field: `${base}.rdma` });
  }
}

export function rdmaLine(
  device: string,
  limits: { hcaHandles?: number | undefined; hcaObjects?: number | undefined },
): string {
  const handles = limits.hcaHandles === undefined ? "" : ` hca_handle=${limits.hcaHandles}`;
  const objects = limits.hcaObjects === undefined ? "" : ` hca_object=${limits.hcaObjects}`;
  return `${device}${handles}${objects}`;
}

/** In the order in which they are to be written. Devices have their own (applyDevices). */
export function settingsV1(r: LinuxResources): Setting[] {
  const out: Setting[] = [];
  memory(r, out);
  cpu(r, out);
  blockIO(r, out);
  rest(r, out);
  return out;
}
