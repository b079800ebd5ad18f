// Annotations that put a container into a group: those of one group (a pod) get the same shim.
export const SHIM_GROUPS = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"];
