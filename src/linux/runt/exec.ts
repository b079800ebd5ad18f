// exec: another process in a running container.
import { errorToData, WharfError } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { PROCESS_SHAPE } from "../../common/oci/runtime-shape.ts";
import { joinCgroup } from "../cgroup/join.ts";
import { openCached } from "../seccomp/cache.ts";
import { filterFlags, loadFilter } from "../seccomp/load.ts";
import { sys } from "../sys/call.ts";
import { close, Fd, O } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, exit, letGoOfSelf, PR, prctl } from "../sys/process.ts";
import { openProcLink } from "../sys/procfs.ts";
import { effectiveUser } from "../sys/rootless.ts";
import { checker } from "../sys/shape.ts";
import { socketPair } from "../sys/socket.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { adoptTerminal, openTerminal } from "./console.ts";
import { abandon, activated, announce, type LaunchOptions, passedOn, relayed, takeConsole } from "./create.ts";
import { CgroupEntrance, type SubCgroups } from "./exec-cgroup.ts";
import { closeOthers, environmentOf, execute } from "./exec-path.ts";
import { enterExecutionDomain } from "./execution-domain.ts";
import { identitySteps } from "./identity.ts";
import { joinRdtGroup } from "./intel-rdt.ts";
import { joinKeyring } from "./keyring.ts";
import { checkLabels, labelSteps } from "./labels.ts";
import { setOomScore, setRlimits } from "./limits.ts";
import { run } from "./plan.ts";
import { affinityMask, resetAffinity, setAffinity, setIoPriority, setScheduler } from "./scheduling.ts";
import { readProgram, seccompCache, sendListener } from "./seccomp.ts";
import { type ContainerRecord, loadRecord, processStat, statusOf } from "./state.ts";
import { checkProcess } from "./validate.ts";

const faultOf = checker(PROCESS_SHAPE);

export interface ExecOptions extends LaunchOptions {
  process: Process;
  /** Run also in a paused container, where it waits for the thaw. */
  ignorePaused?: boolean | undefined;
  /** Groups below the container's own. */
  subCgroups?: SubCgroups | undefined;
}

export interface Executed {
  pid: number;
  /** Readable when the process has ended; the caller closes it. */
  pidfd: number;
}

function check(options: ExecOptions, record: ContainerRecord): void {
  const status = statusOf(options.root, record);
  if (status === "paused" && !options.ignorePaused) {
    throw new WharfError("FailedPrecondition", "cannot exec in a paused container", {
      subject: options.id,
      hint: "resume it, or give --ignore-paused",
    });
  }
  if (status !== "running" && status !== "created" && status !== "paused") {
    throw new WharfError("FailedPrecondition", `cannot exec in a ${status} container`, { subject: options.id });
  }
  const fault = faultOf(options.process);
  if (fault) throw new WharfError("InvalidArgument", `process${fault.path}: ${fault.why}`, { subject: options.id });
  checkProcess(options.process);
  checkLabels(options.process, undefined);
  if (options.process.terminal && !options.console) {
    throw new WharfError("InvalidArgument", "process.terminal is set, but nobody takes the terminal", {
      hint: "give --console-socket, or run without --detach",
    });
  }
}

/** The first process, held so that its number cannot become another's. */
function openInit(record: ContainerRecord): Fd {
  const { pid, startTime } = record.init!;
  const fd = new Fd(sys("open process", pid, NR.pidfd_open, pid, 0));
  if (processStat(pid)?.startTime === startTime) return fd;
  fd[Symbol.dispose]();
  throw new WharfError("FailedPrecondition", "cannot exec in a stopped container", { subject: record.id });
}

function programOf(options: ExecOptions, record: ContainerRecord): Uint8Array | undefined {
  if (!record.seccomp) return undefined;
  const file = openCached(seccompCache(options.root), record.seccomp.program);
  if (file !== undefined) return readProgram(file);
  throw new WharfError("DataLoss", "the compiled seccomp filter of the container is gone", {
    subject: `${seccompCache(options.root)}/${record.seccomp.program}`,
    hint: "no process may run in the container without it: make the container anew",
  });
}

export function exec(options: ExecOptions): Executed {
  const { root, id } = options;
  const record = loadRecord(root, id);
  check(options, record);
  using target = openInit(record);
  const filter = programOf(options, record);
  using cgroup = new CgroupEntrance(record, options.subCgroups ?? new Map());
  const rootOf = record.chroot ? openProcLink(`${record.init!.pid}/root`, O.PATH | O.DIRECTORY) : undefined;
  const [ours, theirs] = socketPair();
  // a pid namespace takes in children only: this process enters so far that its child is in it; without privilege by the
  // user namespace that owns it
  const entered = record.namespaces & (effectiveUser() === 0 ? CLONE.NEWPID : CLONE.NEWPID | CLONE.NEWUSER);
  if (entered) sys("enter the pid namespace", id, NR.setns, target.value, entered);
  const parent = options.cloneParent ? CLONE.PARENT : 0;
  const affinity = options.process.execCPUAffinity;
  // inherited by the child, which may be born into the cgroup
  if (affinity) {
    setAffinity(affinity, "initial");
    options.trace?.note(`nsexec: affinity: ${affinityMask()}`);
  }
  const { pid, pidfd, attach } = cgroup.clone(parent);
  if (pid === 0) {
    letGoOfSelf();
    close(ours);
    const entrance = { target: target.value, entered, filter, joinFiles: cgroup.joinFiles, attach, rootOf };
    enterContainer(options, record, entrance, new Channel(theirs));
  }
  for (const fd of [theirs, rootOf]) if (fd !== undefined) close(fd);
  using channel = new Channel(ours);
  try {
    if (attach) {
      cgroup.attachByUnit(pid);
      channel.send({ type: "cgroup" });
    }
    letGoOfSelf();
    serve(options, record, channel, pid);
    announce(options, pid, pidfd);
    return { pid, pidfd };
  } catch (error) {
    abandon(pid, pidfd, options);
    throw error;
  }
}

/** Until the process has become the program. */
function serve(options: ExecOptions, record: ContainerRecord, channel: Channel, pid: number): void {
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) return;
    const { message, fd } = got;
    if (message.type === "error") throw failure(message);
    if (message.type === "console") takeConsole(options, fd!);
    else if (message.type === "warning") options.warn?.(message.text);
    else if (message.type === "seccomp") {
      using listener = new Fd(fd!);
      const { ociVersion, id, bundle, annotations } = record;
      sendListener(record.seccomp!, listener.value, { ociVersion, id, status: "running", pid, bundle, annotations });
    }
  }
}

interface Entrance {
  /** pidfd of the container's first process. */
  target: number;
  /** Namespaces this process is in already, or was born into. */
  entered: number;
  filter: Uint8Array | undefined;
  joinFiles: readonly number[];
  /** To be waited for: this process is moved by another. */
  attach: boolean;
  rootOf: number | undefined;
}

function enterContainer(options: ExecOptions, record: ContainerRecord, entrance: Entrance, channel: Channel): never {
  const { process, trace } = options;
  const warn = (text: string) => channel.send({ type: "warning", text });
  trace?.forget();
  try {
    // nobody in the container may look into this process before it is one of theirs (CVE-2016-9962)
    prctl(PR.SET_DUMPABLE, 0);
    joinCgroup(entrance.joinFiles);
    if (entrance.attach) channel.await("cgroup");
    if (process.execCPUAffinity?.final) setAffinity(process.execCPUAffinity, "final");
    else resetAffinity();
    if (record.intelRdt) joinRdtGroup(record.intelRdt, 0);
    run(labelSteps(process), trace);
    const score = process.oomScoreAdj ?? record.process?.oomScoreAdj;
    if (score !== undefined && score !== null) setOomScore(score, warn);
    trace?.note("child process in init(): on its way into the container");
    const flags = record.namespaces & ~entrance.entered;
    if (flags) sys("enter the container's namespaces", record.id, NR.setns, entrance.target, flags);
    if (record.namespaces & CLONE.NEWUSER) {
      sys("become root of the user namespace", undefined, NR.setresgid, 0, 0, 0);
      sys("become root of the user namespace", undefined, NR.setresuid, 0, 0, 0);
    }
    if (entrance.rootOf !== undefined) {
      sys("enter the root", undefined, NR.fchdir, entrance.rootOf);
      sys("chroot", ".", NR.chroot, ".");
    }
    trace?.note("nsexec container setup: in the container's namespaces");
    sys("start a session", undefined, NR.setsid);
    if (record.keyring) joinKeyring(record.id, undefined, (record.namespaces & CLONE.NEWUSER) !== 0);
    if (process.terminal) {
      const terminal = openTerminal(undefined, process.consoleSize, relayed(options));
      channel.send({ type: "console" }, terminal.master);
      adoptTerminal(terminal);
    }
    setRlimits(process, warn);
    if (record.domain) enterExecutionDomain(record.domain);
    if (process.scheduler) setScheduler(process.scheduler);
    if (process.ioPriority) setIoPriority(process.ioPriority);
    const filter = () => {
      const { flags: words, listenerPath } = record.seccomp!;
      trace?.note(`seccomp filter flags: ${filterFlags(words, listenerPath !== undefined)}`);
      const listener = loadFilter(entrance.filter!, words, listenerPath !== undefined);
      if (listener === undefined) return;
      channel.send({ type: "seccomp" }, listener);
      close(listener);
    };
    const env = environmentOf({ ...process, env: [...activated(process.env ?? [], options)] });
    closeOthers(passedOn(options), [channel.fd, trace?.file]);
    trace?.note("setns_init: about to exec, as soon as it is who it should be");
    run(identitySteps(process, entrance.filter && filter, warn, false), trace);
    trace?.flush();
    return execute(process.args ?? [], env);
  } catch (error) {
    try {
      channel.send({ type: "error", error: errorToData(error) });
    } catch {
      // nobody is there to hear it
    }
    exit(255);
  }
}
