// pause, resume, ps, update: what is done to a container's cgroup.
import { WharfError } from "../../common/errors.ts";
import type { LinuxResources } from "../../common/oci/runtime.ts";
import { type CgroupPaths, cgroupPids, limit, limitDevices, setFrozen } from "../cgroup/cgroup.ts";
import { readText } from "../sys/fs.ts";
import type { ContainerRecord, Status } from "./state.ts";
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

/** Process ids as the host sees them. */
export function pids(root: string, id: string): number[] {
  return cgroupPids(cgroupOf(inState(root, id, ...LIVING)));
}

/**
 * v2 has two values in one file (cpu.max) and one limit less another (memory.swap.max): what is not given of such a pair is
 * what is in force.
 */
function completed(folder: string | undefined, resources: LinuxResources): LinuxResources {
  if (folder === undefined) return resources;
  const { cpu, memory } = resources;
  const inForce = (file: string) => Number(readText(`${folder}/${file}`).split(/\s/)[0]?.replace("max", "-1"));
  const quota = cpu?.period && !cpu.quota ? inForce("cpu.max") : undefined;
  const limit = memory?.swap && memory.swap > 0 && !memory.limit ? inForce("memory.max") : undefined;
  return {
    ...resources,
    ...(quota !== undefined ? { cpu: { ...cpu, quota } } : {}),
    ...(limit !== undefined ? { memory: { ...memory, limit } } : {}),
  };
}

/** Changes the limits that are given. Device rules, where given, replace those in force. */
export function update(root: string, id: string, resources: LinuxResources): void {
  const cgroup = cgroupOf(inState(root, id, ...LIVING));
  if (resources.devices) limitDevices(cgroup, resources.devices);
  limit(cgroup, cgroup.mode === "v2" ? completed(cgroup.paths[""], resources) : resources);
}
