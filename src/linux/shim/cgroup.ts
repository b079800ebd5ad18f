// A process's cgroups as /proc tells them, on v1, v2 and both at once.
import { WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { mkdirs, statIfThere, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { getpid } from "../sys/process.ts";
import { sleepSync } from "../sys/time.ts";
import { readSmall } from "./io/scratch.ts";

export interface Cgroups {
  /** The v2 group's folder; undefined when no controller is there to be read. */
  unified: string | undefined;
  /** v1 groups' folders by controller. */
  controllers: Map<string, string>;
}

const ROOT = "/sys/fs/cgroup";
const BUSY = -16;

/** Cgroups of a living process, with the hierarchies at their usual places. */
export function cgroupsOf(pid: number): Cgroups {
  const found: Cgroups = { unified: undefined, controllers: new Map() };
  for (const line of readSmall(`/proc/${pid}/cgroup`).trim().split("\n")) {
    const [, names = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (names === "") found.unified = `${ROOT}${path}`;
    else for (const name of names.split(",")) found.controllers.set(name, `${ROOT}/${name}${path}`);
  }
  // with v1 controllers beside it the v2 tree, if mounted at all, holds none
  if ([...found.controllers.keys()].some((name) => !name.startsWith("name="))) found.unified = undefined;
  return found;
}

/** Frozen by v1's freezer, by whomever: a signal waits then, also one that kills. */
export function isFrozen(pid: number): boolean {
  try {
    const freezer = cgroupsOf(pid).controllers.get("freezer");
    return freezer !== undefined && !readSmall(`${freezer}/freezer.state`).startsWith("THAWED");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}

function foldersOf({ unified, controllers }: Cgroups, path: string): string[] {
  const roots = unified === undefined ? [...controllers.keys()].filter((name) => !name.startsWith("name=")) : [""];
  return roots.map((root) => `${ROOT}/${root}/${path}`);
}

/** Moves a process into the group `path` of each hierarchy that has controllers; made if missing. */
export function joinCgroup(pid: number, path: string): void {
  for (const folder of foldersOf(cgroupsOf(pid), path)) {
    mkdirs(folder);
    try {
      writeFile(`${folder}/cgroup.procs`, String(pid));
    } catch (error) {
      // v1: a new cpuset has no processors yet, and takes nobody
      if (!isErrno(error, "ENOSPC")) throw error;
    }
  }
}

/** Moves a process into the group `path` of each hierarchy that has it. NotFound where none has: nobody would take it away again. */
export function joinExisting(pid: number, path: string): void {
  const folders = foldersOf(cgroupsOf(pid), path).filter((folder) => statIfThere(folder));
  if (folders.length === 0) throw new WharfError("NotFound", `there is no cgroup ${JSON.stringify(path)}`);
  for (const folder of folders) writeFile(`${folder}/cgroup.procs`, String(pid));
}

/** Removes the group `path` where nothing is in it; what is on its way out has `patienceMs` for it. */
export function removeCgroup(path: string, patienceMs = 0): void {
  const found = cgroupsOf(getpid());
  const folders = foldersOf(found, path);
  // v1: runtimes make the group where no controllers are, too
  if (found.unified === undefined) folders.push(`${ROOT}/unified/${path}`, `${ROOT}/systemd/${path}`);
  for (const folder of folders) {
    for (let ms = 0; native.syscall(NR.rmdir, folder) === BUSY && ms < patienceMs; ms += 10) sleepSync(10);
  }
}
