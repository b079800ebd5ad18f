// A container's cgroup: created with its limits, joined by the container's own process, frozen, killed, read, removed.
import { WharfError } from "../../../common/errors.ts";
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import { dirname } from "../../../common/path.ts";
import { isErrno, sys } from "../../sys/call.ts";
import { AT_REMOVEDIR, DT_DIR, Fd, mkdir, mkdirs, O, open, readDir, readText, writeFile } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { kill, SIGNALS } from "../../sys/process.ts";
import { monotonicMs, sleepSync } from "../../sys/time.ts";
import type { Setting } from "./files.ts";
import { type CgroupLayout, cgroupFolder, type Hierarchy, readLayout } from "./layout.ts";
import { settingsV1 } from "./v1.ts";
import { settingsV2 } from "./v2.ts";

/** Kept in the container's state: all that is needed to find its cgroup again. */
export interface CgroupPaths {
  mode: CgroupLayout["mode"];
  /** Folder by controllers; "" is the unified hierarchy. */
  paths: Record<string, string>;
}

function put(path: string, value: string): void {
  using file = new Fd(open(path, O.WRONLY));
  const bytes = native.bytes(value);
  sys("write", path, NR.write, file.value, bytes, bytes.length);
}

function folderOf(cgroup: CgroupPaths, controller: string): string | undefined {
  if (cgroup.mode === "v2") return cgroup.paths[""];
  for (const [controllers, path] of Object.entries(cgroup.paths)) {
    if (controllers !== "" && controllers.split(",").includes(controller)) return path;
  }
  return undefined;
}

function apply(cgroup: CgroupPaths, settings: readonly Setting[]): void {
  for (const { controller, file, value, field, optional } of settings) {
    const folder = folderOf(cgroup, controller);
    if (!folder) {
      throw new WharfError("FailedPrecondition", `${field}: this host has no ${controller} cgroup controller`, {
        subject: field,
      });
    }
    try {
      put(`${folder}/${file}`, value);
    } catch (error) {
      if (optional && isErrno(error, "ENOENT")) continue;
      throw new WharfError("Unknown", `${field}: cannot set ${file} to ${JSON.stringify(value)}`, {
        cause: error,
        subject: field,
      });
    }
  }
}

/** A v1 cpuset is born empty and takes nobody in: it gets its parent's processors and memory nodes. */
function inheritCpuset(folder: string, root: string): void {
  if (folder === root) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (readText(`${folder}/${file}`).trim() !== "") continue;
    inheritCpuset(dirname(folder), root);
    writeFile(`${folder}/${file}`, readText(`${dirname(folder)}/${file}`));
  }
}

/** v2: hands the controllers down, from the root to the container's parent. */
function enableControllers(hierarchy: Hierarchy, folder: string): void {
  const wanted = readText(`${hierarchy.mountpoint}/cgroup.controllers`).trim().split(" ").filter(Boolean);
  const parts = folder.slice(hierarchy.mountpoint.length + 1).split("/");
  let at = hierarchy.mountpoint;
  for (const part of parts) {
    const have = readText(`${at}/cgroup.subtree_control`).trim().split(" ");
    for (const controller of wanted.filter((one) => !have.includes(one))) {
      // one by one: a controller that the parent cannot give (threaded, busy) must not cost the others
      native.syscall(NR.faccessat, -100, at, 0);
      try {
        put(`${at}/cgroup.subtree_control`, `+${controller}`);
      } catch (error) {
        if (!isErrno(error, "EBUSY", "ENOENT", "EOPNOTSUPP", "EACCES", "EPERM", "EINVAL")) throw error;
      }
    }
    at += `/${part}`;
    try {
      mkdir(at);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

function make(hierarchy: Hierarchy, folder: string): void {
  if (hierarchy.controllers === "" && hierarchy.mountpoint === "/sys/fs/cgroup") enableControllers(hierarchy, folder);
  else {
    try {
      mkdir(folder);
    } catch (error) {
      if (isErrno(error, "ENOENT")) mkdirs(folder);
      else if (!isErrno(error, "EEXIST")) throw error;
    }
    if (hierarchy.controllers.split(",").includes("cpuset")) inheritCpuset(folder, hierarchy.mountpoint);
  }
}

/** Makes the cgroup and sets its limits. What exists is used as it is, as the runtime specification allows. */
export function createCgroup(cgroupsPath: string | undefined, id: string, resources: LinuxResources): CgroupPaths {
  const layout = readLayout();
  const cgroup: CgroupPaths = { mode: layout.mode, paths: {} };
  if (layout.mode !== "v2" && Object.keys(resources.unified ?? {}).length > 0) {
    throw new WharfError("FailedPrecondition", "linux.resources.unified needs cgroup v2, this host has v1");
  }
  for (const hierarchy of layout.hierarchies) {
    const folder = cgroupFolder(hierarchy, cgroupsPath, id);
    make(hierarchy, folder);
    cgroup.paths[hierarchy.controllers] = folder;
  }
  try {
    updateCgroup(cgroup, resources);
  } catch (error) {
    removeCgroup(cgroup);
    throw error;
  }
  return cgroup;
}

export function updateCgroup(cgroup: CgroupPaths, resources: LinuxResources): void {
  apply(cgroup, cgroup.mode === "v2" ? settingsV2(resources) : settingsV1(resources));
}

/** The cgroup v2 folder, for clone3 to be born into; undefined where v1 holds the controllers. */
export function openForClone(cgroup: CgroupPaths): number | undefined {
  return cgroup.mode === "v2" ? open(cgroup.paths[""]!, O.PATH | O.DIRECTORY) : undefined;
}

/**
 * This single-threaded process joins every hierarchy by itself. On v1 that takes 0.4 ms for all, where moving another
 * process costs the kernel a grace period of 10 ms and more.
 */
export function joinCgroup(cgroup: CgroupPaths, except: "v2"[] = []): void {
  for (const [controllers, folder] of Object.entries(cgroup.paths)) {
    if (controllers === "" && except.includes("v2")) continue;
    put(`${folder}/${controllers === "" ? "cgroup.procs" : "tasks"}`, "0");
  }
}

/** All processes in the cgroup and below it. */
export function cgroupPids(cgroup: CgroupPaths): number[] {
  const folder = folderOf(cgroup, "pids") ?? folderOf(cgroup, "devices") ?? Object.values(cgroup.paths)[0];
  if (!folder) return [];
  const pids: number[] = [];
  const visit = (path: string) => {
    try {
      for (const line of readText(`${path}/cgroup.procs`).split("\n")) if (line) pids.push(Number(line));
      for (const entry of readDir(path)) if (entry.type === DT_DIR) visit(`${path}/${entry.name}`);
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  };
  visit(folder);
  return pids;
}

/** Sends a signal to everything in the cgroup; SIGKILL on v2 by cgroup.kill, which misses nobody. */
export function killCgroup(cgroup: CgroupPaths, signal: number): void {
  const unified = cgroup.paths[""];
  if (signal === SIGNALS.KILL && cgroup.mode === "v2" && unified) {
    try {
      put(`${unified}/cgroup.kill`, "1");
      return;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  for (const pid of cgroupPids(cgroup)) {
    try {
      kill(pid, signal);
    } catch (error) {
      if (!isErrno(error, "ESRCH")) throw error;
    }
  }
}

export function setFrozen(cgroup: CgroupPaths, frozen: boolean): void {
  const v2 = cgroup.mode === "v2";
  const folder = folderOf(cgroup, "freezer");
  if (!folder) throw new WharfError("FailedPrecondition", "this host has no freezer cgroup controller");
  const file = v2 ? `${folder}/cgroup.freeze` : `${folder}/freezer.state`;
  put(file, v2 ? (frozen ? "1" : "0") : frozen ? "FROZEN" : "THAWED");
  const deadline = monotonicMs() + 2000;
  while (isFrozen(cgroup) !== frozen) {
    if (monotonicMs() > deadline)
      throw new WharfError("DeadlineExceeded", `the cgroup did not ${frozen ? "freeze" : "thaw"} in 2 s`);
    if (!v2 && frozen) put(file, "FROZEN");
    sleepSync(1);
  }
}

export function isFrozen(cgroup: CgroupPaths): boolean {
  const folder = folderOf(cgroup, "freezer");
  if (!folder) return false;
  try {
    if (cgroup.mode === "v2") return /^frozen 1$/m.test(readText(`${folder}/cgroup.events`));
    return readText(`${folder}/freezer.state`).trim() === "FROZEN";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function removeTree(folder: string): void {
  const answer = native.syscall(NR.unlinkat, -100, folder, AT_REMOVEDIR);
  if (answer === 0 || answer === -2) return;
  for (const entry of readDir(folder)) if (entry.type === DT_DIR) removeTree(`${folder}/${entry.name}`);
  const deadline = monotonicMs() + 1000;
  for (;;) {
    const again = native.syscall(NR.unlinkat, -100, folder, AT_REMOVEDIR);
    if (again === 0 || again === -2) return;
    // a process that has just ended is counted for a moment longer
    if (monotonicMs() > deadline) sys("remove cgroup", folder, NR.unlinkat, -100, folder, AT_REMOVEDIR);
    sleepSync(1);
  }
}

export function removeCgroup(cgroup: CgroupPaths): void {
  for (const folder of Object.values(cgroup.paths)) removeTree(folder);
}
