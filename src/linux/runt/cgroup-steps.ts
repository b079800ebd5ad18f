// What the runtime does for a container's cgroup: makes it, and sets its limits.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { type CgroupPaths, limit, limitDevices, makeCgroup } from "../cgroup/cgroup.ts";
import { isErrno } from "../sys/call.ts";
import { isRootless } from "../sys/rootless.ts";
import type { Step } from "./plan.ts";

/** Who may not make cgroups does without, unless the container asks for one. */
function makeCgroupIfAllowed(cgroup: CgroupPaths, { linux }: Spec, moved: () => void): void {
  try {
    makeCgroup(cgroup, moved);
  } catch (cause) {
    if (!isErrno(cause, "EACCES", "EPERM", "EROFS") || !isRootless()) throw cause;
    const { devices: _, ...limits } = linux?.resources ?? {};
    if (linux?.cgroupsPath || asksFor(limits)) {
      const why = linux?.cgroupsPath ? "is named" : "linux.resources asks for";
      throw new WharfError("PermissionDenied", `linux.cgroupsPath: this user may not make the cgroup that ${why}`, {
        subject: linux?.cgroupsPath,
        hint: "run it where cgroups are delegated to you: systemd-run --user --scope -p Delegate=yes …",
        cause,
      });
    }
    cgroup.paths = {};
  }
}

/** Anything but empty objects in there. */
function asksFor(limits: object): boolean {
  return Object.values(limits).some((value) =>
    typeof value === "object" && value !== null ? asksFor(value) : value !== undefined,
  );
}

/** What this side does for the cgroup; `moved` is called when its folders turn out to lie elsewhere than thought. */
export function cgroupSteps(cgroup: CgroupPaths, spec: Spec, moved: () => void): Step[] {
  const resources = spec.linux?.resources ?? {};
  return [
    { field: "linux.cgroupsPath", name: "make the cgroup", run: () => makeCgroupIfAllowed(cgroup, spec, moved) },
    {
      field: "linux.resources.devices",
      name: "limit devices",
      run: () => limitDevices(cgroup, resources.devices ?? []),
    },
    { field: "linux.resources", name: "set resource limits", run: () => limit(cgroup, resources) },
  ];
}
