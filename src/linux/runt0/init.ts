// The container's first process, from its birth in new namespaces to the program it becomes.
import { errorToData } from "../../common/errors.ts";
import type { Process, Spec } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { close, dup3, Fd, O, readText } from "../sys/fs.ts";
import { clearSignalMask } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, exec, exit, PR, prctl, SIGNALS } from "../sys/process.ts";
import { type CgroupPaths, joinCgroup } from "./cgroup/cgroup.ts";
import { Channel } from "./channel.ts";
import { adoptTerminal, bindConsole, openTerminal, type Terminal } from "./console.ts";
import { become, findExecutable } from "./exec-path.ts";
import { runHooks, type StateOfContainer } from "./hooks.ts";
import { openVerifiedNull } from "./mounts.ts";
import { enter, type NamespacePlan } from "./namespaces.ts";
import { applyIdentity, applyLimits, applyRlimits, applySysctls, type SeccompPlan } from "./process.ts";
import { moveRoot, pivot, populateRoot, prepareRoot } from "./rootfs.ts";

export interface InitPlan {
  spec: Spec;
  process: Process;
  bundle: string;
  rootfs: string;
  cgroup: CgroupPaths;
  /** Born into the cgroup v2 folder already. */
  inCgroup: boolean;
  namespaces: NamespacePlan;
  seccomp: SeccompPlan | undefined;
  /** The socket on which the program waits for `start`; undefined when it runs at once. */
  startSocket: number | undefined;
  stdio: readonly [number, number, number] | undefined;
  preserveFds: number;
  noPivot: boolean;
  noNewKeyring: boolean;
  state: StateOfContainer;
  hooksOutside: boolean;
  warn: (text: string) => void;
}

const CLOSE_RANGE_CLOEXEC = 4;
const KEYCTL_JOIN_SESSION_KEYRING = 1;

/** Runs in the new process and never returns: it becomes the program, or reports why not. */
export function runInit(plan: InitPlan, channel: Channel): never {
  const report = { channel };
  try {
    setUp(plan, report);
  } catch (error) {
    try {
      report.channel.send({ type: "error", error: errorToData(error) });
    } catch {
      // nobody is there to hear it
    }
    exit(1);
  }
}

function enterNamespaces(plan: InitPlan, channel: Channel): void {
  const { namespaces } = plan;
  for (const { type, fd, path } of namespaces.join) {
    if (type !== "pid" && type !== "time") enter(type, fd, path);
    close(fd);
  }
  if (namespaces.own.has("user")) {
    if (namespaces.cloneFlags & CLONE.NEWUSER) {
      channel.send({ type: "needs-maps" });
      channel.awaitGo();
    }
    sys("become root of the user namespace", undefined, NR.setresgid, 0, 0, 0);
    sys("become root of the user namespace", undefined, NR.setresuid, 0, 0, 0);
    // the change of user made this process undumpable, and /proc/self/fd unreachable for it: allowed again until the root is changed
    prctl(PR.SET_DUMPABLE, 1);
    prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  }
  if (namespaces.newCgroup) sys("new cgroup namespace", undefined, NR.unshare, CLONE.NEWCGROUP);
}

function setNames(spec: Spec): void {
  if (spec.hostname)
    sys("set hostname", spec.hostname, NR.sethostname, spec.hostname, native.bytes(spec.hostname).length);
  if (spec.domainname)
    sys("set domainname", spec.domainname, NR.setdomainname, spec.domainname, native.bytes(spec.domainname).length);
}

function openConsole(plan: InitPlan, channel: Channel, root: number): Terminal | undefined {
  if (!plan.process.terminal) return undefined;
  const terminal = openTerminal(root, plan.process.consoleSize);
  bindConsole(root, terminal.slave);
  channel.send({ type: "console" }, terminal.master);
  return terminal;
}

/** @param report who hears of a failure: the runtime that creates, later the one that starts */
function setUp(plan: InitPlan, report: { channel: Channel }): never {
  const { spec, process, namespaces } = plan;
  const { channel } = report;
  prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  // until the program runs nobody may look into this process, which holds the host's descriptors (CVE-2016-9962)
  if (!namespaces.own.has("user")) prctl(PR.SET_DUMPABLE, 0);
  if (!plan.inCgroup) joinCgroup(plan.cgroup);
  applyLimits(process, plan.warn);
  enterNamespaces(plan, channel);
  sys("start a session", undefined, NR.setsid);
  if (!plan.noNewKeyring) native.syscall(NR.keyctl, KEYCTL_JOIN_SESSION_KEYRING, `_ses.${plan.state.id}`);
  setNames(spec);
  applySysctls(spec);
  const terminal = enterRoot(plan, channel);
  if (terminal) adoptTerminal(terminal);
  else if (plan.stdio) for (const [to, from] of plan.stdio.entries()) dup3(from, to);
  applyRlimits(process, plan.warn);
  const args = process.args ?? [];
  const env = process.env ?? [];
  const path = findExecutable(args[0] ?? "", env);
  // from here on it is the channel that tells of the runtime's death: a runtime that has done its work may end before we go on
  prctl(PR.SET_PDEATHSIG, 0);
  channel.send({ type: "ready" });
  channel.awaitGo();
  if (plan.startSocket !== undefined) report.channel = waitForStart(plan.startSocket);
  runHooks(spec.hooks, "startContainer", { ...plan.state, status: "created" });
  applyIdentity(process, plan.seccomp, plan.warn, (listener) => {
    report.channel.send({ type: "seccomp" }, listener);
    close(listener);
  });
  return execute(path, args, env, 3 + plan.preserveFds);
}

/** Everything about the file systems, until this process stands in the container's root. */
function enterRoot(plan: InitPlan, channel: Channel): Terminal | undefined {
  const { spec, namespaces } = plan;
  const hookState = { ...plan.state, status: "creating", pid: 1 };
  if (!namespaces.own.has("mount")) {
    sys("chroot", plan.rootfs, NR.chroot, plan.rootfs);
    sys("change folder", "/", NR.chdir, "/");
    return undefined;
  }
  if (namespaces.join.some(({ type }) => type === "mount")) return undefined;
  using devNull = new Fd(openVerifiedNull());
  const context = {
    spec,
    bundle: plan.bundle,
    rootfs: plan.rootfs,
    cgroup: plan.cgroup,
    ownCgroupNamespace: namespaces.own.has("cgroup"),
    userNamespace: namespaces.own.has("user"),
    devNull: devNull.value,
  };
  using root = prepareRoot(context);
  if (plan.hooksOutside) {
    channel.send({ type: "run-hooks" });
    channel.awaitGo();
  }
  populateRoot(context, root.value);
  const terminal = openConsole(plan, channel, root.value);
  runHooks(spec.hooks, "createContainer", hookState);
  if (plan.noPivot) moveRoot(root.value, plan.rootfs);
  else pivot(root.value);
  prctl(PR.SET_DUMPABLE, 0);
  return terminal;
}

/** Blocks until `start` connects; it is told there if the program cannot be executed, and sees the end of file if it could. */
function waitForStart(socket: number): Channel {
  const connection = sys("wait for start", undefined, NR.accept4, socket, 0, 0, O.CLOEXEC);
  close(socket);
  return new Channel(connection);
}

/** HOME as /etc/passwd of the container has it, where the configuration gives none. */
function withHome(env: readonly string[]): readonly string[] {
  if (env.some((entry) => entry.startsWith("HOME="))) return env;
  const uid = String(native.syscall(NR.getuid));
  let home = "/";
  try {
    home =
      readText("/etc/passwd")
        .split("\n")
        .map((line) => line.split(":"))
        .find((fields) => fields[2] === uid)?.[5] || "/";
  } catch {
    // an image without users
  }
  return [...env, `HOME=${home}`];
}

export function execute(path: string, args: readonly string[], env: readonly string[], firstClosed: number): never {
  clearSignalMask();
  sys("mark descriptors close-on-exec", undefined, NR.close_range, firstClosed, 0xffffffff, CLOSE_RANGE_CLOEXEC);
  const full = withHome(env);
  return become(path, args, () => exec(path, args, full));
}
