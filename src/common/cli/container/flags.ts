// The flags that describe a container, shared by run and create: all of Docker's.
import type { Topic } from "../command.ts";
import {
  bool,
  bytes,
  duration,
  int,
  list,
  listOf,
  map,
  maybeBool,
  maybeInt,
  maybeString,
  refused,
  string,
} from "../flags.ts";
import { parseRate } from "./devices.ts";
import { parseMount } from "./mounts.ts";
import { parseNetwork } from "./network.ts";
import { parsePort } from "./ports.ts";
import {
  attachStream,
  deviceRule,
  dnsSearch,
  envEntry,
  extraHost,
  ipAddress,
  labelEntry,
  parseGpus,
  parseUlimit,
  parseWeight,
} from "./values.ts";

const PROCESS = {
  interactive: bool("Keep stdin open", { short: "i" }),
  tty: bool("Give it a terminal", { short: "t" }),
  attach: list("Attach only to these streams (stdin, stdout, stderr)", {
    short: "a",
    check: attachStream,
    words: ["stdin", "stdout", "stderr"],
  }),
  entrypoint: maybeString("Replace the image's entrypoint"),
  env: list("Set an environment variable; a name alone passes ours on", {
    short: "e",
    type: "NAME[=VALUE]",
    check: envEntry,
  }),
  "env-file": list("Read environment variables from a file", { type: "FILE", completes: "files" }),
  user: string("User and group, by name or number", { short: "u", type: "USER[:GROUP]" }),
  workdir: string("Working directory inside", { short: "w", type: "DIR" }),
  hostname: string("Host name inside", { short: "h", type: "NAME" }),
  domainname: string("NIS domain name inside", { type: "NAME" }),
  "group-add": list("Join more groups", { type: "GROUP" }),
  label: list("Attach a label", { short: "l", type: "KEY[=VALUE]", check: labelEntry }),
  "label-file": list("Read labels from a file", { type: "FILE", completes: "files" }),
  annotation: map("Pass an annotation on to the runtime", { type: "KEY=VALUE" }),
  cidfile: string("Write the container's id to a file", { type: "FILE" }),
  init: maybeBool("Run a small init as process 1 that passes signals on and reaps"),
  restart: string("When to start it again", {
    initial: "no",
    type: "no|on-failure[:N]|always|unless-stopped",
    words: ["no", "on-failure", "always", "unless-stopped"],
  }),
  rm: bool("Remove the container and its anonymous volumes when it ends"),
  "stop-signal": string("Signal that stops it", { type: "SIGNAL", completes: "signals" }),
  "stop-timeout": maybeInt("Seconds to wait before it is killed", { type: "SECONDS" }),
} as const;

const FILES = {
  volume: list("Mount a folder or a volume", { short: "v", type: "SOURCE:TARGET[:OPTIONS]", completes: "volumes" }),
  mount: listOf("Mount, in words: type=bind,source=…,target=…", parseMount, {
    type: "OPTIONS",
    words: ["type=bind,source=", "type=volume,source=", "type=tmpfs,target="],
  }),
  tmpfs: list("Mount a tmpfs", { type: "TARGET[:OPTIONS]" }),
  "read-only": bool("Mount the root file system read-only"),
  "volumes-from": list("Mount another container's volumes", { type: "CONTAINER", completes: "containers" }),
  "volume-driver": string("Driver of new volumes"),
  "storage-opt": list("Option of the storage driver", { type: "KEY=VALUE" }),
  device: list("Give access to a device of the host", { type: "HOST[:INSIDE[:rwm]]" }),
  "device-cgroup-rule": list("Allow devices by rule", { type: "'c 1:3 rwm'", check: deviceRule }),
  gpus: listOf("GPUs to give access to ('all')", parseGpus, { type: "GPUS", words: ["all"] }),
} as const;

const NETWORK = {
  network: listOf("Network to join: none, host, bridge, container:NAME or a network", parseNetwork, {
    type: "NETWORK",
    completes: "networks",
  }),
  net: listOf("Network to join", parseNetwork, {
    hidden: true,
    same: "network",
    type: "NETWORK",
    completes: "networks",
  }),
  "network-alias": list("Name of the container on its network", { type: "NAME" }),
  "net-alias": list("Name of the container on its network", { hidden: true, same: "network-alias" }),
  publish: listOf("Publish a port", parsePort, { short: "p", type: "[HOST:]INSIDE[/PROTOCOL]" }),
  "publish-all": bool("Publish all exposed ports on free ports", { short: "P" }),
  expose: list("Expose a port or a range", { type: "PORT" }),
  ip: string("IPv4 address", { type: "ADDRESS" }),
  ip6: string("IPv6 address", { type: "ADDRESS" }),
  "link-local-ip": list("Link-local address", { type: "ADDRESS" }),
  "mac-address": string("MAC address", { type: "ADDRESS" }),
  link: list("Link to another container", { type: "CONTAINER[:ALIAS]", completes: "running" }),
  "add-host": list("Add a line to /etc/hosts", { type: "NAME:ADDRESS", check: extraHost }),
  dns: list("DNS server", { type: "ADDRESS", check: ipAddress }),
  "dns-search": list("DNS search domain", { type: "DOMAIN", check: dnsSearch }),
  "dns-option": list("DNS option", { type: "OPTION" }),
  "dns-opt": list("DNS option", { hidden: true, same: "dns-option" }),
} as const;

const WINDOWS = "only a daemon on Windows knows it";
const NO_WINDOWS = "leave the flag away";

const LIMITS = {
  memory: bytes("Memory limit", { short: "m" }),
  "memory-reservation": bytes("Memory below which it is not squeezed"),
  "memory-swap": bytes("Limit of memory and swap together; -1 for no limit", { orMinusOne: true }),
  "memory-swappiness": int("How readily it is swapped out, 0 to 100", { initial: -1, min: -1, max: 100 }),
  "kernel-memory": bytes("Kernel memory limit", { hidden: true }),
  "shm-size": bytes("Size of /dev/shm"),
  cpus: string("How many CPUs it may use, 1.5 for instance", { type: "NUMBER" }),
  "cpu-shares": int("Relative weight", { short: "c" }),
  "cpu-period": int("CFS period in microseconds"),
  "cpu-quota": int("CFS quota in microseconds"),
  "cpu-rt-period": int("Real-time period in microseconds"),
  "cpu-rt-runtime": int("Real-time share in microseconds"),
  "cpuset-cpus": string("CPUs it may run on: 0-3 or 0,1", { type: "LIST" }),
  "cpuset-mems": string("Memory nodes it may use", { type: "LIST" }),
  "cpu-count": refused(WINDOWS, NO_WINDOWS, { type: "int" }),
  "cpu-percent": refused(WINDOWS, NO_WINDOWS, { type: "int" }),
  "pids-limit": int("How many processes it may have; -1 for no limit"),
  "oom-kill-disable": bool("Do not kill it when memory runs out"),
  "oom-score-adj": int("Adjust the kernel's choice of whom to kill", { min: -1000, max: 1000 }),
  ulimit: listOf("Limits of its processes", parseUlimit, { type: "NAME=SOFT[:HARD]" }),
  "blkio-weight": int("Share of disk time, 10 to 1000, 0 for none", { min: 0, max: 1000 }),
  "blkio-weight-device": listOf("Share of one disk's time", parseWeight, { type: "DEVICE:WEIGHT" }),
  "device-read-bps": listOf("Limit reading from a device", (text) => parseRate(text, true), { type: "DEVICE:BYTES" }),
  "device-write-bps": listOf("Limit writing to a device", (text) => parseRate(text, true), { type: "DEVICE:BYTES" }),
  "device-read-iops": listOf("Limit reads of a device", (text) => parseRate(text, false), { type: "DEVICE:COUNT" }),
  "device-write-iops": listOf("Limit writes of a device", (text) => parseRate(text, false), { type: "DEVICE:COUNT" }),
  "io-maxbandwidth": refused(WINDOWS, NO_WINDOWS, { type: "bytes" }),
  "io-maxiops": refused(WINDOWS, NO_WINDOWS, { type: "int" }),
  "cgroup-parent": string("Parent cgroup", { type: "PATH" }),
} as const;

const SECURITY = {
  "cap-add": list("Add a capability", { type: "CAP", completes: "capabilities" }),
  "cap-drop": list("Drop a capability", { type: "CAP", completes: "capabilities" }),
  privileged: bool("All capabilities, all devices, nothing masked"),
  "security-opt": list("Security option: no-new-privileges, seccomp=FILE, apparmor=PROFILE", {
    type: "OPTION",
    words: ["no-new-privileges", "seccomp=", "apparmor=", "label=", "systempaths=unconfined"],
  }),
  sysctl: map("Set a kernel parameter of its namespaces", { type: "KEY=VALUE" }),
  userns: string("User namespace: host", { type: "MODE", words: ["host"] }),
  pid: string("PID namespace: host or container:NAME", { type: "MODE", words: ["host", "container:"] }),
  ipc: string("IPC namespace: none, private, shareable, host or container:NAME", {
    type: "MODE",
    words: ["none", "private", "shareable", "host", "container:"],
  }),
  uts: string("UTS namespace: host", { type: "MODE", words: ["host"] }),
  cgroupns: string("Cgroup namespace: private or host", { type: "MODE", words: ["private", "host"] }),
  isolation: string("Isolation technology", { hidden: true }),
  runtime: string("OCI runtime to use", { type: "NAME" }),
} as const;

const HEALTH = {
  "log-driver": string("Where the output is kept: json-file, local, none", {
    type: "DRIVER",
    words: ["json-file", "local", "none"],
  }),
  "log-opt": list("Option of the log driver", { type: "KEY=VALUE", words: ["max-size=", "max-file="] }),
  "health-cmd": string("Command that checks its health", { type: "COMMAND" }),
  "health-interval": duration("Time between checks"),
  "health-timeout": duration("Time a check may take"),
  "health-retries": int("Failed checks until it counts as unhealthy"),
  "health-start-period": duration("Time to start up in which failed checks do not count"),
  "health-start-interval": duration("Time between checks while it starts up"),
  "no-healthcheck": bool("No health check, even if the image has one"),
} as const;

export const CONTAINER_FLAGS = { ...PROCESS, ...FILES, ...NETWORK, ...LIMITS, ...SECURITY, ...HEALTH } as const;

/** How help sorts them. */
export const CONTAINER_TOPICS: readonly Topic[] = [
  { title: "What runs", flags: Object.keys(PROCESS) },
  { title: "Files and devices", flags: Object.keys(FILES) },
  { title: "Network", flags: Object.keys(NETWORK) },
  { title: "Limits", flags: Object.keys(LIMITS) },
  { title: "Security and namespaces", flags: Object.keys(SECURITY) },
  { title: "Logs and health", flags: Object.keys(HEALTH) },
];

/** Flags of run and create that do not describe the container. */
export const CREATE_FLAGS = {
  name: string("Name of the container"),
  pull: string("When to pull the image", { choices: ["always", "missing", "never"], initial: "missing" }),
  platform: string("Platform of the image: linux/amd64", { type: "OS/ARCH" }),
  quiet: bool("Do not show the pull's progress", { short: "q" }),
  "disable-content-trust": bool("Skip image verification", { hidden: true, initial: true }),
  "use-api-socket": refused(
    "it is an experiment of docker's",
    "-v /run/wharf/docker.sock:/var/run/docker.sock gives a container the daemon",
  ),
} as const;
