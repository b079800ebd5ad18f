/** What the container is that holds a pod's namespaces: containerd's pause container, by CRI's configuration of the pod. */

import { WharfError } from "../../../common/errors.ts";
import { NamespaceMode, type PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { LinuxNamespace, Mount, Process, Spec, User } from "../../../common/oci/runtime.ts";
import { OCI_VERSION } from "../../../common/oci/runtime.ts";
import type { PodRoot } from "./podsandbox-image.ts";
import { seccompOf } from "./podsandbox-seccomp.ts";
import type { PodMappings } from "./podsandbox-userns.ts";
import type { SelinuxLabels } from "./selinux.ts";

/** The program that holds them, in a root file system of nothing else. */
const HOLDER = "/docker-init";
/** Whom the pause image has it run as. */
const NOBODY = 65535;
/** The kernel's choice of what to kill comes to it last. */
const OOM_SCORE = -998;
const CPU_SHARES = 2;
const ANNOTATION = "io.kubernetes.cri.";

export interface PodSpecInput {
  id: string;
  config: PodSandboxConfig;
  /** A network namespace to be in; empty for one of its own. */
  netnsPath: string;
  annotations: Readonly<Record<string, string>>;
  shm: string;
  resolvConf: string;
  /** Path of the program on the host. */
  holder: string;
  /** The least that may be written to oom_score_adj here. */
  leastOomScore: number;
  /** In place of the holder. */
  root?: PodRoot | undefined;
  mappings?: PodMappings | undefined;
  /** A file of the user namespace that `netnsPath` belongs to; without it one is made. */
  usernsPath?: string | undefined;
  labels?: SelinuxLabels | undefined;
}

/** InvalidArgument. */
export function podSpec(input: PodSpecInput): Spec {
  const { id, config, mappings, labels } = input;
  checkUser(config);
  const { linux } = config;
  const security = linux?.securityContext;
  const hostNetwork = security?.namespaceOptions?.network === NamespaceMode.NODE;
  const seccomp = seccompOf(security);
  const selinux = security?.privileged ? "" : labels?.process;
  return {
    ociVersion: OCI_VERSION,
    process: {
      ...programOf(input),
      noNewPrivileges: true,
      oomScoreAdj: Math.max(OOM_SCORE, input.leastOomScore),
      ...(selinux && { selinuxLabel: selinux }),
    },
    root: { path: "rootfs", readonly: true },
    ...(!hostNetwork && config.hostname !== "" && { hostname: config.hostname }),
    mounts: mountsOf(input),
    annotations: { ...input.annotations, ...criAnnotations(id, config, input.root) },
    linux: {
      namespaces: namespacesOf(input),
      ...(mappings && { uidMappings: [mappings.uids], gidMappings: [mappings.gids] }),
      resources: { cpu: { shares: CPU_SHARES }, devices: [{ allow: false, access: "rwm" }] },
      ...cgroupOf(linux?.cgroupParent ?? "", id),
      sysctl: sysctlsOf(linux?.sysctls ?? {}, { hostNetwork, mapped: mappings !== undefined }),
      ...(seccomp && { seccomp }),
      ...(labels?.mount && { mountLabel: labels.mount }),
      maskedPaths: [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/sys/firmware",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The image's program, or the holder. */
function programOf({ root, config }: PodSpecInput): Pick<Process, "user" | "args" | "cwd" | "env"> {
  if (!root) return { user: userOf(config), args: [HOLDER, "--pause"], cwd: "/", env: ["PATH=/"] };
  const { Entrypoint, Cmd, Env, WorkingDir } = root.execution;
  const env = Env ?? [];
  return {
    user: root.user,
    args: [...(Entrypoint ?? []), ...(Cmd ?? [])],
    cwd: WorkingDir || "/",
    env: env.some((one) => one.startsWith("PATH=")) ? env : [PATH, ...env],
  };
}

/** InvalidArgument for a group without a user. */
function checkUser({ linux }: PodSandboxConfig): void {
  const { runAsUser, runAsGroup } = linux?.securityContext ?? {};
  if (runAsGroup && !runAsUser) throw new WharfError("InvalidArgument", "a pod's run_as_group needs a run_as_user");
}

function userOf(config: PodSandboxConfig): User {
  const { linux } = config;
  const { runAsUser, runAsGroup, supplementalGroups = [] } = linux?.securityContext ?? {};
  const uid = runAsUser?.value ?? NOBODY;
  const gid = runAsGroup?.value ?? (runAsUser ? 0 : NOBODY);
  return { uid, gid, ...(supplementalGroups.length > 0 && { additionalGids: supplementalGroups }) };
}

function namespacesOf({ config, netnsPath, mappings, usernsPath }: PodSpecInput): LinuxNamespace[] {
  const { network, pid, ipc } = config.linux?.securityContext?.namespaceOptions ?? {};
  const namespaces: LinuxNamespace[] = [{ type: "mount" }];
  if (mappings) namespaces.push({ type: "user", ...(usernsPath !== undefined && { path: usernsPath }) });
  if (pid !== NamespaceMode.NODE) namespaces.push({ type: "pid" });
  if (ipc !== NamespaceMode.NODE) namespaces.push({ type: "ipc" });
  // A pod in the host's network has the host's name as well.
  if (network === NamespaceMode.NODE) return namespaces;
  return [...namespaces, { type: "uts" }, { type: "network", ...(netnsPath !== "" && { path: netnsPath }) }];
}

function mountsOf({ shm, resolvConf, holder, root, config }: PodSpecInput): Mount[] {
  const sysfs = config.linux?.securityContext?.privileged ? "rw" : "ro";
  const mount = (destination: string, type: string, source: string, options: string): Mount => ({
    ...{ destination, type, source, options: options.split(" ") },
  });
  return [
    mount("/proc", "proc", "proc", "nosuid noexec nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    mount("/sys", "sysfs", "sysfs", `nosuid noexec nodev ${sysfs}`),
    mount("/dev/shm", "bind", shm, "rbind ro nosuid nodev noexec"),
    mount("/etc/resolv.conf", "bind", resolvConf, "rbind ro nosuid nodev noexec"),
    ...(root ? [] : [mount(HOLDER, "bind", holder, "bind ro nosuid nodev rprivate")]),
  ];
}

/** What containerd says of a pod, to runtimes and to whoever reads the specification. */
function criAnnotations(
  id: string,
  { metadata, logDirectory, linux }: PodSandboxConfig,
  root: PodRoot | undefined,
): Record<string, string> {
  const { resources } = linux ?? {};
  const said = {
    "container-type": "sandbox",
    "sandbox-id": id,
    "sandbox-name": metadata?.name ?? "",
    "sandbox-namespace": metadata?.namespace ?? "",
    "sandbox-uid": metadata?.uid ?? "",
    "sandbox-log-directory": logDirectory,
    ...(root && { "podsandbox.image-name": root.image }),
    ...(resources && {
      "sandbox-cpu-period": String(resources.cpuPeriod),
      "sandbox-cpu-quota": String(resources.cpuQuota),
      "sandbox-cpu-shares": String(resources.cpuShares),
      "sandbox-memory": String(resources.memoryLimitInBytes),
    }),
  };
  return Object.fromEntries(Object.entries(said).map(([name, value]) => [`${ANNOTATION}${name}`, value]));
}

/** Without a parent it is for the runtime to say. A slice is systemd's, in runc's notation. */
function cgroupOf(parent: string, id: string): { cgroupsPath?: string } {
  if (parent === "") return {};
  const slice = parent.slice(parent.lastIndexOf("/") + 1);
  if (slice.endsWith(".slice")) return { cgroupsPath: `${slice}:cri-containerd:${id}` };
  return { cgroupsPath: `${parent.replace(/\/+$/, "")}/${id}` };
}

/** Those asked for, and that low ports and ping take no privileges in a network of the pod's own; ping's groups have to be mapped ones. */
function sysctlsOf(
  asked: Record<string, string>,
  { hostNetwork, mapped }: { hostNetwork: boolean; mapped: boolean },
): Record<string, string> {
  if (hostNetwork) return asked;
  const ping = mapped ? {} : { "net.ipv4.ping_group_range": "0 2147483647" };
  return { "net.ipv4.ip_unprivileged_port_start": "0", ...ping, ...asked };
}
