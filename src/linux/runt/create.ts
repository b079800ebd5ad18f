// create, and run: a container's cgroup, namespaces and first process. The two sides work at the same time: this process
// makes the cgroup and the record while the new one makes namespaces and mounts.
import { WharfError } from "../../common/errors.ts";
import { OCI_VERSION, type Spec } from "../../common/oci/runtime.ts";
import { openForClone, openJoinFiles } from "../cgroup/join.ts";
import { killCgroup } from "../cgroup/kill.ts";
import { type CgroupDriver, locateCgroup, makeBeside, NOT_OURS, refuseTaken } from "../cgroup/make.ts";
import { oomKills } from "../cgroup/oom.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { removeCgroup } from "../cgroup/remove.ts";
import { remarkOnCpu } from "../cgroup/systemd/properties.ts";
import { close, Fd, writeFileAtomic } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { pollReadable } from "../sys/poll.ts";
import { CLONE, clone, letGoOfSelf, SIGNALS, wait } from "../sys/process.ts";
import { openProcLink } from "../sys/procfs.ts";
import { connectUnix, sendFds, socketPair } from "../sys/socket.ts";
import { timestamp } from "../sys/time.ts";
import { type Trace, traced } from "../sys/trace.ts";
import { readBundle } from "./bundle.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { sendToConsoleSocket } from "./console.ts";
import type { StateOfContainer } from "./hooks.ts";
import { type InitPlan, runInit } from "./init.ts";
import { removeRdt } from "./intel-rdt.ts";
import { copyFromContainer } from "./late-source.ts";
import { enter, planNamespaces } from "./namespaces.ts";
import { run } from "./plan.ts";
import { recordOf } from "./record.ts";
import { answerSteps, type Birth, stepsAfterBirth, stepsBeforeBirth } from "./runtime-steps.ts";
import { notifies, seccompCache, sendListener } from "./seccomp.ts";
import { makeInStage, needsStage } from "./stage.ts";
import { listenForStart } from "./start-socket.ts";
import { type ContainerRecord, claim, noteCgroup, processStat, removeFolder, saveRecord } from "./state.ts";
import { remarks } from "./validate.ts";

export interface LaunchOptions {
  /** State folder of all containers; made when missing. */
  root: string;
  id: string;
  /** Takes the terminal's master, when process.terminal is set: a socket, or the caller itself. */
  console?: { socket: string } | { master: (fd: number) => void } | undefined;
  /** Gets the process id in decimal. */
  pidFile?: string | undefined;
  /** Descriptors 3 to 2 + n are passed on. */
  preserveFds?: number | undefined;
  /** Socket activation: so many more are passed on, and the program is told. */
  listenFds?: number | undefined;
  /** Unix socket that takes a pidfd of the process. */
  pidfdSocket?: string | undefined;
  /** The process becomes a child of this process's parent, which then waits for it. */
  cloneParent?: boolean | undefined;
  /** Records a span for every kernel step. */
  trace?: Trace | undefined;
  systemd?: CgroupDriver | undefined;
  /** Takes what went not as asked, but is no reason to fail. */
  warn?: ((text: string) => void) | undefined;
}

export interface CreateOptions extends LaunchOptions {
  /** Absolute path of the folder with config.json. */
  bundle: string;
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
  /** Starts the program at once, without waiting for `start`; "plainly": where nothing but that belongs to a start. */
  run?: boolean | "plainly" | undefined;
}

export interface Created {
  pid: number;
  /** Readable when the process has ended; the caller closes it. */
  pidfd: number;
  record: ContainerRecord;
  /** The program runs: there is nothing to start. */
  runs: boolean;
}

export function create(options: CreateOptions): Created {
  const { root, id } = options;
  const cache = seccompCache(root);
  const bundle = traced(options.trace, "read config.json", () => readBundle(options.bundle, cache));
  const { path, rootfs, spec, filter } = bundle;
  if (!spec.process) throw new WharfError("InvalidArgument", "config.json: process: is missing");
  if (spec.process.terminal && !options.console) {
    throw new WharfError("InvalidArgument", "process.terminal is set, but nobody takes the terminal", {
      hint: "give --console-socket, or run without --detach",
    });
  }
  const runs = options.run === true || (options.run === "plainly" && startsWithoutMore(spec));
  if (options.warn) for (const text of remarks(spec)) options.warn(text);
  const folder = claim(root, id);
  const created = timestamp();
  let cgroup: CgroupPaths | undefined;
  try {
    cgroup = locateCgroup({ path: spec.linux?.cgroupsPath || undefined, id, systemd: options.systemd });
    const remark = cgroup.systemd && remarkOnCpu(spec.linux?.resources ?? {});
    if (remark) options.warn?.(remark);
    refuseTaken(cgroup);
    noteCgroup(folder, cgroup);
    const namespaces = planNamespaces(spec.linux?.namespaces ?? []);
    const { noPivot, noNewKeyring } = options;
    const record = recordOf({ id, bundle: path, rootfs, spec, cgroup, namespaces, created, noPivot, noNewKeyring });
    return launch({ ...options, run: runs }, record, {
      spec,
      process: { ...spec.process, env: [...activated(spec.process.env ?? [], options)] },
      bundle: path,
      rootfs,
      cgroup,
      joinFiles: undefined,
      namespaces,
      startSocket: runs ? undefined : listenForStart(folder),
      preserveFds: passedOn(options),
      noPivot: options.noPivot ?? false,
      noNewKeyring: options.noNewKeyring ?? false,
      state: { ociVersion: OCI_VERSION, id, status: "creating", bundle: path, annotations: spec.annotations },
      trees: new Map(),
      mappings: new Map(),
      plainNewlines: relayed(options),
      rootTree: undefined,
      filter,
      listens: spec.linux?.seccomp !== undefined && notifies(spec.linux.seccomp),
      trace: options.trace,
    });
  } catch (error) {
    // what is somebody else's stays as it is
    if (cgroup && !(error instanceof WharfError && error.operation === NOT_OURS)) {
      killCgroup(cgroup, SIGNALS.KILL);
      removeCgroup(cgroup);
    }
    removeFolder(root, id);
    throw error;
  }
}

function launch(options: CreateOptions, record: ContainerRecord, plan: InitPlan): Created {
  const { namespaces, cgroup } = plan;
  const { trace } = options;
  run(stepsBeforeBirth(plan, options.root), trace);
  const staged = needsStage(namespaces);
  // systemd makes and fills this one, too
  if (cgroup.mode === "v1" && !cgroup.systemd) makeBeside(cgroup);
  if (cgroup.systemd) plan.joinFiles = [];
  else if (namespaces.own.has("user")) plan.joinFiles = openJoinFiles(cgroup, staged);
  const [ours, theirs] = socketPair();
  const born = cgroup.systemd || staged ? undefined : openForClone(cgroup);
  if (born !== undefined && cgroup.mode === "v2") plan.joinFiles = [];
  const { pid, pidfd } = traced(trace, "make the first process", () => bear(options, plan, ours, theirs, born));
  for (const fd of [theirs, plan.startSocket, born, plan.rootTree, ...plan.trees.values(), ...(plan.joinFiles ?? [])]) {
    if (fd !== undefined) close(fd);
  }
  for (const { fd } of namespaces.join) close(fd);
  using channel = new Channel(ours);
  try {
    const birth = { pid, channel, record };
    run(stepsAfterBirth(plan, options.root, birth), trace);
    record.init = { pid, startTime: processStat(pid)?.startTime ?? "" };
    traced(trace, "save the state", () => saveRecord(options.root, record));
    letGoOfSelf();
    const end = options.run ? "wait for the program" : "wait until it is ready";
    traced(trace, end, () => serve(options, plan, birth));
    announce(options, pid, pidfd);
    return { pid, pidfd, record, runs: options.run === true };
  } catch (error) {
    abandon(pid, pidfd, options);
    if (record.intelRdt) removeRdt(record.intelRdt);
    throw error;
  }
}

/** No hook comes after its start, and nobody is to be told of a filter's listener. */
function startsWithoutMore({ hooks, linux }: Spec): boolean {
  return !hooks?.poststart?.length && !(linux?.seccomp && notifies(linux.seccomp));
}

/** Ends a process that has not come as far as its program; what it held is free afterwards. */
export function abandon(pid: number, pidfd: number, { cloneParent }: LaunchOptions): void {
  native.syscall(NR.pidfd_send_signal, pidfd, SIGNALS.KILL, 0, 0);
  if (cloneParent) pollReadable([pidfd]);
  else wait(pid);
  close(pidfd);
}

/** The first process is born. */
function bear(options: CreateOptions, plan: InitPlan, ours: number, theirs: number, cgroup: number | undefined) {
  const { namespaces } = plan;
  const parent = options.cloneParent ? CLONE.PARENT : 0;
  const life = (): never => {
    letGoOfSelf();
    close(ours);
    return runInit(plan, new Channel(theirs));
  };
  if (needsStage(namespaces)) return makeInStage(namespaces, parent, life);
  const pids = namespaces.join.find(({ type }) => type === "pid");
  // a pid namespace takes in children only; what the new process can enter or make by itself costs this one no time
  const own = pids && openProcLink("self/ns/pid");
  if (pids) enter("pid", pids.fd, pids.path);
  const atBirth = namespaces.newUser ? namespaces.flags : namespaces.flags & CLONE.NEWPID;
  const born = clone(atBirth | parent, cgroup === undefined ? {} : { cgroup });
  if (born.pid === 0) return life();
  if (own !== undefined) {
    // hooks, for one, are no part of the container
    enter("pid", own, "/proc/self/ns/pid");
    close(own);
  }
  return born;
}

function died({ cgroup }: ContainerRecord): WharfError {
  if (cgroup && oomKills(cgroup) > 0) {
    return new WharfError(
      "ResourceExhausted",
      "the container's process was killed for want of memory while it was set up",
      {
        hint: "raise linux.resources.memory.limit: setting up takes some megabytes itself",
      },
    );
  }
  return new WharfError("Unknown", "the container's process ended while it was being set up", {
    hint: "see dmesg for what has ended it",
  });
}

/** Answers the new process's needs until it is ready for `start`, or with `run` until it has become the program. */
function serve(options: CreateOptions, plan: InitPlan, birth: Birth): void {
  const { pid, channel, record } = birth;
  const state: StateOfContainer = { ...plan.state, pid };
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) {
      if (options.run) return;
      throw died(record);
    }
    const { message, fd } = got;
    if (message.type === "ready") return;
    if (message.type === "error") throw failure(message);
    if (message.type === "hooks" || message.type === "netDevices") {
      run(answerSteps(plan, message.type, birth), options.trace);
      channel.send({ type: "continue" });
    } else if (message.type === "tree") {
      using tree = new Fd(copyFromContainer(plan, pid, message.index));
      channel.send({ type: "tree" }, tree.value);
    } else if (message.type === "console") takeConsole(options, fd!);
    else if (message.type === "warning") options.warn?.(message.text);
    else if (message.type === "seccomp") {
      using listener = new Fd(fd!);
      sendListener(record.seccomp!, listener.value, state);
    }
  }
}

/** The terminal is relayed by the caller itself. */
export function relayed({ console }: LaunchOptions): boolean {
  return console !== undefined && "master" in console;
}

/** How many descriptors above the streams the program gets. */
export function passedOn({ preserveFds = 0, listenFds = 0 }: LaunchOptions): number {
  return preserveFds + listenFds;
}

/** The program's environment, with what tells of passed sockets. */
export function activated(env: readonly string[], { listenFds = 0 }: LaunchOptions): readonly string[] {
  return listenFds > 0 ? [...env, `LISTEN_FDS=${listenFds}`, "LISTEN_PID=1"] : env;
}

/** Tells of the new process who asked to be told. */
export function announce({ pidFile, pidfdSocket }: LaunchOptions, pid: number, pidfd: number): void {
  if (pidFile) writeFileAtomic(pidFile, String(pid));
  if (!pidfdSocket) return;
  using socket = new Fd(connectUnix(pidfdSocket));
  sendFds(socket.value, native.bytes("pidfd"), [pidfd]);
}

export function takeConsole({ console }: LaunchOptions, master: number): void {
  if (console && "master" in console) {
    console.master(master);
    return;
  }
  try {
    if (console) sendToConsoleSocket(console.socket, master);
  } finally {
    close(master);
  }
}
