// What is known of the runtime specification and of runc's command line in runt: each row with the test that shows it, or the reason for a
// refusal. Written as rules, for many rows are shown by one test: the first whose pattern fits a row gives its evidence.
import type { Evidence, Ledger } from "./evidence.ts";

const KERNEL = "test/kernel/runt";
const shownBy =
  (file: string) =>
  (title: string): Evidence => [file, title];

const devices = shownBy(`${KERNEL}/devices.test.ts`);
const errors = shownBy(`${KERNEL}/errors.test.ts`);
const events = shownBy(`${KERNEL}/events.test.ts`);
const exec = shownBy(`${KERNEL}/exec.test.ts`);
const features = shownBy(`${KERNEL}/features.test.ts`);
const fields = shownBy(`${KERNEL}/fields.test.ts`);
const flags = shownBy(`${KERNEL}/flags.test.ts`);
const hooks = shownBy(`${KERNEL}/hooks.test.ts`);
const lifecycle = shownBy(`${KERNEL}/lifecycle.test.ts`);
const mounts = shownBy(`${KERNEL}/mount-options.test.ts`);
const netDevices = shownBy(`${KERNEL}/net-devices.test.ts`);
const rdt = shownBy("src/linux/runt/intel-rdt.test.ts");
const refusals = shownBy(`${KERNEL}/refusals.test.ts`);
const resources = shownBy(`${KERNEL}/resources.test.ts`);
const scheduling = shownBy(`${KERNEL}/scheduling.test.ts`);
const seccomp = shownBy(`${KERNEL}/seccomp.test.ts`);
const filters = shownBy("src/linux/seccomp/seccomp.test.ts");
const apparmor = shownBy("test/vm/apparmor.test.ts");
const selinux = shownBy("test/vm/selinux.test.ts");
const checkpoints = shownBy("test/vm/checkpoint.test.ts");
const systemd = shownBy("test/vm/systemd.test.ts");

const refused = (reason: string): Evidence => ({ reason });

const IDENTITY = fields("process: user, groups, umask, cwd, env");
const CAPABILITIES = fields("process.capabilities: five sets; unknown names are warned of, not fatal");
const TERMINAL = flags("process.terminal and consoleSize: /dev/console is the terminal, of that size; exec's own too");
const SCHEDULER = scheduling(
  "process.scheduler: policies without privilege, nice, reset on fork; exec takes it on too",
);
const REALTIME = scheduling("process.scheduler: real time and deadline, or the reason why this host refuses");
const AFFINITY = scheduling(
  "process.execCPUAffinity: initial and final of a process that exec starts; the first process keeps its own",
);
const RLIMITS = flags("process.rlimits: every type there is, soft and hard; twice or unknown is named");
const PERSONALITY = scheduling("linux.personality: the domain, for exec too; flags are refused");
const MEMORY_POLICY = scheduling("linux.memoryPolicy: modes and nodes, for exec too");
const SELINUX = selinux("process.selinuxLabel: the first process has it, and exec's, which the policy holds to it");
const HOOK = hooks("hooks: path, args, env and nothing of the runtime's environment, in each kind");
const TIMEOUT = hooks(
  "hooks[].timeout: in each kind before the program a hook that takes longer is killed, and the container with it",
);
const LATE_TIMEOUT = hooks(
  "hooks[].timeout: one of poststart that takes longer ends the container, one of poststop is told",
);
const BUNDLE = flags(
  "--bundle names the folder of config.json, absolute or from here, for create, run and spec; without it that is here",
);
const IDMAP = mounts(
  "mounts[].uidMappings, gidMappings: idmap for one mount, ridmap for the tree, each with a mapping of its own",
);
const BINDS = fields(
  "mounts: binds with flags, file on file, read-only, propagation, targets below the image's symlinks",
);
const FLAG_WORDS = mounts("mounts[].options: flags of a new file system, and of a bind mount");
const PROPAGATION = mounts("mounts[].options: propagation, of one mount and of a tree");
const RECURSIVE = mounts("mounts[].options: recursive attributes reach the mounts below");
const BIND_WORDS = mounts("mounts[].options: bind takes one mount, rbind the tree, remount changes what is there");
const NAMESPACES = fields(
  "linux.namespaces: new ones differ from ours, those left out are ours, those with a path are joined",
);
const USER_NAMESPACE = fields("a user namespace: root inside is nobody special outside, and files appear as its");
const CLOCKS = flags("linux.timeOffsets: both clocks, seconds and nanoseconds, for exec too");
const READ_ONLY = fields("root.readonly, maskedPaths, readonlyPaths");
const DEVICES = devices("linux.devices: character, unbuffered, block, FIFO, with mode and owner, also outside of /dev");
const MOVED = netDevices("linux.netDevices: a device moves with its name, its permanent global addresses, and is up");
const LISTENER = seccomp(
  "linux.seccomp.listenerPath: notifications go to the agent, with state and metadata, for exec too",
);
const ACTIONS = filters("actions: errno, kill, kill process, trap, log, trace without a tracer, allow");
const COMPARISONS = filters("comparisons: each operator, 64 bits, several arguments, one argument twice");
const FILTER_FLAGS = seccomp("linux.seccomp.flags, architectures, actions: the filter is on with each of them");
const ARCHITECTURES = filters("every architecture of the specification is taken, whatever this libseccomp knows");
const MEMORY = resources("linux.resources.memory: limit, swap, reservation, and what v1 alone has");
const KERNEL_MEMORY = resources(
  "linux.resources.memory.kernel is passed over with a warning; checkBeforeUpdate refuses a limit below what is used",
);
const CPU = resources("linux.resources.cpu: shares, quota, period, burst, cpus, mems, idle");
const BLOCK_IO = resources("linux.resources.blockIO: throttles of a device; weights, or that the scheduler has none");
const OTHER_CONTROLLERS = resources(
  "linux.resources.hugepageLimits, network, rdma: set where the controller is, refused by name where it is not",
);
const PLATFORM = refused("for another platform: named and refused (refusals.test.ts)");
const LIFE = lifecycle("create, start, kill, delete: the states in between, and state in runc's form");
const STATE = features("state has the fields of the specification, from creating to stopped, with annotations");
const SPEC = features(
  "spec writes a config.json of the specification's shape, as runc does, and another for a user without rights",
);
const PRINTED = features("features has every property of the specification, and none besides");
const DETACHED = lifecycle("run --detach returns while the program runs; --keep leaves the container");
const RUN = lifecycle("run passes on what the program writes and its exit code, and leaves nothing");
const DESCRIPTORS = flags("--preserve-fds passes descriptors on, by run, create and exec, and no other");
const PIDFD = flags("--pidfd-socket gets a word and a descriptor, by create, run and exec; --pid-file the number");
const NO_PIVOT = fields("--no-pivot, --preserve-fds and LISTEN_FDS");
const KEYRING = scheduling(
  "a session keyring of the container's own, which exec joins; --no-new-keyring leaves the caller's",
);
const UPDATE = flags("update: each flag changes its limit, and --resources takes a file");
const UPDATE_REFUSALS = events(
  "update: flags with units and refusals; device rules that are those of the configuration stay as they are",
);
const EXEC_FLAGS = exec("exec: --user, --cwd, --env, --cap, --no-new-privs, --additional-gids");
const EXEC_PROCESS = exec("exec --process takes all from a file, --detach and --pid-file leave it running");
const GLOBAL = flags(
  "global flags: --root keeps containers apart, --rootless and --criu are taken, --version names the specification",
);
const LOG = errors(
  "--log has the cause, what to do, and warnings, in both forms; --log-format knows two; --debug tells each step",
);
const LIST = lifecycle("list shows tables, JSON and ids; what is damaged does not hide the others");
const PAUSE = lifecycle("pause stops every process, resume lets them go on, a paused container can be deleted");
const DUMPED = checkpoints("checkpoint: the container goes on, or ends and is gone");
const RESTORED = checkpoints(
  "restore: the program goes on where it was, in its cgroup, with its limits, names, mounts and seccomp filter",
);
const ASKED = checkpoints(
  "--file-locks, --tcp-established, --tcp-skip-in-flight, --link-remap, --ext-unix-sk: refused without, kept with",
);
const LAZY = checkpoints("--lazy-pages: from a page server, which says by --status-fd when it is there");
const FOREGROUND = checkpoints("a terminal: the restore in the foreground takes it, and ends with the program's code");
const HANDED = checkpoints("restore --console-socket: a socket gets the terminal; --lsm-profile is taken");
const CHECKPOINT_ERRORS = checkpoints("errors name the flag, the id or the folder");

type Rule = readonly [row: RegExp, evidence: Evidence];

const CONFIG: readonly Rule[] = [
  [/^(solaris|windows|vm|zos|freebsd)\b/, PLATFORM],
  [/^process\.(commandLine|user\.username)$/, refused("for Windows: named and refused (refusals.test.ts)")],
  [/^ociVersion$/, features("features: the versions of the specification between the two are taken")],
  [/^process\.(terminal|consoleSize)/, TERMINAL],
  [/^process(\.(user|args|env|cwd)\b.*)?$/, IDENTITY],
  [/^process\.(capabilities|noNewPrivileges)/, CAPABILITIES],
  [/^process\.rlimits/, RLIMITS],
  [/^process\.oomScoreAdj$/, fields("process.rlimits and oomScoreAdj")],
  [/^process\.scheduler\.(priority|runtime|deadline|period)$/, REALTIME],
  [/^process\.scheduler/, SCHEDULER],
  [/^process\.ioPriority/, scheduling("process.ioPriority: class and level")],
  [/^process\.execCPUAffinity/, AFFINITY],
  [/^process\.apparmorProfile$/, apparmor("process.apparmorProfile: the first process and exec's are confined by it")],
  [/^process\.selinuxLabel$/, SELINUX],
  [/^linux\.mountLabel$/, selinux("linux.mountLabel: a new file system has it")],
  [/^root(\.path)?$/, RUN],
  [/^(root\.readonly|linux\.(maskedPaths|readonlyPaths))$/, READ_ONLY],
  [/^(hostname|domainname)$/, fields("hostname and domainname are the container's own")],
  [/^mounts\[\]\.[ug]idMappings/, IDMAP],
  [/^mounts\[\]\.options$/, mounts("mounts[].options: every word that features reports has its test here")],
  [/^mounts\[\]\.type$/, mounts("mounts[].type: any that the kernel has, as an overlay of folders of the host")],
  [/^mounts/, BINDS],
  [/^hooks\.(poststart|poststop)\[\]\.timeout$/, LATE_TIMEOUT],
  [/^hooks\.\w+\[\]\.timeout$/, TIMEOUT],
  [/^hooks/, HOOK],
  [/^annotations$/, STATE],
  [/^linux\.[ug]idMappings/, USER_NAMESPACE],
  [/^linux\.sysctl$/, fields("linux.sysctl is set in the container and not here")],
  [/^linux\.namespaces/, NAMESPACES],
  [/^linux\.timeOffsets/, CLOCKS],
  [/^linux\.devices/, DEVICES],
  [
    /^linux\.netDevices\{\}\.name$/,
    netDevices("linux.netDevices: with another name, with a template, with one that is taken"),
  ],
  [/^linux\.netDevices/, MOVED],
  [
    /^linux\.cgroupsPath$/,
    fields("linux.resources: limits stand in the cgroup's files, devices not allowed cannot be opened"),
  ],
  [/^linux\.rootfsPropagation$/, mounts("linux.rootfsPropagation: what a mount made later here does in the container")],
  [/^linux\.seccomp\.listener/, LISTENER],
  [/^linux\.seccomp\.flags$/, FILTER_FLAGS],
  [/^linux\.seccomp\.architectures$/, ARCHITECTURES],
  [/^linux\.seccomp\.defaultErrnoRet$/, filters("defaultErrnoRet is the default's")],
  [/^linux\.seccomp\.syscalls\[\]\.args/, COMPARISONS],
  [/^linux\.seccomp\.(defaultAction|syscalls\[\]\.(action|errnoRet))$/, ACTIONS],
  [
    /^linux\.seccomp/,
    fields("linux.seccomp: errno, comparisons of arguments, the cache, and exec under the same filter"),
  ],
  [/^linux\.intelRdt$/, refusals("linux.intelRdt: without resctrl that is said; schemas and names are looked at")],
  [
    /^linux\.intelRdt\.enableMonitoring$/,
    rdt("monitoring has a group of its own, which exec joins and delete removes; a named class stays"),
  ],
  [/^linux\.intelRdt/, rdt("joinRdt() into a class that is there: joins, compares the old schemas, writes schemata")],
  [/^linux\.memoryPolicy/, MEMORY_POLICY],
  [/^linux\.personality/, PERSONALITY],
  [/^linux\.resources\.unified$/, resources("linux.resources.unified: any file of v2, and refused on v1")],
  [/^linux\.resources\.devices/, resources("linux.resources.devices: types, numbers, access, in order")],
  [/^linux\.resources\.pids/, resources("linux.resources.pids.limit")],
  [/^linux\.resources\.blockIO/, BLOCK_IO],
  [
    /^linux\.resources\.cpu\.realtime/,
    resources("linux.resources.cpu.realtimeRuntime, realtimePeriod: set, or refused by name"),
  ],
  [/^linux\.resources\.cpu/, CPU],
  [/^linux\.resources\.memory\.(kernel|checkBeforeUpdate)$/, KERNEL_MEMORY],
  [/^linux\.resources\.memory/, MEMORY],
  [/^linux\.resources\.(hugepageLimits|network|rdma)/, OTHER_CONTROLLERS],
  [
    /^linux(\.resources)?$/,
    fields("linux.resources: limits stand in the cgroup's files, devices not allowed cannot be opened"),
  ],
];

const COMMAND_LINE: readonly Rule[] = [
  [/^runt --(log|log-format|debug)$/, LOG],
  [
    /^runt --systemd-cgroup$/,
    systemd("create: systemd is told of every limit, as by runc, in a slice that is made for it"),
  ],
  [
    /^runt --help$/,
    shownBy(`${KERNEL}/runc-suite.test.ts`)("called by the name runc it says that name, and helps in runc's form"),
  ],
  [/^runt\b/, GLOBAL],
  [/^(checkpoint|restore) --(file-locks|tcp-established|tcp-skip-in-flight|link-remap|ext-unix-sk)$/, ASKED],
  [/^restore --(no-pivot|no-subreaper|lsm-mount-context|empty-ns)$/, ASKED],
  [/^(checkpoint|restore) --(lazy-pages|status-fd|page-server|auto-dedup)$/, LAZY],
  [/^(checkpoint|restore) --shell-job$/, FOREGROUND],
  [/^restore --(console-socket|lsm-profile)$/, HANDED],
  [
    /^checkpoint --(pre-dump|parent-path)$/,
    checkpoints("pre-dump: memory first; the parent is relative to the images"),
  ],
  [
    /^(checkpoint|restore) --manage-cgroups-mode$/,
    checkpoints("systemd's driver: the scope goes with the checkpoint and is made for the restore"),
  ],
  [/^checkpoint --empty-ns$/, CHECKPOINT_ERRORS],
  [/^checkpoint/, DUMPED],
  [/^restore/, RESTORED],
  [/ --preserve-fds$/, DESCRIPTORS],
  [/ --pidfd-socket$/, PIDFD],
  [/^(create|run) --pid-file$/, PIDFD],
  [/ --console-socket$/, TERMINAL],
  [/ --no-pivot$/, NO_PIVOT],
  [/ --no-new-keyring$/, KEYRING],
  [/^(create|run|spec) --bundle$/, BUNDLE],
  [/^(create|start|state|kill|delete)$/, LIFE],
  [/^delete --force$/, lifecycle("delete --force of what is not there is no error, without force it is")],
  [/^kill --all$/, lifecycle("kill --all reaches every process of a container without a pid namespace")],
  [
    /^events --interval$/,
    events("events: at an interval, tells kills for want of memory, and ends with the container"),
  ],
  [/^events/, events("events --stats: one line with limits and usage, 64-bit numbers exact")],
  [/^exec --(process|detach|pid-file)$/, EXEC_PROCESS],
  [/^exec --tty$/, exec("exec --tty, with input from ours")],
  [/^exec --apparmor$/, apparmor("exec --apparmor: another profile, or none")],
  [/^exec --process-label$/, selinux("exec --process-label: another label, and what the policy allows to it")],
  [/^exec --cgroup$/, flags("exec --cgroup: a group below the container's own")],
  [
    /^exec --ignore-paused$/,
    flags("exec --ignore-paused waits in a paused container for its thaw; without it it is refused"),
  ],
  [/^exec --/, EXEC_FLAGS],
  [/^exec$/, exec("exec shares everything with the container, and passes on output and exit code")],
  [/^features$/, PRINTED],
  [/^list/, LIST],
  [/^(pause|resume)$/, PAUSE],
  [/^ps --format$/, GLOBAL],
  [/^ps$/, EXEC_PROCESS],
  [/^run --(detach|keep)$/, DETACHED],
  [
    /^run --no-subreaper$/,
    lifecycle("run is the parent of what its container's processes leave behind, and with --no-subreaper it is not"),
  ],
  [/^run$/, RUN],
  [/^spec/, SPEC],
  [/^update --(l3-cache-schema|mem-bw-schema|kernel-memory|kernel-memory-tcp)$/, UPDATE_REFUSALS],
  [/^update/, UPDATE],
];

const FEATURES: readonly Rule[] = [
  [
    /mountOptions tmpcopyup$/,
    fields(
      "mounts: tmpcopyup brings the image's files, recursive read-only reaches below, idmapped owners are shifted",
    ),
  ],
  [/mountOptions r?idmap$/, IDMAP],
  [/mountOptions (r?bind|remount)$/, BIND_WORDS],
  [/mountOptions r?(private|shared|slave|unbindable)$/, PROPAGATION],
  [/mountOptions r(ro|rw|(no)?(suid|dev|exec|diratime|relatime|atime|symfollow|strictatime))$/, RECURSIVE],
  [/mountOptions /, FLAG_WORDS],
  [/hooks /, HOOK],
  [/linux\.namespaces user$/, USER_NAMESPACE],
  [/linux\.namespaces /, NAMESPACES],
  [
    /linux\.capabilities /,
    features("features: every capability that is named is known, though not every one is to be had"),
  ],
  [/linux\.cgroup\.v1$/, MEMORY],
  [/linux\.cgroup\.v2$/, shownBy("test/vm/runt.test.ts")("create: every limit lands in its file, as with crun")],
  [/linux\.cgroup\.systemd$/, systemd("create: the limits are in force")],
  [/linux\.cgroup\.systemdUser$/, systemd("a user's manager: the scope is below it, with the limits it may give")],
  [/linux\.cgroup\.rdma$/, OTHER_CONTROLLERS],
  [/linux\.seccomp\.actions SCMP_ACT_NOTIFY$/, LISTENER],
  [/linux\.seccomp\.(actions |enabled)/, ACTIONS],
  [/linux\.seccomp\.operators /, COMPARISONS],
  [/linux\.seccomp\.archs /, ARCHITECTURES],
  [/linux\.seccomp\.(known|supported)Flags SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV$/, LISTENER],
  [/linux\.seccomp\.(known|supported)Flags /, FILTER_FLAGS],
  [/linux\.apparmor\./, apparmor("process.apparmorProfile: the first process and exec's are confined by it")],
  [/linux\.selinux\./, SELINUX],
  [/linux\.intelRdt\./, rdt("joinRdt() into a class that is there: joins, compares the old schemas, writes schemata")],
  [/linux\.memoryPolicy\./, MEMORY_POLICY],
  [/linux\.mountExtensions\.idmap\.enabled$/, IDMAP],
  [/linux\.netDevices\.enabled$/, MOVED],
  [/(ociVersionMin|ociVersionMax)$/, features("features: the versions of the specification between the two are taken")],
  [
    /potentiallyUnsafeConfigAnnotations org\.systemd\.property\.$/,
    shownBy("src/linux/cgroup/cgroup.test.ts")(
      "annotatedProperties(): times in seconds become microseconds; what is wrong is named",
    ),
  ],
  [/annotations\./, PRINTED],
];

export const RULES: readonly Rule[] = [
  [/^state: /, STATE],
  ...FEATURES.map(([row, evidence]): Rule => [new RegExp(`^features: (?:${row.source})`), evidence]),
  ...CONFIG,
  ...COMMAND_LINE,
];

/** The ledger of these rows; a row that no rule fits is left out, and missed by the test. */
export function ledgerOf(rows: readonly string[]): Ledger {
  const ledger: Record<string, Evidence> = {};
  for (const row of rows) {
    const rule = RULES.find(([pattern]) => pattern.test(row));
    if (rule) ledger[row] = rule[1];
  }
  return ledger;
}
