// The container's first process, from its birth to the program it becomes.
import { errorToData, WharfError } from "../../common/errors.ts";
import type { Process, Spec } from "../../common/oci/runtime.ts";
import { joinCgroup, openJoinFiles } from "../cgroup/join.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { filterFlags, loadFilter } from "../seccomp/load.ts";
import { sys } from "../sys/call.ts";
import { close } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { CLONE, exit, PR, prctl } from "../sys/process.ts";
import { checkFdPaths } from "../sys/procfs.ts";
import { CollectedTrace, type Trace } from "../sys/trace.ts";
import { Channel } from "./channel.ts";
import { adoptTerminal, bindConsole, openTerminal, type Terminal } from "./console.ts";
import { deviceSteps } from "./devices.ts";
import { closeOthers, environmentOf, execute, findExecutable } from "./exec-path.ts";
import { enterExecutionDomain } from "./execution-domain.ts";
import { runHooks, type StateOfContainer } from "./hooks.ts";
import { identitySteps } from "./identity.ts";
import { joinKeyring } from "./keyring.ts";
import type { KnownFilter } from "./known-filter.ts";
import { labelSteps } from "./labels.ts";
import { setOomScore, setRlimits, type Warn } from "./limits.ts";
import { bringUpLoopback } from "./loopback.ts";
import { maskSteps } from "./masks.ts";
import { mountSteps } from "./mounts.ts";
import { enter, type NamespacePlan } from "./namespaces.ts";
import { run, type Step } from "./plan.ts";
import { isolate, makeFolder, makeReadonly, mountRoot, moveRoot, pivot, type RootContext } from "./root.ts";
import { resetAffinity, setIoPriority, setScheduler } from "./scheduling.ts";
import { flagsOf, readProgram } from "./seccomp.ts";
import { needsStage } from "./stage.ts";
import { acceptStart, heedEnds } from "./start-socket.ts";
import { useOwnNull } from "./streams.ts";
import { applySysctls } from "./sysctl.ts";

/** What the first process is born with. */
export interface InitPlan {
  spec: Spec;
  process: Process;
  bundle: string;
  rootfs: string;
  cgroup: CgroupPaths;
  /** Files to join by, opened with the runtime's rights; empty when born into the cgroup; undefined: to be opened here. */
  joinFiles: number[] | undefined;
  namespaces: NamespacePlan;
  /** The socket on which the program waits for `start`; undefined when it runs at once. */
  startSocket: number | undefined;
  preserveFds: number;
  noPivot: boolean;
  noNewKeyring: boolean;
  state: StateOfContainer;
  trees: Map<number, number>;
  mappings: Map<number, number>;
  /** The terminal adds no carriage returns. */
  plainNewlines: boolean;
  rootTree: number | undefined;
  /** The seccomp program, where the profile's text tells it. */
  filter: KnownFilter | undefined;
  /** The seccomp filter has a listener. */
  listens: boolean;
  trace: Trace | undefined;
}

/** What changes hands while the process is set up. */
interface Progress {
  /** Who hears of a failure: the runtime that creates, later the one that starts. */
  channel: Channel;
  context: RootContext;
  terminal: Terminal | undefined;
  seccomp: Uint8Array | undefined;
  joined: boolean;
  /** The program's environment, known when the root is entered. */
  env: readonly string[];
  warn: Warn;
}

/** Runs in the new process and never returns: it becomes the program, or reports why not. */
export function runInit(plan: InitPlan, channel: Channel): never {
  plan.trace?.forget();
  // runc's words for where this is, which its users look for
  plan.trace?.note("child process in init(): making the container around itself");
  const progress = begin(plan, channel);
  try {
    run(initSteps(plan, progress), plan.trace);
    return finish(plan, progress);
  } catch (error) {
    try {
      plan.trace?.flush();
      progress.channel.send({ type: "error", error: errorToData(error) });
    } catch {
      // nobody is there to hear it
    }
    exit(1);
  }
}

export function begin(plan: InitPlan, channel: Channel): Progress {
  const { spec, bundle, rootfs, cgroup, namespaces, trees, rootTree, mappings } = plan;
  const ask = (index: number) => {
    channel.send({ type: "tree", index });
    return channel.await("tree")!;
  };
  const treeByRuntime = rootTree === undefined ? undefined : ask;
  const place = { spec, bundle, rootfs, cgroup, namespaces, trees, rootTree, mappings, treeByRuntime };
  return {
    channel,
    context: { ...place, root: -1, fresh: new Map(), later: [] },
    terminal: undefined,
    seccomp: undefined,
    joined: false,
    env: [],
    warn: (text) => progressWarn(channel, text),
  };
}

function progressWarn(channel: Channel, text: string): void {
  try {
    channel.send({ type: "warning", text });
  } catch {
    // after `start` there is nobody who waits for warnings
  }
}

/** Everything up to the container's own root, in order. */
export function initSteps(plan: InitPlan, progress: Progress): Step[] {
  const { spec, process, namespaces } = plan;
  const steps: Step[] = [];
  const add = (field: string, name: string, work: () => void) => void steps.push({ field, name, run: work });
  if (process.oomScoreAdj !== undefined && process.oomScoreAdj !== null) {
    const score = process.oomScoreAdj;
    add("process.oomScoreAdj", "set the OOM score", () => setOomScore(score, progress.warn));
  }
  steps.push({
    field: "linux.namespaces",
    name: "make and enter namespaces",
    run: () => {
      enterNamespaces(plan, progress);
      plan.trace?.note("nsexec container setup: in the container's namespaces");
    },
    parts: () =>
      (spec.linux?.namespaces ?? []).map(({ type, path }, i) => [
        `linux.namespaces[${i}]`,
        path ? `enter the ${type} namespace ${JSON.stringify(path)}` : `make a ${type} namespace`,
      ]),
  });
  add("process", "start a session", () => void sys("start a session", undefined, NR.setsid));
  if (!plan.noNewKeyring) {
    const run = () => joinKeyring(plan.state.id, process.selinuxLabel, namespaces.own.has("user"));
    add("process", "make a session keyring", run);
  }
  if (spec.linux?.netDevices && Object.keys(spec.linux.netDevices).length > 0) {
    add("linux.netDevices", "wait for the network devices", () => {
      progress.channel.send({ type: "netDevices" });
      progress.channel.await("continue");
    });
  }
  if (spec.hostname) add("hostname", "set the host name", () => setName(NR.sethostname, spec.hostname!));
  if (spec.domainname) add("domainname", "set the domain name", () => setName(NR.setdomainname, spec.domainname!));
  if (plan.namespaces.flags & CLONE.NEWNET) add("linux.namespaces", "bring up the loopback device", bringUpLoopback);
  const { sysctl } = spec.linux ?? {};
  if (sysctl) {
    steps.push({
      field: "linux.sysctl",
      name: "set kernel parameters",
      run: () => applySysctls(sysctl),
      parts: () => Object.entries(sysctl).map(([name, value]) => [`linux.sysctl["${name}"]`, `set it to ${value}`]),
    });
  }
  steps.push(...labelSteps(process));
  if (namespaces.flags & CLONE.NEWNS) rootSteps(plan, progress, steps);
  else {
    add("linux.cgroupsPath", "join the cgroup", () => join(plan, progress));
    if (process.terminal) {
      // no file system of the container's is mounted: the terminal is one of the host's
      add("process.terminal", "open the terminal", () => void (progress.terminal = openConsole(progress, plan)));
    }
    hookSteps(plan, progress, steps);
    add("root.path", "enter the root by chroot", () => {
      sys("chroot", plan.rootfs, NR.chroot, plan.rootfs);
      sys("change folder", "/", NR.chdir, "/");
    });
  }
  if (process.terminal) {
    add("process.terminal", "take the terminal", () => {
      progress.terminal ??= openConsole(progress, plan);
      adoptTerminal(progress.terminal);
    });
  }
  if (process.rlimits?.length) {
    steps.push({
      field: "process.rlimits",
      name: "set resource limits of the process",
      run: () => setRlimits(process, progress.warn),
      parts: () =>
        process.rlimits!.map(({ type, soft, hard }, i) => [`process.rlimits[${i}]`, `set ${type} to ${soft}:${hard}`]),
    });
  }
  return steps;
}

/** Hooks that run when the namespaces are there, and the root is not entered yet. */
function hookSteps(plan: InitPlan, progress: Progress, steps: Step[]): void {
  const { hooks } = plan.spec;
  const add = (field: string, name: string, work: () => void) => void steps.push({ field, name, run: work });
  if (hooks?.prestart?.length || hooks?.createRuntime?.length) {
    add("hooks.createRuntime", "wait for the hooks of the runtime", () => {
      progress.channel.send({ type: "hooks" });
      progress.channel.await("continue");
    });
  }
  if (hooks?.createContainer?.length) {
    const folder = plan.rootfs;
    add("hooks.createContainer", "run hooks", () =>
      runHooks(hooks, "createContainer", { ...plan.state, pid: 1 }, { folder }),
    );
  }
}

function rootSteps(plan: InitPlan, progress: Progress, steps: Step[]): void {
  const { spec, process } = plan;
  const { context } = progress;
  const add = (field: string, name: string, work: () => void) => void steps.push({ field, name, run: work });
  const joinStep = { field: "linux.cgroupsPath", name: "join the cgroup", run: () => join(plan, progress) };
  add("linux.rootfsPropagation", "keep mounts to this namespace", () => isolate(context));
  add("root.path", "mount the root", () => {
    // mount(2) takes what is opened by a path of /proc
    checkFdPaths();
    mountRoot(context);
  });
  let joined = false;
  const mounts = mountSteps(context);
  for (const [i, step] of mounts.entries()) {
    // what a cgroup mount shows is the cgroup of who makes it
    if (!joined && spec.mounts![i]!.type?.startsWith("cgroup")) {
      steps.push(joinStep);
      joined = true;
    }
    steps.push(step);
  }
  if (!joined) steps.push(joinStep);
  steps.push(...deviceSteps(context, progress.warn));
  if (process.terminal) {
    add("process.terminal", "open the terminal", () => {
      progress.terminal = openConsole(progress, plan);
      bindConsole(context, progress.terminal.slave);
    });
  }
  hookSteps(plan, progress, steps);
  steps.push(...maskSteps(context));
  add("mounts", "make read-only what was to be filled", () => {
    for (const work of context.later) work();
  });
  if (spec.root?.readonly) {
    const { cwd } = process;
    if (cwd !== "/") add("process.cwd", `make ${JSON.stringify(cwd)} if it is missing`, () => makeFolder(context, cwd));
    add("root.readonly", "make the root read-only", () => makeReadonly(context));
  }
  if (plan.noPivot) add("root.path", "move the root and enter it by chroot", () => moveRoot(context));
  else add("root.path", "enter the root by pivot_root", () => pivot(context));
  if (!process.terminal) add("process", "take the container's null device for the host's", useOwnNull);
}

function enterNamespaces(plan: InitPlan, progress: Progress): void {
  const { namespaces } = plan;
  // what other processes can see of this one holds the host's descriptors (CVE-2016-9962): nobody may look into it. In a pid
  // namespace of its own there is nobody
  if (!(namespaces.flags & CLONE.NEWPID)) prctl(PR.SET_DUMPABLE, 0);
  const staged = needsStage(namespaces);
  for (const { type, fd, path } of namespaces.join) {
    if (!staged && type !== "pid") enter(type, fd, path);
    close(fd);
  }
  if (namespaces.own.has("user")) {
    if (namespaces.newUser) progress.channel.await("maps");
    sys("become root of the user namespace", undefined, NR.setresgid, 0, 0, 0);
    sys("become root of the user namespace", undefined, NR.setresuid, 0, 0, 0);
    // the change of user made this process undumpable, and /proc/self/fd unreachable for it
    prctl(PR.SET_DUMPABLE, 1);
  }
  const rest = namespaces.newUser || staged ? 0 : namespaces.flags & ~CLONE.NEWPID;
  if (rest) sys("make new namespaces", undefined, NR.unshare, rest);
}

function setName(call: number, name: string): void {
  sys("set", name, call, name, native.bytes(name).length);
}

/** Waits until the cgroup is there, joins it, and makes the cgroup namespace whose root it is. */
function join(plan: InitPlan, progress: Progress): void {
  if (progress.joined) return;
  progress.joined = true;
  const { message, fd } = progress.channel.awaitMessage("cgroup");
  if (fd !== undefined) progress.seccomp = readProgram(fd);
  if (message.paths) plan.cgroup.paths = message.paths;
  if (plan.spec.linux?.seccomp && progress.seccomp === undefined) {
    throw new WharfError("Internal", "linux.seccomp: the runtime has handed over no program");
  }
  joinCgroup(plan.joinFiles ?? openJoinFiles(plan.cgroup));
  resetAffinity();
  if (plan.namespaces.newCgroup) sys("make a cgroup namespace", undefined, NR.unshare, CLONE.NEWCGROUP);
}

function openConsole(progress: Progress, { process, plainNewlines }: InitPlan): Terminal {
  const { root } = progress.context;
  const terminal = openTerminal(root < 0 ? undefined : root, process.consoleSize, plainNewlines);
  progress.channel.send({ type: "console" }, terminal.master);
  return terminal;
}

/** In the container's root: waits for `start`, then becomes the program. */
function finish(plan: InitPlan, progress: Progress): never {
  const { process } = plan;
  const args = process.args ?? [];
  const env = process.env ?? [];
  if (plan.startSocket !== undefined) {
    // what would fail at the start should fail now
    findExecutable(args[0] ?? "", env);
    const ends = heedEnds();
    progress.channel.send({ type: "ready" });
    progress.channel = new Channel(waitForStart(plan, progress, ends));
  }
  // the descriptors of `create` are closed: what comes now is told to who says `start`
  const late = plan.startSocket !== undefined && plan.trace && mayTell(plan) ? new CollectedTrace("runt") : undefined;
  const trace = plan.startSocket === undefined ? plan.trace : late;
  progress.env = environmentOf(process);
  closeOthers(plan.preserveFds, [progress.channel.fd, late ? undefined : trace?.file]);
  // hooks.startContainer are programs of the image: what this process holds is not for them
  if (!plan.namespaces.own.has("user")) prctl(PR.SET_DUMPABLE, 0);
  trace?.note("init: closing the pipe to signal completion");
  run(startSteps(plan, progress), trace);
  if (late) tellSteps(progress.channel, late, args[0] ?? "");
  else trace?.flush();
  return execute(args, progress.env);
}

/** A filter by which a system call too many ends the process, or is somebody's to answer, leaves no room for a trace. */
function mayTell({ spec }: InitPlan): boolean {
  const { defaultAction = "", syscalls = [] } = spec.linux?.seccomp ?? {};
  return ![defaultAction, ...syscalls.map(({ action }) => action)].some((one) => /KILL|TRAP|TRACE|NOTIFY/.test(one));
}

function tellSteps(channel: Channel, trace: CollectedTrace, program: string): void {
  try {
    channel.send({ type: "steps", lines: trace.taken(), program });
  } catch {
    // a filter that forbids it; a trace is no reason for anything to fail
  }
}

/** What is left for `start`, up to the program itself. */
export function startSteps(plan: InitPlan, progress: Progress): Step[] {
  const { process, spec } = plan;
  const steps: Step[] = [];
  const add = (field: string, name: string, work: () => void) => void steps.push({ field, name, run: work });
  const { personality, memoryPolicy, seccomp } = spec.linux ?? {};
  if (personality)
    add("linux.personality", `become ${personality.domain}`, () => enterExecutionDomain({ personality }));
  if (memoryPolicy) add("linux.memoryPolicy", `set ${memoryPolicy.mode}`, () => enterExecutionDomain({ memoryPolicy }));
  const { scheduler, ioPriority } = process;
  if (scheduler)
    add("process.scheduler", `schedule by ${scheduler.policy}`, () =>
      setScheduler(scheduler, spec.linux?.resources?.cpu?.cpus),
    );
  if (ioPriority) add("process.ioPriority", `set ${ioPriority.class}`, () => setIoPriority(ioPriority));
  const filter = () => {
    plan.trace?.note(`seccomp filter flags: ${filterFlags(flagsOf(seccomp!), plan.listens)}`);
    const listener = loadFilter(progress.seccomp!, flagsOf(seccomp!), plan.listens);
    if (listener === undefined) return;
    progress.channel.send({ type: "seccomp" }, listener);
    close(listener);
  };
  steps.push(...identitySteps(process, seccomp ? filter : undefined, progress.warn));
  if (spec.hooks?.startContainer?.length) {
    // as the user that the program will be, behind its filter: what the image gives to be run must not be able to do more
    add("hooks.startContainer", "run hooks", () => {
      const state = { ...plan.state, status: "created", pid: native.syscall(NR.getpid) };
      runHooks(spec.hooks, "startContainer", state, { env: progress.env });
    });
  }
  return steps;
}

/** Until then this process holds nothing but its streams, what is to be preserved, and what it needs. */
function waitForStart(plan: InitPlan, progress: Progress, ends: number | undefined): number {
  progress.channel[Symbol.dispose]();
  plan.trace?.flush();
  closeOthers(plan.preserveFds, [plan.startSocket, ends]);
  return acceptStart(plan.startSocket!, ends);
}
