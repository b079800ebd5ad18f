// Becoming a member of a cgroup: born into it (v2), or by writing to its files.
import { sys } from "../sys/call.ts";
import { O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { SYSTEMD } from "./layout.ts";
import { type CgroupPaths, put } from "./paths.ts";

/** The cgroup v2 folder, for clone3 to be born into: the container's, or on hybrid hosts the one beside v1's. */
export function openForClone(cgroup: CgroupPaths): number | undefined {
  const folder = unifiedFolder(cgroup);
  return folder === undefined ? undefined : open(folder, O.PATH | O.DIRECTORY);
}

export function unifiedFolder({ mode, paths, beside }: CgroupPaths): string | undefined {
  return mode === "v2" ? paths[""] : beside;
}

const ZERO = new Uint8Array([48]);

/**
 * Opens what is to be written to for joining, with the opener's rights: for a process that will have fewer.
 * @param beside also the unified tree beside v1's, for who is not born into it
 */
export function openJoinFiles(cgroup: CgroupPaths, beside = false): number[] {
  const fds: number[] = [];
  for (const controllers in cgroup.paths) {
    fds.push(open(`${cgroup.paths[controllers]}/${controllers === "" ? "cgroup.procs" : "tasks"}`, O.WRONLY));
  }
  if (beside && cgroup.beside !== undefined) fds.push(open(`${cgroup.beside}/cgroup.procs`, O.WRONLY));
  return fds;
}

/**
 * This single-threaded process joins every hierarchy by itself. On v1 that takes 0.4 ms for all, where moving another
 * process costs the kernel a grace period of 10 ms and more. The descriptors stay open.
 */
export function joinCgroup(fds: readonly number[]): void {
  for (let i = 0; i < fds.length; i++) sys("join cgroup", undefined, NR.write, fds[i]!, ZERO, 1);
}

/** Moves a process into every v1 hierarchy but systemd's own. */
export function moveInto({ paths }: CgroupPaths, pid: number): void {
  for (const controllers in paths) {
    if (controllers !== "" && controllers !== SYSTEMD) put(`${paths[controllers]}/cgroup.procs`, String(pid));
  }
}
