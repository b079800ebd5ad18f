// Freezing a cgroup: v1 by the freezer controller, v2 by cgroup.freeze.
import { WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";
import { type CgroupPaths, folderOf, put } from "./paths.ts";

export function setFrozen(cgroup: CgroupPaths, frozen: boolean): void {
  const v2 = cgroup.mode === "v2";
  const folder = folderOf(cgroup, "freezer");
  if (!folder) throw new WharfError("FailedPrecondition", "this host has no freezer cgroup controller");
  const file = v2 ? `${folder}/cgroup.freeze` : `${folder}/freezer.state`;
  put(file, v2 ? (frozen ? "1" : "0") : frozen ? "FROZEN" : "THAWED");
  const deadline = monotonicMs() + 2000;
  while (isFrozen(cgroup) !== frozen) {
    if (monotonicMs() > deadline) {
      // what froze already is not to stay so
      if (frozen) put(file, v2 ? "0" : "THAWED");
      throw new WharfError("DeadlineExceeded", `the cgroup did not ${frozen ? "freeze" : "thaw"} in 2 s`);
    }
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

/** v1: on its way there, which takes a moment, and from which no signal saves: not everybody in it stands still yet. */
export function isFreezing(cgroup: CgroupPaths): boolean {
  const folder = cgroup.mode === "v2" ? undefined : folderOf(cgroup, "freezer");
  if (!folder) return false;
  try {
    return readText(`${folder}/freezer.state`).trim() === "FREEZING";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}
