// Making a container's cgroup: its folders in every hierarchy, with the controllers handed down to them.
import { WharfError } from "../../common/errors.ts";
import { dirname } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { E } from "../sys/errno.ts";
import { AT_REMOVEDIR, exists, mkdir, mkdirs, readText } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { systemdRuns } from "../systemd/manager.ts";
import { isFrozen } from "./freezer.ts";
import { cgroupPids, pidsBelow } from "./kill.ts";
import {
  CGROUP_ROOT,
  cgroupFolder,
  findMountpoint,
  type Hierarchy,
  isSystemdPath,
  readLayout,
  usualMountpoint,
} from "./layout.ts";
import { type CgroupPaths, folderOf, put } from "./paths.ts";
import { locateScope } from "./systemd/scope.ts";

/** A v1 cpuset is born empty and takes nobody in: it gets its parent's processors and memory nodes. */
function inheritCpuset(folder: string, fresh: boolean): void {
  const parent = dirname(folder);
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (!fresh && readText(`${folder}/${file}`).trim() !== "") continue;
    let value = readText(`${parent}/${file}`);
    if (value.trim() === "") {
      inheritCpuset(parent, false);
      value = readText(`${parent}/${file}`);
    }
    put(`${folder}/${file}`, value);
  }
}

/** Hands a folder's controllers to its children. One that it cannot give (threaded, busy) must not cost the others. */
function delegate(folder: string): void {
  const words = (file: string) => readText(`${folder}/${file}`).trim().split(" ").filter(Boolean);
  const have = words("cgroup.subtree_control");
  const missing = words("cgroup.controllers").filter((one) => !have.includes(one));
  if (missing.length === 0) return;
  const give = (names: readonly string[]) =>
    put(`${folder}/cgroup.subtree_control`, names.map((name) => `+${name}`).join(" "));
  const harmless = ["EBUSY", "ENOENT", "EOPNOTSUPP", "EACCES", "EPERM", "EINVAL"] as const;
  try {
    give(missing);
  } catch (error) {
    if (!isErrno(error, ...harmless)) throw error;
    for (const name of missing) {
      try {
        give([name]);
      } catch (one) {
        if (!isErrno(one, ...harmless)) throw one;
      }
    }
  }
}

/** v2: every folder on the way gets the controllers of the one above. */
function makeUnified(folder: string): Made {
  let made: Made = "there";
  let at = CGROUP_ROOT;
  for (const part of folder.slice(CGROUP_ROOT.length + 1).split("/")) {
    delegate(at);
    at += `/${part}`;
    try {
      mkdir(at);
      made = "new";
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      made = "there";
    }
  }
  return made;
}

type Made = "new" | "there" | undefined;

/** v1. Undefined when the hierarchy is not mounted where it was thought to be. */
function make(controllers: string, folder: string): Made {
  const answer = native.syscall(NR.mkdirat, -100, folder, 0o755);
  if (answer === -E.ENOENT) {
    if (!exists(usualMountpoint(controllers)) && folder.startsWith(`${usualMountpoint(controllers)}/`))
      return undefined;
    mkdirs(folder);
  } else if (answer < 0 && answer !== -E.EEXIST) mkdir(folder);
  if (controllers.includes("cpuset")) inheritCpuset(folder, answer === 0);
  return answer === -E.EEXIST ? "there" : "new";
}

export interface CgroupWish {
  /** linux.cgroupsPath, of the driver's own form. */
  path: string | undefined;
  id: string;
  systemd?: CgroupDriver | undefined;
}

/**
 * The systemd driver, by the system's manager or the user's; "by-path": that of the system where the path is of its form and
 * systemd runs. Absent: cgroups are made by us.
 */
export type CgroupDriver = "system" | "user" | "by-path";

function usesSystemd(driver: CgroupDriver | undefined, path: string | undefined): boolean {
  if (driver === "by-path") return path !== undefined && isSystemdPath(path) && systemdRuns();
  return driver !== undefined;
}

/** A container's folders; nothing is made yet. */
export function locateCgroup({ path, id, systemd }: CgroupWish): CgroupPaths {
  const layout = readLayout();
  const cgroup: CgroupPaths = { mode: layout.mode, paths: {} };
  const [scope, below] = usesSystemd(systemd, path) ? locateScope(path, id, systemd === "user") : [];
  if (scope) cgroup.systemd = scope;
  const folder = (hierarchy: Hierarchy) =>
    below === undefined ? cgroupFolder(hierarchy, path, id) : hierarchy.mountpoint + below;
  for (const hierarchy of layout.hierarchies) cgroup.paths[hierarchy.controllers] = folder(hierarchy);
  if (layout.beside) cgroup.beside = folder(layout.beside);
  return cgroup;
}

/**
 * Makes the folder in the unified tree beside those of v1. Whoever may not does without: it limits nothing, but tells whose a
 * process is (systemd ends what is in a service's).
 */
export function makeBeside(cgroup: CgroupPaths): void {
  const { beside } = cgroup;
  if (beside === undefined) return;
  let answer = native.syscall(NR.mkdirat, -100, beside, 0o755);
  if (answer === -E.ENOENT) {
    try {
      mkdirs(dirname(beside));
    } catch (error) {
      if (!isErrno(error, "EACCES", "EPERM", "EROFS")) throw error;
    }
    answer = native.syscall(NR.mkdirat, -100, beside, 0o755);
  }
  if (answer < 0 && answer !== -E.EEXIST) delete cgroup.beside;
}

/** Names the error that a cgroup is somebody else's: who gets it must leave the cgroup alone. */
export const NOT_OURS = "take over the cgroup";

/**
 * As refuseOthers(), for a place that is mostly free: before it is noted as the container's, for whatever fails or is killed after that
 * has everything killed and removed that is there.
 */
export function refuseTaken(cgroup: CgroupPaths): void {
  const folders = new Set(["pids", "freezer"].map((one) => folderOf(cgroup, one)));
  for (const folder of folders) if (folder !== undefined && exists(folder)) refuseOthers(cgroup);
  const { beside } = cgroup;
  if (beside === undefined || !exists(beside)) return;
  const count = pidsBelow(beside).length;
  if (count > 0) throw notEmpty(cgroup, count);
}

function refuse(cgroup: CgroupPaths, what: string, hint: string): WharfError {
  return new WharfError("FailedPrecondition", `linux.cgroupsPath: container's cgroup ${what}`, {
    operation: NOT_OURS,
    subject: Object.values(cgroup.paths)[0],
    hint,
  });
}

const notEmpty = (cgroup: CgroupPaths, count: number) =>
  refuse(cgroup, `is not empty: ${count} process(es) found`, "give each container a cgroup of its own");

/** A cgroup that was there may be used when nothing is in it; whoever joins a frozen one never gets any further. */
export function refuseOthers(cgroup: CgroupPaths): void {
  const count = cgroupPids(cgroup).length;
  if (count > 0) throw notEmpty(cgroup, count);
  if (isFrozen(cgroup)) throw refuse(cgroup, "unexpectedly frozen", "thaw it, or remove it");
}

/**
 * Makes the folders. What exists is used where nobody is in it, as the runtime specification allows. `moved` is called when a hierarchy was
 * found elsewhere than thought, or nowhere, with the paths corrected.
 */
export function makeCgroup(cgroup: CgroupPaths, moved: () => void): void {
  let corrected = false;
  const fresh: string[] = [];
  for (const controllers in cgroup.paths) {
    const folder = cgroup.paths[controllers]!;
    const made = controllers === "" ? makeUnified(folder) : make(controllers, folder);
    if (made === "new") fresh.push(folder);
    else if (made === undefined) {
      corrected = true;
      const mountpoint = findMountpoint(controllers);
      if (mountpoint === undefined) delete cgroup.paths[controllers];
      else cgroup.paths[controllers] = mountpoint + folder.slice(usualMountpoint(controllers).length);
      moved();
      const place = cgroup.paths[controllers];
      if (place !== undefined && make(controllers, place) === "new") fresh.push(place);
    }
  }
  // systemd has moved the first process in already
  if (fresh.length < Object.keys(cgroup.paths).length && !cgroup.systemd) {
    try {
      refuseOthers(cgroup);
    } catch (error) {
      for (const folder of fresh) native.syscall(NR.unlinkat, -100, folder, AT_REMOVEDIR);
      throw error;
    }
  }
  if (corrected && Object.keys(cgroup.paths).length === 0) {
    throw new WharfError("FailedPrecondition", "no cgroup hierarchy is mounted", {
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
  }
}
