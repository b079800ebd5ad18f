// pause, resume, ps, update: what is done to a container's cgroup.
import { WharfError } from "../../common/errors.ts";
import type { LinuxResources, Spec } from "../../common/oci/runtime.ts";
import { setFrozen } from "../cgroup/freezer.ts";
import { cgroupPids } from "../cgroup/kill.ts";
import { checkUsage, limit, limitDevices } from "../cgroup/limit.ts";
import { type CgroupPaths, folderOf } from "../cgroup/paths.ts";
import { asSystemdKeeps, updateScope } from "../cgroup/systemd/scope.ts";
import { exists, readText } from "../sys/fs.ts";
import { type ContainerRecord, type Status, saveRecord } from "./state.ts";
import { inState } from "./view.ts";

function cgroupOf(record: ContainerRecord): CgroupPaths {
  if (record.cgroup) return record.cgroup;
  throw new WharfError("FailedPrecondition", `container ${JSON.stringify(record.id)} has no cgroup`);
}

const LIVING: Status[] = ["running", "created", "paused"];

export function pause(root: string, id: string): void {
  setFrozen(cgroupOf(inState(root, id, "running", "created")), true);
}

export function resume(root: string, id: string): void {
  setFrozen(cgroupOf(inState(root, id, "paused")), false);
}

/** As `resume`, also where freezing has come only half of its way, or is over already. */
export function thaw(root: string, id: string): void {
  setFrozen(cgroupOf(inState(root, id, ...LIVING)), false);
}

/** Process ids as the host sees them; none of a stopped container whose cgroup is gone. */
export function pids(root: string, id: string): number[] {
  return cgroupPids(cgroupOf(inState(root, id, ...LIVING, "stopped")));
}

/** A number in a cgroup file, the first one or another; -1 for "max". */
function inForce(folder: string, file: string, index = 0): number {
  const word = readText(`${folder}/${file}`).trim().split(/\s+/)[index] ?? "";
  return word === "max" ? -1 : Number(word);
}

/**
 * What goes together is set together: a quota with its period (v2 has both in one file, and systemd wants both), a limit of
 * memory with that of memory and swap (v2 has the difference). What is not given of a pair is what is in force.
 */
function completed(cgroup: CgroupPaths, resources: LinuxResources): LinuxResources {
  const { cpu, memory } = resources;
  const result = { ...resources };
  if (cgroup.mode === "v1") {
    const folder = cgroup.systemd && cpu && !cpu.quota !== !cpu.period ? folderOf(cgroup, "cpu") : undefined;
    if (folder === undefined) return resources;
    const [quota, period] = ["quota", "period"].map((one) => inForce(folder, `cpu.cfs_${one}_us`));
    return { ...resources, cpu: { ...cpu, quota: cpu!.quota || quota, period: cpu!.period || period } };
  }
  const folder = cgroup.paths[""];
  if (folder === undefined) return resources;
  if (cpu && !cpu.quota !== !cpu.period) {
    const [quota, period] = [inForce(folder, "cpu.max"), inForce(folder, "cpu.max", 1)];
    result.cpu = { ...cpu, quota: cpu.quota || quota, period: cpu.period || period };
  }
  if (memory?.swap && memory.swap > 0 && !memory.limit) {
    result.memory = { ...memory, limit: inForce(folder, "memory.max") };
  } else if (memory?.limit && memory.limit > 0 && !memory.swap && exists(`${folder}/memory.swap.max`)) {
    const [limit, swap] = [inForce(folder, "memory.max"), inForce(folder, "memory.swap.max")];
    if (limit >= 0 && swap >= 0) result.memory = { ...memory, swap: Math.max(limit + swap, memory.limit) };
  }
  return result;
}

/**
 * Callers that send all resources anew (kubelet's do) send the device rules of the configuration along. What others have allowed
 * since on top of them, as for GPUs, is not to be taken away by that.
 */
function withoutOldDevices({ bundle, updated }: ContainerRecord, resources: LinuxResources): LinuxResources {
  if (!resources.devices) return resources;
  let old: unknown = updated?.devices;
  try {
    old ??= (JSON.parse(readText(`${bundle}/config.json`)) as Spec).linux?.resources?.devices;
  } catch {
    // without the configuration there is nothing to compare with: all counts
    return resources;
  }
  const { devices, ...others } = resources;
  return JSON.stringify(devices) === JSON.stringify(old) ? others : resources;
}

type Fields = Record<string, unknown>;

/** `old` with what is given in `more`, objects by their fields; undefined where nothing is left. */
function merged(old: Fields, more: Fields): Fields | undefined {
  const result = { ...old };
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  for (const key in more) {
    const given = more[key];
    const value = isObject(given) ? merged((old[key] ?? {}) as Fields, given as Fields) : given;
    if (value !== undefined && value !== null && value !== "") result[key] = value;
  }
  return Object.keys(result).length > 0 ? result : undefined;
}

/** Changes the limits that are given. Device rules, where given and others than the configuration's, replace those in force. */
export function update(root: string, id: string, resources: LinuxResources): void {
  const record = inState(root, id, ...LIVING);
  const cgroup = cgroupOf(record);
  let wanted = completed(cgroup, withoutOldDevices(record, resources));
  if (cgroup.systemd) {
    wanted = asSystemdKeeps(wanted);
    checkUsage(cgroup, wanted);
    updateScope(cgroup.systemd, cgroup.mode, wanted);
  }
  if (wanted.devices) limitDevices(cgroup, wanted.devices);
  limit(cgroup, wanted);
  const updated = merged((record.updated ?? {}) as Fields, resources as Fields);
  if (updated) saveRecord(root, { ...record, updated });
}
