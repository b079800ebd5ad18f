// How many processes of a cgroup the kernel has killed for want of memory.
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";
import { type CgroupPaths, folderOf } from "./paths.ts";

/** 0 where nobody counts. */
export function oomKills(cgroup: CgroupPaths): number {
  const folder = folderOf(cgroup, "memory");
  if (folder === undefined) return 0;
  try {
    const text = readText(`${folder}/${cgroup.mode === "v2" ? "memory.events" : "memory.oom_control"}`);
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return 0;
    throw error;
  }
}
