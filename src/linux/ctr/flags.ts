// Flags that several commands of ctr share.
import { bool, type Flags, int, list, listOf, parseInteger, refused, string } from "../../common/cli/flags.ts";
import { WharfError } from "../../common/errors.ts";
import type { LinuxIDMapping } from "../../common/oci/runtime.ts";

export const SNAPSHOTTER = {
  snapshotter: string("Snapshotter; the default one without it (also CONTAINERD_SNAPSHOTTER)"),
} as const;

export const REGISTRY = {
  "skip-verify": bool("Accept any certificate of the registry", { short: "k" }),
  "plain-http": bool("Talk plain HTTP to the registry"),
  user: string("Name and password for the registry", { short: "u", type: "USER[:PASSWORD]" }),
  refresh: string("Refresh token for the registry's token server"),
  "hosts-dir": string("Folder with the registries' hosts.toml", { type: "DIR" }),
  tlscacert: string("Certificate authority of the registry", { type: "FILE" }),
  tlscert: string("Certificate of the client", { type: "FILE" }),
  tlskey: string("Key of the client", { type: "FILE" }),
  "http-dump": bool("Show requests and answers"),
  "http-trace": bool("Show the steps of each request"),
} as const;

export const RUNTIME = {
  runtime: string("Name of the runtime, or the path of its shim", { initial: "io.containerd.runc.v2" }),
  "runtime-config-path": string("Configuration of a runtime that is not runc-like", { type: "FILE" }),
  "runc-binary": string("Runtime that is called as runc is", { type: "PROGRAM" }),
  "runc-root": string("State folder of that runtime", { type: "DIR" }),
  "runc-systemd-cgroup": bool("Cgroups by way of systemd"),
} as const;

/** CONTAINER:HOST:SIZE, each of 32 bits. */
function mapping(text: string): LinuxIDMapping {
  try {
    const [containerID, hostID, size, ...more] = text
      .split(":")
      .map((word) => parseInteger(word, { min: 0, max: 2 ** 32 - 1 }));
    if (more.length === 0 && size !== undefined) return { containerID: containerID!, hostID: hostID!, size };
  } catch {
    // said for all of it
  }
  throw new WharfError("InvalidArgument", "it is not CONTAINER:HOST:SIZE, three numbers of 32 bits");
}

const BLOCKIO = "classes of block I/O are not supported";

/** What makes a container's configuration. */
export const CONTAINER = {
  config: string("config.json to use as it is; then only the container's id is given", { short: "c", type: "FILE" }),
  cwd: string("Working directory of the process", { type: "DIR" }),
  env: list("Environment variable", { type: "NAME=VALUE" }),
  "env-file": string("File with environment variables, one a line", { type: "FILE" }),
  label: list("Label of the container", { type: "KEY=VALUE" }),
  annotation: list("Annotation in the configuration", { type: "KEY=VALUE" }),
  mount: list("Further mount", { type: "type=T,src=S,dst=D,options=O:O" }),
  "net-host": bool("Use the host's network"),
  privileged: bool("All rights of the host"),
  "privileged-without-host-devices": bool("With --privileged, but without the host's devices"),
  "read-only": bool("The root file system is read-only"),
  sandbox: string("Sandbox the container belongs to", { type: "ID" }),
  tty: bool("Give the process a terminal", { short: "t" }),
  "with-ns": list("Namespace to join", { type: "TYPE:PATH" }),
  "pid-file": string("File that gets the process id", { type: "FILE" }),
  "allow-new-privs": bool("The process may gain privileges"),
  "memory-limit": int("Memory limit", { type: "BYTES", min: 0 }),
  "cap-add": list("Capability to add, with CAP_", { type: "CAP_NAME" }),
  "cap-drop": list("Capability to drop, with CAP_", { type: "CAP_NAME" }),
  seccomp: bool("Filter system calls with the default profile"),
  "seccomp-profile": string("With --seccomp: a profile of your own", { type: "FILE" }),
  "apparmor-profile": string("AppArmor profile"),
  "apparmor-default-profile": string("AppArmor profile that has to be loaded"),
  gpus: refused(
    "GPUs are given by CDI here",
    "nvidia-ctk cdi generate writes the files; then --device nvidia.com/gpu=0",
  ),
  "blockio-class": refused(BLOCKIO, "cgroups of your own with limits: --cgroup"),
  "blockio-config-file": refused(BLOCKIO, "cgroups of your own with limits: --cgroup"),
  "rdt-class": string("Intel RDT class of service"),
  hostname: string("Host name"),
  user: string("User of the process", { short: "u", type: "USER[:GROUP]" }),
  rootfs: bool("The first argument is a folder, not an image"),
  "no-pivot": bool("Do not use pivot_root"),
  "cpu-quota": int("CPU quota in microseconds a period", { initial: -1 }),
  "cpu-period": int("CPU period in microseconds", { min: 0 }),
  "cpu-burst": int("CPU burst in microseconds", { min: 0 }),
  "rootfs-propagation": string("Propagation of the root's mounts"),
  device: list("Device of the host, all below a folder, or a CDI device", { type: "PATH|VENDOR/CLASS=NAME" }),
  uidmap: listOf("User ids of a user namespace", mapping, { type: "CONTAINER:HOST:SIZE" }),
  gidmap: listOf("Group ids of a user namespace", mapping, { type: "CONTAINER:HOST:SIZE" }),
  "remap-labels": bool("Let the snapshotter shift the ids"),
  cpus: string("CPUs the container may use", { type: "NUMBER" }),
  "cpu-shares": int("CPU shares; none without a positive number"),
  "cpuset-cpus": string("CPUs by number", { type: "LIST" }),
  "cpuset-mems": string("Memory nodes by number", { type: "LIST" }),
  cgroup: string("Cgroup path; an empty one for none", { type: "PATH" }),
  platform: string("Platform of the image", { type: "OS/ARCH" }),
  "snapshotter-label": list("Label of the container's snapshot", { type: "KEY=VALUE" }),
  ...SNAPSHOTTER,
  ...RUNTIME,
} as const satisfies Flags;
