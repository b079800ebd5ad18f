// A container's scope: started around its first process, changed with its limits, stopped. The cgroup below is ours by Delegate=.
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import { Manager, type Property } from "../../systemd/manager.ts";
import type { CgroupLayout } from "../layout.ts";
import { annotatedProperties } from "./annotations.ts";
import { deviceProperties } from "./devices.ts";
import { type ScopeUnit, scopeOf, sliceFolder } from "./place.ts";
import { propertiesV1, propertiesV2 } from "./properties.ts";
import { flag, property, roundedQuota, text } from "./values.ts";

const OOM_POLICY = 253;

/** The scope and its folder below a hierarchy's root. */
export function locateScope(cgroupsPath: string | undefined, id: string, user: boolean): [ScopeUnit, string] {
  const scope = scopeOf(cgroupsPath, id, user);
  let above = "";
  if (user) {
    using manager = new Manager(true);
    above = manager.controlGroup;
  }
  return [scope, `${above}${sliceFolder(scope.slice)}/${scope.unit}`];
}

/** memory.oom.group cannot be changed later: systemd takes it when the unit is made. */
function oomPolicy({ unified }: LinuxResources, { version }: Manager): Property[] {
  const group = unified?.["memory.oom.group"]?.trim();
  if (group === undefined || version < OOM_POLICY) return [];
  return [text("OOMPolicy", group === "1" ? "kill" : "continue")];
}

type Mode = CgroupLayout["mode"];

function resourceProperties(mode: Mode, resources: LinuxResources, manager: Manager): Property[] {
  return mode === "v2" ? propertiesV2(resources, manager) : propertiesV1(resources, manager);
}

export interface ScopeRequest {
  mode: Mode;
  /** The process to begin with, by systemd's numbers. */
  pid: number;
  id: string;
  resources: LinuxResources;
  annotations: Readonly<Record<string, string>> | undefined;
}

/** Makes the scope with its limits and moves the process into it. */
export function startScope(scope: ScopeUnit, { mode, pid, id, resources, annotations }: ScopeRequest): void {
  using manager = new Manager(scope.user);
  const own = [
    text("Description", `runt container ${id}`),
    text("Slice", scope.slice),
    flag("Delegate", true),
    property("PIDs", "au", [pid]),
    // what joins an accounted cgroup later is not accounted for whole
    flag("MemoryAccounting", true),
    flag("CPUAccounting", true),
    flag(mode === "v2" ? "IOAccounting" : "BlockIOAccounting", true),
    flag("TasksAccounting", true),
    // ended by its runtime, not by the shutdown's order of units
    flag("DefaultDependencies", false),
  ];
  const limits = resourceProperties(mode, resources, manager);
  if (!scope.user) limits.push(...deviceProperties(resources.devices ?? []));
  const asked = annotatedProperties(annotations);
  manager.startTransient(scope.unit, [...own, ...limits, ...oomPolicy(resources, manager), ...asked]);
}

/** Sets the limits that are given, so that systemd does not set the old ones again. */
export function updateScope(scope: ScopeUnit, mode: Mode, resources: LinuxResources): void {
  using manager = new Manager(scope.user);
  const properties = resourceProperties(mode, resources, manager);
  if (resources.devices && !scope.user) properties.push(...deviceProperties(resources.devices));
  if (properties.length > 0) manager.setProperties(scope.unit, properties);
}

/** Moves a process into the scope's cgroup. */
export function attachToScope(scope: ScopeUnit, pid: number): void {
  using manager = new Manager(scope.user);
  manager.attach(scope.unit, pid);
}

/** Has systemd forget the scope; that it is gone is no error. */
export function stopScope(scope: ScopeUnit): void {
  using manager = new Manager(scope.user);
  manager.stop(scope.unit);
  manager.resetFailed(scope.unit);
}

/** The limits with a quota that systemd can keep: what it rounds, the cgroup's file has rounded too. */
export function asSystemdKeeps(resources: LinuxResources): LinuxResources {
  const { cpu } = resources;
  if (!cpu?.quota || cpu.quota < 0) return resources;
  return { ...resources, cpu: { ...cpu, quota: roundedQuota(cpu.quota, cpu.period) } };
}
