// Setting limits: each setting is written to its file, and a failure names the field of config.json that asked for it.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { exists, readText } from "../sys/fs.ts";
import { attachDeviceFilter } from "./devices-bpf.ts";
import type { Setting } from "./files.ts";
import { CGROUP_ROOT } from "./layout.ts";
import { type CgroupPaths, folderOf, put } from "./paths.ts";
import { refuseUnavailable } from "./refused.ts";
import { applyDevices, settingsV1 } from "./v1.ts";
import { settingsV2 } from "./v2.ts";

function apply(cgroup: CgroupPaths, settings: readonly Setting[]): void {
  const again: Setting[] = [];
  for (let i = 0; i < settings.length; i++) {
    const setting = settings[i]!;
    const folder = folderFor(cgroup, setting);
    try {
      put(`${folder}/${setting.file}`, setting.value);
    } catch (error) {
      if (setting.optional && isErrno(error, "ENOENT")) continue;
      if (setting.instead && isErrno(error, "ENOENT", "EACCES") && exists(`${folder}/${setting.instead}`)) {
        const { instead: file, ...same } = setting;
        apply(cgroup, [{ ...same, file }]);
        continue;
      }
      if (setting.again && isErrno(error, "EINVAL")) {
        const { again: _, ...last } = setting;
        again.push(last);
        continue;
      }
      const next = settings[i + 1];
      if (setting.file === V1_LIMIT && next?.file === V1_SWAP && isErrno(error, "EINVAL")) {
        // the limit of memory never exceeds that of memory and swap: where both grow, the other comes first
        apply(cgroup, [next, setting]);
        i++;
        continue;
      }
      throw refused(setting, folder, error);
    }
  }
  if (again.length > 0) apply(cgroup, again);
}

const V1_LIMIT = "memory.limit_in_bytes";
const V1_SWAP = "memory.memsw.limit_in_bytes";

function folderFor(cgroup: CgroupPaths, { controller, field }: Setting): string {
  const folder = folderOf(cgroup, controller);
  if (folder) return folder;
  throw new WharfError("FailedPrecondition", `${field}: this host has no ${controller} cgroup controller`, {
    subject: field,
  });
}

function refused({ file, value, field }: Setting, folder: string, cause: unknown): WharfError {
  let hint: string | undefined;
  if (file === V1_LIMIT && isErrno(cause, "EBUSY")) {
    hint = `the container uses ${readText(`${folder}/memory.usage_in_bytes`).trim()} bytes: set no less`;
  } else if (isErrno(cause, "ENOENT")) {
    const known = folder.startsWith(`${CGROUP_ROOT}/`) && exists(`${folder}/cgroup.controllers`);
    if (known) hint = `controllers that this cgroup has: ${readText(`${folder}/cgroup.controllers`).trim() || "none"}`;
  } else if (isErrno(cause, "EINVAL", "ERANGE")) {
    hint = "it is out of what the kernel takes, or more than the cgroup above has";
  }
  return new WharfError("Unknown", `${field}: cannot set ${file} to ${JSON.stringify(value)}`, {
    cause,
    subject: field,
    hint,
  });
}

/** memory.checkBeforeUpdate: v2 would kill at once for a limit below what is used; v1 refuses it by itself. */
export function checkUsage(cgroup: CgroupPaths, { memory }: LinuxResources): void {
  if (!memory?.checkBeforeUpdate || cgroup.mode !== "v2") return;
  const usage = Number(readText(`${folderOf(cgroup, "memory")}/memory.current`));
  for (const name of ["swap", "limit"] as const) {
    const limit = memory[name] ?? 0;
    if (limit <= 0 || limit > usage) continue;
    throw new WharfError(
      "FailedPrecondition",
      // with runc's first words, which callers look for
      `linux.resources.memory.${name}: rejecting memory${name === "swap" ? "+swap" : ""} limit ${limit}: not more than the ${usage} bytes in use`,
      {
        subject: `linux.resources.memory.${name}`,
        hint: "leave out checkBeforeUpdate to have the kernel reclaim or kill",
      },
    );
  }
}

/** The rules for devices; without any, those that every container has. */
export function limitDevices(cgroup: CgroupPaths, devices: readonly LinuxDeviceCgroup[]): void {
  const folder = folderOf(cgroup, "devices");
  if (folder === undefined) return;
  if (cgroup.mode === "v2") attachDeviceFilter(folder, devices);
  else applyDevices(folder, devices);
}

/** Sets the limits that are given, and leaves the others as they are. */
export function limit(cgroup: CgroupPaths, resources: LinuxResources): void {
  refuseUnavailable(resources, cgroup.mode);
  checkUsage(cgroup, resources);
  apply(cgroup, settingsOf(cgroup, resources));
}

/** What would be written for these resources, in order. */
export function settingsOf(cgroup: CgroupPaths, resources: LinuxResources): Setting[] {
  return cgroup.mode === "v2" ? settingsV2(resources) : settingsV1(resources);
}
