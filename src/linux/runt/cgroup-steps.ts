// What the runtime does for a container's cgroup: makes it, and sets its limits.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { normalize } from "../../common/path.ts";
import { moveInto } from "../cgroup/join.ts";
import { limit, limitDevices, settingsOf } from "../cgroup/limit.ts";
import { makeCgroup, refuseOthers } from "../cgroup/make.ts";
import { giveCgroup } from "../cgroup/owner.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import type { ScopeUnit } from "../cgroup/systemd/place.ts";
import { asSystemdKeeps, startScope } from "../cgroup/systemd/scope.ts";
import { isErrno } from "../sys/call.ts";
import { MS } from "../sys/mount.ts";
import { effectiveUser, isRootless } from "../sys/rootless.ts";
import { parseMountOptions } from "./mount-options.ts";
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
    moved();
  }
}

/** Anything but empty objects in there. */
function asksFor(limits: object): boolean {
  return Object.values(limits).some((value) =>
    typeof value === "object" && value !== null ? asksFor(value) : value !== undefined,
  );
}

/** The container's own place in the tree, with a view of it that can be written to. */
function managesItself({ linux, mounts }: Spec): boolean {
  if (!linux?.namespaces?.some(({ type, path }) => type === "cgroup" && !path)) return false;
  return (mounts ?? []).some(
    ({ type, destination, options }) =>
      type?.startsWith("cgroup") &&
      normalize(destination) === "/sys/fs/cgroup" &&
      !(parseMountOptions(options ?? []).flags & MS.RDONLY),
  );
}

/** The host's number of the user whom the cgroup is for; undefined where it stays the runtime's. */
function ownerOf(spec: Spec): number | undefined {
  if (!managesItself(spec)) return undefined;
  const { linux, process } = spec;
  const uid = process?.user?.uid ?? 0;
  if (!linux!.namespaces!.some(({ type }) => type === "user")) return uid;
  const inside = linux!.uidMappings?.find(({ containerID, size }) => uid >= containerID && uid < containerID + size);
  return inside && inside.hostID + uid - inside.containerID;
}

function giveToOwner(cgroup: CgroupPaths, uid: number): void {
  const folder = cgroup.paths[""];
  if (folder === undefined) return;
  try {
    giveCgroup(folder, uid);
  } catch (error) {
    // it may be done, and this user may not
    if (!isErrno(error, "EPERM") || !isRootless()) throw error;
  }
}

/** What the runtime knows when it makes the cgroup. */
export interface CgroupSituation {
  id: string;
  /** The first process, for systemd to move; 0 before it is born. */
  pid: number;
  /** Called when the folders turn out to lie elsewhere than thought. */
  moved: () => void;
}

/** systemd makes the scope around the first process; on v1 it moves it in the hierarchies that it knows, and we in the others. */
function startByUnit(
  cgroup: CgroupPaths,
  scope: ScopeUnit,
  { linux, annotations }: Spec,
  situation: CgroupSituation,
): void {
  const { pid } = situation;
  // a unit of that name that is somebody's: asked of systemd it would be an error, and what is undone then would be theirs
  refuseOthers(cgroup);
  startScope(scope, { mode: cgroup.mode, pid, id: situation.id, resources: linux?.resources ?? {}, annotations });
  makeCgroup(cgroup, situation.moved);
  if (cgroup.mode === "v1") moveInto(cgroup, pid);
}

/** What this side does for the cgroup. */
export function cgroupSteps(cgroup: CgroupPaths, spec: Spec, situation: CgroupSituation): Step[] {
  const scope = cgroup.systemd;
  const given = spec.linux?.resources ?? {};
  const resources = scope ? asSystemdKeeps(given) : given;
  const make: Step = scope
    ? {
        field: "linux.cgroupsPath",
        name: `start ${scope.unit} by systemd`,
        run: () => startByUnit(cgroup, scope, spec, situation),
      }
    : {
        field: "linux.cgroupsPath",
        name: "make the cgroup",
        run: () => makeCgroupIfAllowed(cgroup, spec, situation.moved),
      };
  const owner = cgroup.mode === "v2" ? ownerOf(spec) : undefined;
  const give: Step[] =
    owner === undefined || owner === effectiveUser()
      ? []
      : [{ field: "linux.cgroupsPath", name: `give it to user ${owner}`, run: () => giveToOwner(cgroup, owner) }];
  return [
    make,
    ...give,
    {
      field: "linux.resources.devices",
      name: "limit devices",
      run: () => limitDevices(cgroup, resources.devices ?? []),
      parts: () =>
        (resources.devices ?? []).map(({ allow, type = "a", major, minor, access = "rwm" }, i) => [
          `linux.resources.devices[${i}]`,
          `${allow ? "allow" : "deny"} ${type} ${major ?? "*"}:${minor ?? "*"} ${access}`,
        ]),
    },
    {
      field: "linux.resources",
      name: "set resource limits",
      run: () => limit(cgroup, resources),
      parts: () =>
        settingsOf(cgroup, resources).map(({ field, file, value }) => [
          field,
          `write ${JSON.stringify(value)} to ${file}`,
        ]),
    },
  ];
}
