// Who is in a cgroup, and signals to all of them.
import { isErrno } from "../sys/call.ts";
import { DT_DIR, readDir, readText } from "../sys/fs.ts";
import { kill, SIGNALS } from "../sys/process.ts";
import { type CgroupPaths, folderOf, put } from "./paths.ts";

/** All processes in the cgroup and below it. */
export function cgroupPids(cgroup: CgroupPaths): number[] {
  const folder = folderOf(cgroup, "pids") ?? folderOf(cgroup, "devices") ?? Object.values(cgroup.paths)[0];
  return folder === undefined ? [] : pidsBelow(folder);
}

/** Those in one folder and below it; none where it is not there. */
export function pidsBelow(folder: string): number[] {
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

/**
 * Sends a signal to everything in the cgroup; SIGKILL on v2 by cgroup.kill, which misses nobody. Hybrid: a process is born into the unified
 * tree before it joins those of v1.
 */
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
  const all = () => [...cgroupPids(cgroup), ...(cgroup.beside === undefined ? [] : pidsBelow(cgroup.beside))];
  for (let round = 0; round < (signal === SIGNALS.KILL ? KILL_ROUNDS : 1); round++) {
    const found = all().filter((pid, i, pids) => !sent.has(pid) && pids.indexOf(pid) === i);
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
