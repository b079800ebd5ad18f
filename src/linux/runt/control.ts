// pause, resume, ps, update: what is done to a container's cgroup.
import { WharfError } from "../../common/errors.ts";
import type { LinuxResources } from "../../common/oci/runtime.ts";
import { type CgroupPaths, cgroupPids, limit, limitDevices, setFrozen } from "../cgroup/cgroup.ts";
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

/** Changes the limits that are given. Device rules, where given, replace those in force. */
export function update(root: string, id: string, resources: LinuxResources): void {
  const cgroup = cgroupOf(inState(root, id, ...LIVING));
  if (resources.devices) limitDevices(cgroup, resources.devices);
  limit(cgroup, resources);
}
