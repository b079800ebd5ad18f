// Removing a cgroup with all that was made below it.
import { isCode } from "../../common/errors.ts";
import { CGROUP_REMOVAL_MS } from "../../common/oci/limits.ts";
import { sys } from "../sys/call.ts";
import { AT_REMOVEDIR, DT_DIR, readDir } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";
import type { CgroupPaths } from "./paths.ts";
import { stopScope } from "./systemd/scope.ts";

function removeTree(folder: string): void {
  const rmdir = () => native.syscall(NR.unlinkat, -100, folder, AT_REMOVEDIR);
  const first = rmdir();
  if (first === 0 || first === -2) return;
  for (const entry of readDir(folder)) if (entry.type === DT_DIR) removeTree(`${folder}/${entry.name}`);
  const deadline = monotonicMs() + CGROUP_REMOVAL_MS;
  for (let wait = 0.1; ; wait = Math.min(wait * 2, 20)) {
    const again = rmdir();
    if (again === 0 || again === -2) return;
    // a process that has just ended is counted for a moment longer
    if (monotonicMs() > deadline) sys("remove cgroup", folder, NR.unlinkat, -100, folder, AT_REMOVEDIR);
    sleepSync(wait);
  }
}

export function removeCgroup(cgroup: CgroupPaths): void {
  try {
    if (cgroup.systemd) stopScope(cgroup.systemd);
  } catch (error) {
    // where systemd cannot be asked any more its cgroups can be removed all the same
    if (!isCode(error, "Unavailable") && !isCode(error, "FailedPrecondition")) throw error;
  }
  for (const controllers in cgroup.paths) removeTree(cgroup.paths[controllers]!);
  if (cgroup.beside !== undefined) removeTree(cgroup.beside);
}
