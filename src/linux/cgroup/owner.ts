// A cgroup of version 2 belongs to the user who is to manage it from inside of the container (config-linux.md#cgroup-ownership).
import { isErrno } from "../sys/call.ts";
import { chown, readText } from "../sys/fs.ts";

/** What the kernel says may be given away. */
const DELEGATED = "/sys/kernel/cgroup/delegate";
/** For kernels that do not say it (before 4.15). */
const ALWAYS = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
const AS_IT_IS = -1;

function delegated(): readonly string[] {
  try {
    return readText(DELEGATED).trim().split("\n");
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES")) return ALWAYS;
    throw error;
  }
}

export function giveCgroup(folder: string, uid: number): void {
  chown(folder, uid, AS_IT_IS);
  for (const name of delegated()) {
    try {
      chown(`${folder}/${name}`, uid, AS_IT_IS);
    } catch (error) {
      // a controller that it has not
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}
