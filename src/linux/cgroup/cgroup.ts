// A container's cgroup: created with its limits, joined by the container's own process, frozen, killed, read, removed.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../../common/oci/runtime.ts";
import { dirname } from "../../common/path.ts";
import { isErrno, sys } from "../sys/call.ts";
import { E } from "../sys/errno.ts";
import { AT_REMOVEDIR, DT_DIR, exists, Fd, mkdir, mkdirs, O, open, readDir, readText } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { kill, SIGNALS } from "../sys/process.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";
import { attachDeviceFilter } from "./devices-bpf.ts";
import type { Setting } from "./files.ts";
import { CGROUP_ROOT, type CgroupLayout, cgroupFolder, findMountpoint, readLayout, usualMountpoint } from "./layout.ts";
import { applyDevices, settingsV1 } from "./v1.ts";
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

export function folderOf(cgroup: CgroupPaths, controller: string): string | undefined {
  if (cgroup.mode === "v2") return cgroup.paths[""];
  const direct = cgroup.paths[controller];
  if (direct !== undefined) return direct;
  for (const controllers in cgroup.paths) {
    if (controllers.includes(",") && controllers.split(",").includes(controller)) return cgroup.paths[controllers];
  }
  return undefined;
}

function apply(cgroup: CgroupPaths, settings: readonly Setting[]): void {
  for (let i = 0; i < settings.length; i++) {
    const { controller, file, value, field, optional, instead } = settings[i]!;
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
      if (instead && isErrno(error, "ENOENT", "EACCES") && exists(`${folder}/${instead}`)) {
        put(`${folder}/${instead}`, value);
        continue;
      }
      const next = settings[i + 1];
      if (file === "memory.limit_in_bytes" && next?.file.startsWith("memory.memsw") && isErrno(error, "EINVAL")) {
        // the limit of memory never exceeds that of memory and swap: where both grow, the other comes first
        put(`${folder}/${next.file}`, next.value);
        put(`${folder}/${file}`, value);
        i++;
        continue;
      }
      throw new WharfError("Unknown", `${field}: cannot set ${file} to ${JSON.stringify(value)}`, {
        cause: error,
        subject: field,
      });
    }
  }
}

/** A v1 cpuset is born empty and takes nobody in: it gets its parent's processors and memory nodes. */
function inheritCpuset(folder: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (readText(`${folder}/${file}`).trim() !== "") continue;
    const parent = dirname(folder);
    if (readText(`${parent}/${file}`).trim() === "") inheritCpuset(parent);
    put(`${folder}/${file}`, readText(`${parent}/${file}`));
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
function makeUnified(folder: string): void {
  let at = CGROUP_ROOT;
  for (const part of folder.slice(CGROUP_ROOT.length + 1).split("/")) {
    delegate(at);
    at += `/${part}`;
    try {
      mkdir(at);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

/** v1. False when the hierarchy is not mounted where it was thought to be. */
function make(controllers: string, folder: string): boolean {
  const answer = native.syscall(NR.mkdirat, -100, folder, 0o755);
  if (answer === -E.ENOENT) {
    if (!exists(usualMountpoint(controllers)) && folder.startsWith(`${usualMountpoint(controllers)}/`)) return false;
    mkdirs(folder);
  } else if (answer < 0 && answer !== -E.EEXIST) mkdir(folder);
  if (controllers.includes("cpuset")) inheritCpuset(folder);
  return true;
}

/** A container's folders; nothing is made yet. */
export function locateCgroup(cgroupsPath: string | undefined, id: string): CgroupPaths {
  const layout = readLayout();
  const cgroup: CgroupPaths = { mode: layout.mode, paths: {} };
  for (const hierarchy of layout.hierarchies) {
    cgroup.paths[hierarchy.controllers] = cgroupFolder(hierarchy, cgroupsPath, id);
  }
  return cgroup;
}

/**
 * Makes the folders. What exists is used as it is, as the runtime specification allows. `moved` is called when a hierarchy was
 * found elsewhere than thought, or nowhere, with the paths corrected.
 */
export function makeCgroup(cgroup: CgroupPaths, moved: () => void): void {
  let corrected = false;
  for (const controllers in cgroup.paths) {
    const folder = cgroup.paths[controllers]!;
    if (controllers === "") makeUnified(folder);
    else if (!make(controllers, folder)) {
      corrected = true;
      const mountpoint = findMountpoint(controllers);
      if (mountpoint === undefined) delete cgroup.paths[controllers];
      else cgroup.paths[controllers] = mountpoint + folder.slice(usualMountpoint(controllers).length);
      moved();
      if (mountpoint !== undefined) make(controllers, cgroup.paths[controllers]!);
    }
  }
  if (corrected && Object.keys(cgroup.paths).length === 0) {
    throw new WharfError("FailedPrecondition", "no cgroup hierarchy is mounted", {
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
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
  if (cgroup.mode !== "v2" && Object.keys(resources.unified ?? {}).length > 0) {
    throw new WharfError("FailedPrecondition", "linux.resources.unified needs cgroup v2, this host has v1");
  }
  apply(cgroup, cgroup.mode === "v2" ? settingsV2(resources) : settingsV1(resources));
}

/** The cgroup v2 folder, for clone3 to be born into; undefined where v1 holds the controllers. */
export function openForClone(cgroup: CgroupPaths): number | undefined {
  const folder = cgroup.paths[""];
  return cgroup.mode === "v2" && folder !== undefined ? open(folder, O.PATH | O.DIRECTORY) : undefined;
}

const ZERO = new Uint8Array([48]);

/** Opens what is to be written to for joining, with the opener's rights: for a process that will have fewer. */
export function openJoinFiles(cgroup: CgroupPaths): number[] {
  const fds: number[] = [];
  for (const controllers in cgroup.paths) {
    fds.push(open(`${cgroup.paths[controllers]}/${controllers === "" ? "cgroup.procs" : "tasks"}`, O.WRONLY));
  }
  return fds;
}

/**
 * This single-threaded process joins every hierarchy by itself. On v1 that takes 0.4 ms for all, where moving another
 * process costs the kernel a grace period of 10 ms and more. The descriptors stay open.
 */
export function joinCgroup(fds: readonly number[]): void {
  for (let i = 0; i < fds.length; i++) sys("join cgroup", undefined, NR.write, fds[i]!, ZERO, 1);
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
  // one that forks while it is being looked at leaves a child behind that was not listed: until nobody new is found
  const sent = new Set<number>();
  for (let round = 0; round < (signal === SIGNALS.KILL ? KILL_ROUNDS : 1); round++) {
    const found = cgroupPids(cgroup).filter((pid) => !sent.has(pid));
    if (found.length === 0) return;
    for (const pid of found) {
      sent.add(pid);
      try {
        kill(pid, signal);
      } catch (error) {
        if (!isErrno(error, "ESRCH")) throw error;
      }
    }
  }
}

const KILL_ROUNDS = 1000;

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

const REMOVE_MS = 2000;

function removeTree(folder: string): void {
  const rmdir = () => native.syscall(NR.unlinkat, -100, folder, AT_REMOVEDIR);
  const first = rmdir();
  if (first === 0 || first === -2) return;
  for (const entry of readDir(folder)) if (entry.type === DT_DIR) removeTree(`${folder}/${entry.name}`);
  const deadline = monotonicMs() + REMOVE_MS;
  for (let wait = 0.1; ; wait = Math.min(wait * 2, 20)) {
    const again = rmdir();
    if (again === 0 || again === -2) return;
    // a process that has just ended is counted for a moment longer
    if (monotonicMs() > deadline) sys("remove cgroup", folder, NR.unlinkat, -100, folder, AT_REMOVEDIR);
    sleepSync(wait);
  }
}

export function removeCgroup(cgroup: CgroupPaths): void {
  for (const controllers in cgroup.paths) removeTree(cgroup.paths[controllers]!);
}
