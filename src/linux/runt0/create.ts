// create: a container's cgroup, namespaces and first process, up to the point where the program waits to be started.
import { WharfError } from "../../common/errors.ts";
import { OCI_VERSION, type Spec } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, mkdir, mkdirs, writeFile, writeFileAtomic } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, clone, SIGNALS, wait } from "../sys/process.ts";
import { socketPair } from "../sys/socket.ts";
import { timestamp } from "../sys/time.ts";
import { readBundle } from "./bundle.ts";
import { createCgroup, killCgroup, openForClone, removeCgroup } from "./cgroup/cgroup.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { sendToConsoleSocket } from "./console.ts";
import { runHooks, type StateOfContainer } from "./hooks.ts";
import { runInit } from "./init.ts";
import { enter, planNamespaces, writeMaps } from "./namespaces.ts";
import type { SeccompPlan } from "./process.ts";
import { seccompProgram } from "./seccomp/load.ts";
import { sendSeccompListener } from "./seccomp-notify.ts";
import { listenForStart } from "./start-socket.ts";
import { type ContainerRecord, checkId, folderOf, newRecord, processStat, removeFolder, saveRecord } from "./state.ts";

export interface CreateOptions {
  /** State folder of all containers. */
  root: string;
  id: string;
  /** Folder with config.json. */
  bundle: string;
  /** Descriptors for the program's standard streams; this process's own by default. */
  stdio?: readonly [number, number, number];
  /** Takes the master of the terminal when process.terminal is set. */
  console?: { socket: string } | { master: (fd: number) => void };
  pidFile?: string;
  /** Descriptors from 3 on that the program keeps. */
  preserveFds?: number;
  noPivot?: boolean;
  noNewKeyring?: boolean;
  /** Starts the program at once, without waiting for `start`. */
  run?: boolean;
  /** The container's process becomes a child of this process's parent. */
  cloneParent?: boolean;
  warn?: (text: string) => void;
}

export interface Created {
  pid: number;
  /** Readable when the process has ended. */
  pidfd: number;
  record: ContainerRecord;
}

/** The descriptors and programs prepared before the process is born, so that what can fail early does. */
function prepareSeccomp(root: string, spec: Spec): SeccompPlan | undefined {
  const seccomp = spec.linux?.seccomp;
  if (!seccomp) return undefined;
  const listener = (seccomp.syscalls ?? []).some(({ action }) => action === "SCMP_ACT_NOTIFY");
  if (listener && !seccomp.listenerPath)
    throw new WharfError("InvalidArgument", "linux.seccomp: SCMP_ACT_NOTIFY needs listenerPath");
  return { program: seccompProgram(seccomp, `${root}/.seccomp`), flags: seccomp.flags ?? [], listener };
}

export function create(options: CreateOptions): Created {
  const { root, id } = options;
  checkId(id);
  const { path, rootfs, spec } = readBundle(options.bundle);
  if (!spec.process) throw new WharfError("InvalidArgument", "config.json: process: is missing");
  if (spec.process.terminal && !options.console) {
    throw new WharfError("InvalidArgument", "process.terminal is set, but nobody takes the terminal", {
      hint: "give --console-socket, or run without --detach",
    });
  }
  mkdirs(root, 0o711);
  try {
    mkdir(folderOf(root, id), 0o711);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new WharfError("AlreadyExists", `container with id ${JSON.stringify(id)} already exists`, { subject: id });
  }
  const record = newRecord({
    id,
    ociVersion: OCI_VERSION,
    bundle: path,
    rootfs,
    created: timestamp(),
    owner: "root",
    annotations: spec.annotations,
    config: { process: spec.process, hooks: spec.hooks, linux: spec.linux },
  });
  try {
    return launch(options, spec, record);
  } catch (error) {
    if (record.cgroup) {
      killCgroup(record.cgroup, SIGNALS.KILL);
      removeCgroup(record.cgroup);
    }
    removeFolder(root, id);
    throw error;
  }
}

function launch(options: CreateOptions, spec: Spec, record: ContainerRecord): Created {
  const { root, id } = options;
  const folder = folderOf(root, id);
  const seccomp = prepareSeccomp(root, spec);
  const namespaces = planNamespaces(spec.linux?.namespaces ?? []);
  const cgroup = createCgroup(spec.linux?.cgroupsPath || undefined, id, spec.linux?.resources ?? {});
  record.cgroup = cgroup;
  // with the cgroup on record a kill -9 from here on leaves nothing that `delete --force` cannot find
  saveRecord(root, record);
  const startSocket = options.run ? undefined : listenForStart(folder);
  const hooks = spec.hooks;
  const state: StateOfContainer = {
    ociVersion: record.ociVersion,
    id,
    status: "creating",
    bundle: record.bundle,
    annotations: record.annotations,
  };
  const [ours, theirs] = socketPair();
  const cgroupFd = openForClone(cgroup);
  const joinedBefore = namespaces.join.filter(({ type }) => type === "pid" || type === "time");
  for (const { type, fd, path } of joinedBefore) enter(type, fd, path);
  if (namespaces.newTime) newTimeNamespace(spec);
  let flags = namespaces.cloneFlags;
  if (options.cloneParent) flags |= CLONE.PARENT;
  const { pid, pidfd } = clone(flags, cgroupFd === undefined ? {} : { cgroup: cgroupFd });
  if (pid === 0) {
    close(ours);
    runInit(
      {
        spec,
        process: spec.process!,
        bundle: record.bundle,
        rootfs: record.rootfs,
        cgroup,
        inCgroup: cgroupFd !== undefined,
        namespaces,
        seccomp,
        startSocket,
        stdio: options.stdio,
        preserveFds: options.preserveFds ?? 0,
        noPivot: options.noPivot ?? false,
        noNewKeyring: options.noNewKeyring ?? false,
        state,
        hooksOutside: Boolean(hooks?.prestart?.length || hooks?.createRuntime?.length),
        warn: options.warn ?? (() => {}),
      },
      new Channel(theirs),
    );
  }
  for (const fd of [theirs, startSocket, cgroupFd, ...namespaces.join.map((ns) => ns.fd)])
    if (fd !== undefined) close(fd);
  using channel = new Channel(ours);
  try {
    serve(options, spec, channel, pid, { ...state, pid });
    record.init = { pid, startTime: processStat(pid)?.startTime ?? "" };
    saveRecord(root, record);
    if (options.pidFile) writeFileAtomic(options.pidFile, String(pid));
    channel.send({ type: "go" });
    if (options.run) awaitExec(channel, spec, state);
    return { pid, pidfd, record };
  } catch (error) {
    native.syscall(NR.pidfd_send_signal, pidfd, SIGNALS.KILL, 0, 0);
    if (!options.cloneParent) wait(pid);
    close(pidfd);
    throw error;
  }
}

const died = () =>
  new WharfError("Unknown", "the container's process ended while it was being set up", {
    hint: "see dmesg for an out-of-memory kill",
  });

/** Answers the new process's needs until it is ready. */
function serve(options: CreateOptions, spec: Spec, channel: Channel, pid: number, state: StateOfContainer): void {
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) throw died();
    const { message, fd } = got;
    if (message.type === "ready") return;
    if (message.type === "error") throw failure(message);
    if (message.type === "needs-maps") writeMaps(pid, spec.linux ?? {});
    else if (message.type === "run-hooks") {
      runHooks(spec.hooks, "prestart", state);
      runHooks(spec.hooks, "createRuntime", state);
    } else if (message.type === "console") {
      takeConsole(options, fd!);
      continue;
    } else continue;
    channel.send({ type: "go" });
  }
}

function takeConsole(options: CreateOptions, master: number): void {
  const { console } = options;
  if (console && "master" in console) {
    console.master(master);
    return;
  }
  try {
    if (console) sendToConsoleSocket(console.socket, master, "/dev/ptmx");
  } finally {
    close(master);
  }
}

/** The channel's other end closes when the program is executed; before that comes an error, or a seccomp listener. */
export function awaitExec(channel: Channel, spec: Pick<Spec, "linux">, state: StateOfContainer): void {
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) return;
    if (got.message.type === "error") throw failure(got.message);
    if (got.message.type === "seccomp" && got.fd !== undefined) {
      using listener = new Fd(got.fd);
      sendSeccompListener(spec.linux!.seccomp!, listener.value, state);
    }
  }
}

/** A new time namespace takes in children only, and its clocks can be set until the first of them is there. */
function newTimeNamespace(spec: Spec): void {
  sys("new time namespace", undefined, NR.unshare, CLONE.NEWTIME);
  for (const [clock, { secs = 0, nanosecs = 0 }] of Object.entries(spec.linux?.timeOffsets ?? {})) {
    writeFile("/proc/self/timens_offsets", `${clock} ${secs} ${nanosecs}\n`);
  }
}
