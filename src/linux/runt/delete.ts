// delete: removes a container and all it holds, whatever state it is in.
import { describe, isCode, WharfError } from "../../common/errors.ts";
import { setFrozen } from "../cgroup/freezer.ts";
import { cgroupPids, killCgroup } from "../cgroup/kill.ts";
import { removeCgroup } from "../cgroup/remove.ts";
import { isErrno } from "../sys/call.ts";
import { exists, Fd } from "../sys/fs.ts";
import { pollReadable } from "../sys/poll.ts";
import { pidfdOpen, pidfdSend, SIGNALS } from "../sys/process.ts";
import { waitForMaker } from "./claim.ts";
import { runHooks } from "./hooks.ts";
import { removeRdt } from "./intel-rdt.ts";
import { type ContainerRecord, folderOf, isAlive, loadRecord, removeFolder, statusOf, unfinished } from "./state.ts";
import { hookState } from "./view.ts";

const KILL_PATIENCE_MS = 10_000;

/** Kills what runs of it and waits for the first process's end. */
function killAndWait(record: ContainerRecord): void {
  const { init, cgroup } = record;
  using pidfd = init && isAlive(record) ? openProcess(init.pid) : undefined;
  if (cgroup) killCgroup(cgroup, SIGNALS.KILL);
  if (pidfd && isAlive(record)) {
    try {
      pidfdSend(pidfd.value, SIGNALS.KILL);
    } catch (error) {
      // the cgroup's kill has reached it, and its parent has waited for it, since we looked
      if (!isErrno(error, "ESRCH")) throw error;
    }
  }
  if (cgroup) {
    try {
      setFrozen(cgroup, false);
    } catch (error) {
      // no freezer, or nothing there any more; where it does not thaw, its process does not die, which is told below
      if (!isErrno(error, "ENOENT") && !isCode(error, "FailedPrecondition", "DeadlineExceeded")) throw error;
    }
  }
  if (!pidfd || pollReadable([pidfd.value], KILL_PATIENCE_MS) >= 0) return;
  throw new WharfError("DeadlineExceeded", `process ${init!.pid} of container ${record.id} does not die`, {
    hint: "it hangs in the kernel: see /proc/PID/stack",
  });
}

function openProcess(pid: number): Fd | undefined {
  try {
    return new Fd(pidfdOpen(pid));
  } catch (error) {
    if (isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** The record, or with `force` what can be made of a damaged one. Undefined when there is nothing to remove. */
function recordOf(root: string, id: string, force: boolean): ContainerRecord | undefined {
  try {
    return loadRecord(root, id);
  } catch (error) {
    if (!force || isCode(error, "InvalidArgument")) throw error;
    return exists(folderOf(root, id)) ? unfinished(root, id) : undefined;
  }
}

/** Removes the container. With `force` it is killed first, and neither absence nor damage is an error. */
export function remove(root: string, id: string, force: boolean, warn: (text: string) => void = () => {}): void {
  let record = recordOf(root, id, force);
  if (record && !record.init && force) {
    waitForMaker(folderOf(root, id), KILL_PATIENCE_MS);
    record = recordOf(root, id, force);
  }
  if (!record) return;
  const status = statusOf(root, record);
  if (status !== "stopped") {
    if (!force && status !== "created" && status !== "creating") {
      throw new WharfError("FailedPrecondition", `cannot delete container ${id} that is not stopped: ${status}`, {
        hint: `kill it first, or: runt delete --force ${id}`,
      });
    }
    killAndWait(record);
  } else if (!record.ownPids && record.cgroup && cgroupPids(record.cgroup).length > 0) killAndWait(record);
  clear(root, record, warn);
}

/** What is left of a container whose processes have ended. */
export function clear(root: string, record: ContainerRecord, warn: (text: string) => void): void {
  if (record.cgroup) removeCgroup(record.cgroup);
  if (record.intelRdt) removeRdt(record.intelRdt);
  removeFolder(root, record.id);
  try {
    runHooks(record.hooks, "poststop", hookState(record, "stopped"));
  } catch (error) {
    // the container is gone all the same (runtime.md#lifecycle)
    warn(describe(error));
  }
}
