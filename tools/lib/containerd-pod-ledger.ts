// What is known of the sandboxes of `podsandbox`: their controller's methods, and what a pod is told by.
import { CONFORMANCE, podSandboxes } from "./containerd-tests.ts";
import type { Evidence, Ledger } from "./evidence.ts";

const HELD = "one is created, started, asked, stopped and shut down; its events come in order";

/** The same service for sandboxes of `podsandbox`. */
export const PODSANDBOX_LEDGER: Ledger = {
  Create: podSandboxes("the configuration says which namespaces are the host's, and what the files hold"),
  Start: podSandboxes("its containers share its shim, its namespaces and its memory, and go with it"),
  Platform: podSandboxes(HELD),
  Stop: podSandboxes(HELD),
  Wait: podSandboxes("a restarted daemon finds them, and how they ended meanwhile"),
  Status: podSandboxes(HELD),
  Shutdown: [
    `${CONFORMANCE}/podsandbox-crash.ts`,
    "kill -9 at any step of a podsandbox's life loses none and leaves nothing",
  ],
  Metrics: podSandboxes(HELD),
  Update: podSandboxes(HELD),
};

const podSpec = (title: string): Evidence => ["src/daemon/containerd/sandboxes/podsandbox-spec.test.ts", title];
const USERNS = podSandboxes("one in a user namespace has its own root, and so have its containers");
const SECCOMP = podSandboxes("its holder is filtered by the seccomp profile that the pod names");
const NAMESPACES = podSandboxes("the configuration says which namespaces are the host's, and what the files hold");
const AS_WHOM = podSpec("podSpec() runs the holder as whom the pod names");
const RESOURCES = podSpec("podSpec() takes namespaces, sysctls and resources from CRI's configuration");
const SELINUX: Evidence = [
  "src/daemon/containerd/sandboxes/selinux.test.ts",
  "selinuxLabels() gives each container categories of its own, and what was asked for",
];
const CRI_ALONE = { reason: "left to the CRI plugin, as by containerd's controller; kept in the pod's metadata" };

/** The fields of what a pod of `podsandbox` is told by (CRI's PodSandboxConfig), as `Message.field`; nested messages that have no meaning of their own left out. */
export const POD_CONFIG_LEDGER: Ledger = {
  "PodSandboxConfig.metadata": podSandboxes(HELD),
  "PodSandboxConfig.hostname": podSandboxes(
    "its containers share its shim, its namespaces and its memory, and go with it",
  ),
  "PodSandboxConfig.logDirectory": RESOURCES,
  "PodSandboxConfig.dnsConfig": NAMESPACES,
  "PodSandboxConfig.portMappings": CRI_ALONE,
  "PodSandboxConfig.labels": podSandboxes(HELD),
  "PodSandboxConfig.annotations": [
    "test/interop/e2e/sandbox-image.test.ts",
    "in a user namespace the image's files are the pod's root's",
  ],
  "PodSandboxConfig.linux": NAMESPACES,
  "LinuxPodSandboxConfig.cgroupParent": podSandboxes(HELD),
  "LinuxPodSandboxConfig.securityContext": NAMESPACES,
  "LinuxPodSandboxConfig.sysctls": podSandboxes(
    "its containers share its shim, its namespaces and its memory, and go with it",
  ),
  "LinuxPodSandboxConfig.overhead": CRI_ALONE,
  "LinuxPodSandboxConfig.resources": RESOURCES,
  "LinuxSandboxSecurityContext.namespaceOptions": NAMESPACES,
  "LinuxSandboxSecurityContext.selinuxOptions": SELINUX,
  "LinuxSandboxSecurityContext.runAsUser": NAMESPACES,
  "LinuxSandboxSecurityContext.runAsGroup": AS_WHOM,
  "LinuxSandboxSecurityContext.readonlyRootfs": {
    reason: "not looked at, as by containerd: what holds a pod has a read-only root file system in any case",
  },
  "LinuxSandboxSecurityContext.supplementalGroups": AS_WHOM,
  "LinuxSandboxSecurityContext.supplementalGroupsPolicy": CRI_ALONE,
  "LinuxSandboxSecurityContext.privileged": podSpec(
    "podSpec() has SELinux's labels, and of a privileged pod that of its mounts alone",
  ),
  "LinuxSandboxSecurityContext.seccomp": SECCOMP,
  "LinuxSandboxSecurityContext.apparmor": {
    reason: "not looked at, as by containerd: it confines a pod's containers, not what holds it",
  },
  "LinuxSandboxSecurityContext.seccompProfilePath": podSpec(
    "podSpec() has the seccomp profile that the pod names: the default, a file's, none",
  ),
  "NamespaceOption.network": NAMESPACES,
  "NamespaceOption.pid": NAMESPACES,
  "NamespaceOption.ipc": NAMESPACES,
  "NamespaceOption.targetId": { reason: "of containers alone; a pod has none (CRI)" },
  "NamespaceOption.usernsOptions": USERNS,
};
