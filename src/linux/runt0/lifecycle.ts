// start, state, kill, delete, pause, resume, update: operations on a container that exists.
import { describe, WharfError } from "../../common/errors.ts";
import type { LinuxResources } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { Fd, readDir, unlinkIfThere } from "../sys/fs.ts";
import { loop, resetLoop } from "../sys/loop.ts";
import { pidfdOpen, pidfdSend, SIGNALS } from "../sys/process.ts";
import { cgroupPids, killCgroup, removeCgroup, setFrozen, updateCgroup } from "./cgroup/cgroup.ts";
import { Channel } from "./channel.ts";
import { awaitExec } from "./create.ts";
import { runHooks, type StateOfContainer } from "./hooks.ts";
import { connectForStart } from "./start-socket.ts";
import {
  type ContainerRecord,
  folderOf,
  isAlive,
  loadRecord,
  processStat,
  removeFolder,
  START_SOCKET,
  type Status,
  statusOf,
} from "./state.ts";

/** state.json of the runtime specification, with runc's additions. */
export interface ContainerState {
  ociVersion: string;
  id: string;
  /** 0 when stopped. */
  pid: number;
  status: Status;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Record<string, string> | undefined;
  owner: string;
}

function describeRecord(root: string, record: ContainerRecord): ContainerState {
  const status = statusOf(root, record);
  return {
    ociVersion: record.ociVersion,
    id: record.id,
    pid: status === "stopped" || status === "creating" ? 0 : record.init!.pid,
    status,
    bundle: record.bundle,
    rootfs: record.rootfs,
    created: record.created,
    annotations: record.annotations,
    owner: record.owner,
  };
}

export function state(root: string, id: string): ContainerState {
  return describeRecord(root, loadRecord(root, id));
}

/** All containers of a state folder; what cannot be read is told to `warn` and left out. */
export function list(root: string, warn: (text: string) => void): ContainerState[] {
  let names: string[];
  try {
    names = readDir(root).map(({ name }) => name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  const states: ContainerState[] = [];
  for (const name of names.filter((one) => !one.startsWith(".")).sort()) {
    try {
      states.push(describeRecord(root, loadRecord(root, name)));
    } catch (error) {
      if (!(error instanceof WharfError) || error.code !== "NotFound") warn(describe(error));
    }
  }
  return states;
}

const hookState = (record: ContainerRecord, status: Status): StateOfContainer => ({
  ociVersion: record.ociVersion,
  id: record.id,
  status,
  ...(record.init ? { pid: record.init.pid } : {}),
  bundle: record.bundle,
  annotations: record.annotations,
});

export function start(root: string, id: string): void {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (status !== "created") {
    throw new WharfError("FailedPrecondition", `cannot start a container in the ${status} state`, { subject: id });
  }
  const folder = folderOf(root, id);
  using channel = new Channel(connectForStart(folder));
  // from now on it counts as started, also when this process is killed
  unlinkIfThere(`${folder}/${START_SOCKET}`);
  awaitExec(channel, record.config, hookState(record, "created"));
  runHooks(record.config.hooks, "poststart", hookState(record, "running"));
}

export function kill(root: string, id: string, signal: number, all = false): void {
  const record = loadRecord(root, id);
  if (all) {
    if (record.cgroup) killCgroup(record.cgroup, signal);
    return;
  }
  const status = statusOf(root, record);
  if (status === "stopped" || !record.init)
    throw new WharfError("FailedPrecondition", "container not running", { subject: id });
  sendSignal(record, signal);
  if (signal === SIGNALS.KILL) {
    // a frozen process does not die; with a shared pid namespace the others would stay
    if (status === "paused") setFrozen(record.cgroup!, false);
    if (!ownsPidNamespace(record)) killCgroup(record.cgroup!, signal);
  }
}

const ownsPidNamespace = (record: ContainerRecord) =>
  record.config.linux?.namespaces?.some(({ type, path }) => type === "pid" && !path) ?? false;

function sendSignal(record: ContainerRecord, signal: number): void {
  const { pid, startTime } = record.init!;
  using pidfd = new Fd(pidfdOpen(pid));
  // with the descriptor held the pid cannot be somebody else's any more
  if (processStat(pid)?.startTime !== startTime)
    throw new WharfError("FailedPrecondition", "container not running", { subject: record.id });
  pidfdSend(pidfd.value, signal);
}

const KILL_PATIENCE_MS = 10_000;

/** Kills what runs of it and waits for the first process's end, by pidfd. */
function killAndWait(record: ContainerRecord): void {
  if (record.cgroup) {
    killCgroup(record.cgroup, SIGNALS.KILL);
    try {
      setFrozen(record.cgroup, false);
    } catch {
      // no freezer, or nothing there any more
    }
  }
  if (!record.init || !isAlive(record)) return;
  let pidfd: Fd;
  try {
    pidfd = new Fd(pidfdOpen(record.init.pid));
  } catch (error) {
    if (isErrno(error, "ESRCH")) return;
    throw error;
  }
  using held = pidfd;
  if (!isAlive(record)) return;
  pidfdSend(held.value, SIGNALS.KILL);
  const ended = loop().run(
    Promise.race([
      loop()
        .readable(held.value)
        .then(() => true),
      loop()
        .sleep(KILL_PATIENCE_MS)
        .then(() => false),
    ]),
  );
  resetLoop();
  if (!ended)
    throw new WharfError("DeadlineExceeded", `process ${record.init.pid} of container ${record.id} does not die`, {
      hint: "it hangs in the kernel: see /proc/PID/stack",
    });
}

/** Removes the container. With `force` it is killed first, and neither absence nor damage is an error. */
export function remove(root: string, id: string, force: boolean): void {
  let record: ContainerRecord;
  try {
    record = loadRecord(root, id);
  } catch (error) {
    if (!force || !(error instanceof WharfError)) throw error;
    if (error.code === "InvalidArgument") throw error;
    if (error.code === "DataLoss") removeFolder(root, id);
    // killed between making the folder and writing the first record: nothing else exists yet
    else removeFolder(root, id);
    return;
  }
  const status = statusOf(root, record);
  if (status !== "stopped") {
    if (!force && status !== "created" && status !== "creating") {
      throw new WharfError("FailedPrecondition", `cannot delete container ${id} that is not stopped: ${status}`, {
        hint: `kill it first, or: runt delete --force ${id}`,
      });
    }
    killAndWait(record);
  } else if (record.cgroup && cgroupPids(record.cgroup).length > 0) killAndWait(record);
  if (record.cgroup) removeCgroup(record.cgroup);
  removeFolder(root, id);
  runHooks(record.config.hooks, "poststop", hookState(record, "stopped"));
}

function running(root: string, id: string, ...wanted: Status[]): ContainerRecord {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (!wanted.includes(status))
    throw new WharfError("FailedPrecondition", `container ${JSON.stringify(id)} is ${status}`, { subject: id });
  return record;
}

export function pause(root: string, id: string): void {
  setFrozen(running(root, id, "running", "created").cgroup!, true);
}

export function resume(root: string, id: string): void {
  setFrozen(running(root, id, "paused").cgroup!, false);
}

export function processes(root: string, id: string): number[] {
  return cgroupPids(running(root, id, "running", "created", "paused").cgroup!);
}

export function update(root: string, id: string, resources: LinuxResources): void {
  updateCgroup(running(root, id, "running", "created", "paused").cgroup!, resources);
}
