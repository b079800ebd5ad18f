/** What the container is that holds a pod's namespaces: containerd's pause container, by CRI's configuration of the pod. */

import { WharfError } from "../../../common/errors.ts";
import { NamespaceMode, type PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { LinuxNamespace, Mount, Spec, User } from "../../../common/oci/runtime.ts";
import { OCI_VERSION } from "../../../common/oci/runtime.ts";

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
}

/** InvalidArgument, Unimplemented for what a pod cannot have. */
export function podSpec(input: PodSpecInput): Spec {
  const { id, config, annotations } = input;
  const { linux } = config;
  const modes = linux?.securityContext?.namespaceOptions;
  if (modes?.usernsOptions && modes.usernsOptions.mode !== NamespaceMode.NODE) {
    throw new WharfError("Unimplemented", "a podsandbox holds no user namespace", { subject: id });
  }
  const hostNetwork = modes?.network === NamespaceMode.NODE;
  return {
    ociVersion: OCI_VERSION,
    process: {
      user: userOf(config),
      args: [HOLDER, "--pause"],
      cwd: "/",
      env: ["PATH=/"],
      noNewPrivileges: true,
      oomScoreAdj: Math.max(OOM_SCORE, input.leastOomScore),
    },
    root: { path: "rootfs", readonly: true },
    ...(!hostNetwork && config.hostname !== "" && { hostname: config.hostname }),
    mounts: mountsOf(input),
    annotations: { ...annotations, ...criAnnotations(id, config) },
    linux: {
      namespaces: namespacesOf(input),
      resources: { cpu: { shares: CPU_SHARES }, devices: [{ allow: false, access: "rwm" }] },
      ...cgroupOf(linux?.cgroupParent ?? "", id),
      sysctl: sysctlsOf(linux?.sysctls ?? {}, hostNetwork),
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

function userOf({ linux }: PodSandboxConfig): User {
  const { runAsUser, runAsGroup, supplementalGroups = [] } = linux?.securityContext ?? {};
  if (runAsGroup && !runAsUser) throw new WharfError("InvalidArgument", "a pod's run_as_group needs a run_as_user");
  const uid = runAsUser?.value ?? NOBODY;
  const gid = runAsGroup?.value ?? (runAsUser ? 0 : NOBODY);
  return { uid, gid, ...(supplementalGroups.length > 0 && { additionalGids: supplementalGroups }) };
}

function namespacesOf({ config, netnsPath }: PodSpecInput): LinuxNamespace[] {
  const { network, pid, ipc } = config.linux?.securityContext?.namespaceOptions ?? {};
  const namespaces: LinuxNamespace[] = [{ type: "mount" }];
  if (pid !== NamespaceMode.NODE) namespaces.push({ type: "pid" });
  if (ipc !== NamespaceMode.NODE) namespaces.push({ type: "ipc" });
  // A pod in the host's network has the host's name as well.
  if (network === NamespaceMode.NODE) return namespaces;
  return [...namespaces, { type: "uts" }, { type: "network", ...(netnsPath !== "" && { path: netnsPath }) }];
}

function mountsOf({ shm, resolvConf, holder }: PodSpecInput): Mount[] {
  const mount = (destination: string, type: string, source: string, options: string): Mount => ({
    ...{ destination, type, source, options: options.split(" ") },
  });
  return [
    mount("/proc", "proc", "proc", "nosuid noexec nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
    mount("/dev/shm", "bind", shm, "rbind ro nosuid nodev noexec"),
    mount("/etc/resolv.conf", "bind", resolvConf, "rbind ro nosuid nodev noexec"),
    mount(HOLDER, "bind", holder, "bind ro nosuid nodev rprivate"),
  ];
}

/** What containerd says of a pod, to runtimes and to whoever reads the specification. */
function criAnnotations(id: string, { metadata, logDirectory, linux }: PodSandboxConfig): Record<string, string> {
  const { resources } = linux ?? {};
  const said = {
    "container-type": "sandbox",
    "sandbox-id": id,
    "sandbox-name": metadata?.name ?? "",
    "sandbox-namespace": metadata?.namespace ?? "",
    "sandbox-uid": metadata?.uid ?? "",
    "sandbox-log-directory": logDirectory,
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

/** Those asked for, and that low ports and ping take no privileges in a network of the pod's own. */
function sysctlsOf(asked: Record<string, string>, hostNetwork: boolean): Record<string, string> {
  if (hostNetwork) return asked;
  return { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647", ...asked };
}
