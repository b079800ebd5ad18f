// kill: a signal to a container's first process, or to all of them.
import { WharfError } from "../../common/errors.ts";
import { isFreezing, setFrozen } from "../cgroup/freezer.ts";
import { cgroupPids, killCgroup } from "../cgroup/kill.ts";
import { isErrno } from "../sys/call.ts";
import { Fd } from "../sys/fs.ts";
import { pidfdOpen, pidfdSend, SIGNALS } from "../sys/process.ts";
import { type ContainerRecord, loadRecord, processStat, type Status, statusOf } from "./state.ts";

const notRunning = (id: string) => new WharfError("FailedPrecondition", "container not running", { subject: id });

export function kill(root: string, id: string, signal: number, all = false): void {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (all) {
    if (record.cgroup) killCgroup(record.cgroup, signal);
    if (signal === SIGNALS.KILL) thaw(record, status);
    return;
  }
  if (status === "stopped" || !record.init) {
    // without a pid namespace of its own the others outlive the first process
    if (signal === SIGNALS.KILL && !record.ownPids && livesOn(record)) killCgroup(record.cgroup!, signal);
    else throw notRunning(id);
    return;
  }
  sendSignal(record, signal);
  if (signal !== SIGNALS.KILL) return;
  thaw(record, status);
  // without a pid namespace of its own the others would stay
  if (!record.ownPids && record.cgroup) killCgroup(record.cgroup, signal);
}

function livesOn({ cgroup }: ContainerRecord): boolean {
  return cgroup !== undefined && cgroupPids(cgroup).length > 0;
}

/** A frozen process does not die. */
function thaw(record: ContainerRecord, status: Status): void {
  const { cgroup } = record;
  if (cgroup && (status === "paused" || isFreezing(cgroup))) setFrozen(cgroup, false);
}

function sendSignal(record: ContainerRecord, signal: number): void {
  const { pid, startTime } = record.init!;
  try {
    using pidfd = new Fd(pidfdOpen(pid));
    // with the descriptor held the number cannot become somebody else's any more
    if (processStat(pid)?.startTime !== startTime) throw notRunning(record.id);
    pidfdSend(pidfd.value, signal);
  } catch (error) {
    throw isErrno(error, "ESRCH") ? notRunning(record.id) : error;
  }
}
