// What daemon and shim have to say to each other beyond containerd's API.

/** Annotations that put a container into a group: those of one group (a pod) get the same shim. */
export const SHIM_GROUPS = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"];

/** Metadata of a Create behind which the container's Start is on its way: our shim may have the program run at once. */
export const START_FOLLOWS = "wharf-start-follows";
