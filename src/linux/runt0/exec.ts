// exec: another process in a running container.
import { errorToData, WharfError } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { close, dup3, writeFileAtomic } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, clone, exit, PR, prctl, SIGNALS, wait } from "../sys/process.ts";
import { socketPair } from "../sys/socket.ts";
import { checkProcess } from "./bundle.ts";
import { joinCgroup } from "./cgroup/cgroup.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { adoptTerminal, openTerminal, sendToConsoleSocket } from "./console.ts";
import type { CreateOptions } from "./create.ts";
import { findExecutable } from "./exec-path.ts";
import { execute } from "./init.ts";
import { CLONE_FLAG } from "./namespaces.ts";
import { applyIdentity, applyLimits, applyRlimits, type SeccompPlan } from "./process.ts";
import { seccompProgram } from "./seccomp/load.ts";
import { type ContainerRecord, loadRecord, statusOf } from "./state.ts";

export interface ExecOptions
  extends Pick<
    CreateOptions,
    "root" | "id" | "stdio" | "console" | "pidFile" | "preserveFds" | "cloneParent" | "warn"
  > {
  process: Process;
  /** Run also in a paused container, where it waits for the thaw. */
  ignorePaused?: boolean;
}

export interface Executed {
  pid: number;
  /** Readable when the process has ended. */
  pidfd: number;
}

/** Opens the namespaces of the container's first process; setns(2) takes a pidfd and all flags at once. */
function namespaceFlags(record: ContainerRecord): number {
  let flags = 0;
  for (const { type } of record.config.linux?.namespaces ?? []) flags |= CLONE_FLAG[type];
  return flags;
}

export function exec(options: ExecOptions): Executed {
  const { root, id, process } = options;
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (status === "paused" && !options.ignorePaused) {
    throw new WharfError("FailedPrecondition", "cannot exec in a paused container", {
      subject: id,
      hint: "resume it, or give --ignore-paused",
    });
  }
  if (status !== "running" && status !== "created" && status !== "paused") {
    throw new WharfError("FailedPrecondition", `cannot exec in a ${status} container`, { subject: id });
  }
  checkProcess(process);
  if (process.terminal && !options.console)
    throw new WharfError("InvalidArgument", "process.terminal is set, but nobody takes the terminal");
  const seccomp = record.config.linux?.seccomp;
  const plan: SeccompPlan | undefined = seccomp && {
    program: seccompProgram(seccomp, `${root}/.seccomp`),
    flags: seccomp.flags ?? [],
    listener: false,
  };
  const { pid: initPid } = record.init!;
  const target = sys("open process", initPid, NR.pidfd_open, initPid, 0);
  const [ours, theirs] = socketPair();
  // the process that enters is not the one that runs: a pid namespace takes in children only
  const middle = clone(options.cloneParent ? CLONE.PARENT : 0);
  if (middle.pid === 0) {
    close(ours);
    enterContainer(options, record, target, plan, new Channel(theirs));
  }
  close(theirs);
  close(target);
  using channel = new Channel(ours);
  try {
    return awaitProcess(options, channel, middle);
  } finally {
    close(middle.pidfd);
    if (!options.cloneParent) wait(middle.pid);
  }
}

function awaitProcess(options: ExecOptions, channel: Channel, middle: { pid: number }): Executed {
  let executed: Executed | undefined;
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) break;
    const { message } = got;
    if (message.type === "error") {
      if (executed) close(executed.pidfd);
      if (executed && !options.cloneParent) wait(executed.pid);
      throw failure(message);
    }
    if (message.type === "child") executed = { pid: message.pid, pidfd: got.fd! };
    else if (message.type === "console") takeConsole(options, got.fd!);
  }
  if (!executed) throw new WharfError("Unknown", `process ${middle.pid} ended on its way into the container`);
  if (options.pidFile) writeFileAtomic(options.pidFile, String(executed.pid));
  return executed;
}

function takeConsole({ console }: ExecOptions, master: number): void {
  if (console && "master" in console) {
    console.master(master);
    return;
  }
  if (console) sendToConsoleSocket(console.socket, master, "/dev/ptmx");
  close(master);
}

/** In the middle process: joins cgroup and namespaces, then makes the process that becomes the program. */
function enterContainer(
  options: ExecOptions,
  record: ContainerRecord,
  target: number,
  seccomp: SeccompPlan | undefined,
  channel: Channel,
): never {
  try {
    prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
    if (record.cgroup) joinCgroup(record.cgroup);
    applyLimits(options.process, options.warn ?? (() => {}));
    const flags = namespaceFlags(record);
    const user = flags & CLONE.NEWUSER;
    if (user) {
      sys("enter the user namespace", undefined, NR.setns, target, user);
      sys("become root of the user namespace", undefined, NR.setresgid, 0, 0, 0);
      sys("become root of the user namespace", undefined, NR.setresuid, 0, 0, 0);
    }
    prctl(PR.SET_DUMPABLE, 0);
    if (flags & ~user) sys("enter the container's namespaces", record.id, NR.setns, target, flags & ~user);
    close(target);
    // a sibling of this process: whoever waits for it need not be told of a grandchild
    const child = clone(CLONE.PARENT);
    if (child.pid === 0) becomeProcess(options, seccomp, channel);
    // this process itself is still outside of the container's pid namespace, so the pid is the host's
    channel.send({ type: "child", pid: child.pid }, child.pidfd);
    exit(0);
  } catch (error) {
    channel.send({ type: "error", error: errorToData(error) });
    exit(1);
  }
}

function becomeProcess(options: ExecOptions, seccomp: SeccompPlan | undefined, channel: Channel): never {
  const { process } = options;
  const warn = options.warn ?? (() => {});
  try {
    sys("start a session", undefined, NR.setsid);
    if (process.terminal) {
      const terminal = openTerminal(undefined, process.consoleSize);
      channel.send({ type: "console" }, terminal.master);
      adoptTerminal(terminal);
    } else if (options.stdio) for (const [to, from] of options.stdio.entries()) dup3(from, to);
    applyRlimits(process, warn);
    applyIdentity(process, seccomp, warn, close);
    const args = process.args ?? [];
    const env = process.env ?? [];
    return execute(findExecutable(args[0] ?? "", env), args, env, 3 + (options.preserveFds ?? 0));
  } catch (error) {
    channel.send({ type: "error", error: errorToData(error) });
    exit(255);
  }
}
