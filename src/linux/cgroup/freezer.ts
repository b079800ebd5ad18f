// Freezing a cgroup: v1 by the freezer controller, v2 by cgroup.freeze.
import { WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";
import { type CgroupPaths, folderOf, put } from "./paths.ts";

const PATIENCE_MS = 2000;

export function setFrozen(cgroup: CgroupPaths, frozen: boolean): void {
  const v2 = cgroup.mode === "v2";
  const folder = folderOf(cgroup, "freezer");
  if (!folder) throw new WharfError("FailedPrecondition", "this host has no freezer cgroup controller");
  const file = v2 ? `${folder}/cgroup.freeze` : `${folder}/freezer.state`;
  const ask = (state: boolean) => put(file, v2 ? (state ? "1" : "0") : state ? "FROZEN" : "THAWED");
  ask(frozen);
  const deadline = monotonicMs() + PATIENCE_MS;
  while (isFrozen(cgroup) !== frozen) {
    if (monotonicMs() > deadline) throw tooLate(frozen, () => ask(false));
    if (!v2 && frozen) ask(true);
    sleepSync(1);
  }
}

/** What froze already is not to stay so; where that fails, too, both are told. */
function tooLate(frozen: boolean, thaw: () => void): WharfError {
  const message = `the cgroup did not ${frozen ? "freeze" : "thaw"} in ${PATIENCE_MS / 1000} s`;
  if (!frozen) return new WharfError("DeadlineExceeded", message);
  try {
    thaw();
    return new WharfError("DeadlineExceeded", message);
  } catch (cause) {
    return new WharfError("DeadlineExceeded", `${message}, and what froze of it cannot be thawed`, { cause });
  }
}

export function isFrozen(cgroup: CgroupPaths): boolean {
  return stateOf(cgroup) === "FROZEN";
}

/** v1: on its way there, which takes a moment, and from which no signal saves: not everybody in it stands still yet. */
export function isFreezing(cgroup: CgroupPaths): boolean {
  return stateOf(cgroup) === "FREEZING";
}

/** In the words of v1; "" where there is no freezer, or no group any more. */
function stateOf(cgroup: CgroupPaths): string {
  const folder = folderOf(cgroup, "freezer");
  if (!folder) return "";
  try {
    if (cgroup.mode !== "v2") return readText(`${folder}/freezer.state`).trim();
    return /^frozen 1$/m.test(readText(`${folder}/cgroup.events`)) ? "FROZEN" : "THAWED";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
