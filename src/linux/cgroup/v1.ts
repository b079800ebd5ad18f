// linux.resources as files of cgroup v1 (Documentation/admin-guide/cgroup-v1).
import { WharfError } from "../../common/errors.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../common/oci/runtime.ts";
import { Fd, O, open, write } from "../sys/fs.ts";
import { effectiveRules, refuseHoles, ruleText } from "./devices.ts";
import { limitText, pidsText, type Setting } from "./files.ts";

/** Everything is denied first, then allowed rule by rule: a process must never run without them. */
export function applyDevices(folder: string, given: readonly LinuxDeviceCgroup[]): void {
  const { all, rules } = effectiveRules(given);
  refuseHoles(all, rules);
  using allow = new Fd(open(`${folder}/devices.allow`, O.WRONLY));
  using deny = new Fd(open(`${folder}/devices.deny`, O.WRONLY));
  write((all ? allow : deny).value, native.bytes("a"));
  for (const rule of rules) write((rule.allow ? allow : deny).value, native.bytes(ruleText(rule)));
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
  if (m.limit !== undefined && m.limit !== 0) add("limit_in_bytes", limitText(m.limit, "-1"), "limit");
  // no limit of memory is none of both, where the kernel counts swap
  const unlimited = m.limit !== undefined && m.limit < 0 && !m.swap;
  if (unlimited || (m.swap !== undefined && m.swap !== 0)) {
    add("memsw.limit_in_bytes", unlimited ? "-1" : limitText(m.swap!, "-1"), "swap", unlimited);
  }
  if (m.reservation !== undefined && m.reservation !== 0)
    add("soft_limit_in_bytes", limitText(m.reservation, "-1"), "reservation");
  if (m.kernelTCP !== undefined && m.kernelTCP !== 0)
    add("kmem.tcp.limit_in_bytes", limitText(m.kernelTCP, "-1"), "kernelTCP");
  // Docker writes -1, or 2^64 - 1, for "as it is"
  if (m.swappiness !== undefined && m.swappiness >= 0 && m.swappiness <= 200)
    add("swappiness", String(m.swappiness), "swappiness");
  if (m.disableOOMKiller) add("oom_control", "1", "disableOOMKiller");
}

const [SHARES_MIN, SHARES_MAX] = [2, 262144];

/** The kernel takes any number and makes it fit without a word. */
function checkedShares(shares: number): number {
  if (shares >= SHARES_MIN && shares <= SHARES_MAX) return shares;
  const bound =
    shares < SHARES_MIN
      ? `the minimum allowed cpu-shares is ${SHARES_MIN}`
      : `the maximum allowed cpu-shares is ${SHARES_MAX}`;
  throw new WharfError("InvalidArgument", `linux.resources.cpu.shares: ${bound}`, {
    subject: "linux.resources.cpu.shares",
  });
}

function cpu(r: LinuxResources, out: Setting[]): void {
  const c = r.cpu;
  if (!c) return;
  const add = (file: string, value: number, field: string, how: Partial<Setting> = {}) =>
    out.push({
      controller: "cpu",
      file: `cpu.${file}`,
      value: String(value),
      field: `linux.resources.cpu.${field}`,
      ...how,
    });
  if (c.shares) add("shares", checkedShares(c.shares), "shares");
  if (c.period) add("cfs_period_us", c.period, "period", { again: true });
  if (c.burst !== undefined) add("cfs_burst_us", c.burst, "burst", { again: true, optional: true });
  if (c.quota !== undefined && c.quota !== 0) add("cfs_quota_us", c.quota, "quota");
  if (c.realtimePeriod) add("rt_period_us", c.realtimePeriod, "realtimePeriod", { again: true });
  if (c.realtimeRuntime) add("rt_runtime_us", c.realtimeRuntime, "realtimeRuntime");
  if (c.idle !== undefined) add("idle", c.idle, "idle");
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
  if (r.pids?.limit !== undefined) {
    out.push({
      controller: "pids",
      file: "pids.max",
      value: pidsText(r.pids.limit),
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
