/** The OCI configuration of a Docker container. */

import { basename } from "node:path";
import type { ContainerConfig, MountPoint } from "../../../common/docker/container.ts";
import { WharfError } from "../../../common/errors.ts";
import { OCI_VERSION, type POSIXRlimit, type Process, type Spec, type User } from "../../../common/oci/runtime.ts";
import type { ContainerRecord } from "../containers/record.ts";
import { capabilitiesOf, capabilitySets } from "./capabilities.ts";
import { DEFAULT_PATH, MASKED_PATHS, READONLY_PATHS } from "./defaults.ts";
import { deviceNumbers, devicesOf, hostDevices } from "./devices.ts";
import { INIT_PATH, initMount } from "./init.ts";
import { mountsOf, type OwnFile } from "./mounts.ts";
import { namespacesOf, type PidOf } from "./namespaces.ts";
import { resourcesOf } from "./resources.ts";
import { securityOf } from "./security.ts";

export interface SpecContext {
  user: User;
  network: "own" | "host" | { path: string };
  ownFiles: readonly OwnFile[];
  /** By destination: what is mounted in place of a mount point's source. */
  sources?: ReadonlyMap<string, string>;
  /** Variables of containers it is linked to. */
  linkEnvironment?: readonly string[];
  pidOf: PidOf;
  /** Capabilities this daemon can give. */
  capabilities: readonly string[];
  /** Parent of the containers' cgroups. */
  cgroupParent: string;
  /** They are scopes that systemd makes. */
  systemdCgroup?: boolean | undefined;
}

function cgroupsPathOf({ id, hostConfig }: ContainerRecord, { cgroupParent, systemdCgroup }: SpecContext): string {
  if (!systemdCgroup) return `${hostConfig.CgroupParent || cgroupParent}/${id}`;
  // The daemon's is a path, for those whose groups are not systemd's.
  const slice = hostConfig.CgroupParent || (cgroupParent.endsWith(".slice") ? basename(cgroupParent) : "system.slice");
  if (slice.endsWith(".slice")) return `${slice}:docker:${id}`;
  throw new WharfError(
    "InvalidArgument",
    'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    { operation: "start container", subject: slice },
  );
}

export function buildSpec(record: ContainerRecord, context: SpecContext): Spec {
  const { config, hostConfig: host } = record;
  const names = capabilitiesOf(
    { add: host.CapAdd, drop: host.CapDrop, privileged: host.Privileged },
    context.capabilities,
  );
  const init = host.Init === true && host.PidMode === "";
  const security = securityOf(host.SecurityOpt, host.Privileged, names);
  const resources = resourcesOf(host, deviceNumbers);
  const devices = host.Privileged ? hostDevices() : [];
  for (const mapping of host.Devices ?? []) {
    const found = devicesOf(mapping);
    devices.push(...found.devices.filter(({ path }) => !devices.some((one) => one.path === path)));
    if (!host.Privileged) resources.devices!.push(...found.rules);
  }
  const process: Process = {
    terminal: config.Tty,
    user: context.user,
    args: [...(init ? [INIT_PATH, "--"] : []), record.path, ...record.args],
    env: environmentOf(config, config.Hostname, context.linkEnvironment),
    cwd: config.WorkingDir === "" ? "/" : config.WorkingDir,
    capabilities: capabilitySets(names),
    oomScoreAdj: host.OomScoreAdj,
  };
  const [height, width] = host.ConsoleSize;
  if (config.Tty && height && width) process.consoleSize = { height, width };
  if (security.noNewPrivileges) process.noNewPrivileges = true;
  const rlimits = rlimitsOf(host.Ulimits);
  if (rlimits.length > 0) process.rlimits = rlimits;
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    process,
    root: { path: "rootfs", readonly: host.ReadonlyRootfs },
    mounts: [...mountsOf(host, pointsOf(record, context.sources), context.ownFiles), ...(init ? [initMount()] : [])],
    linux: {
      resources,
      cgroupsPath: cgroupsPathOf(record, context),
      namespaces: namespacesOf(host, context.network, context.pidOf),
      sysctl: sysctlsOf(record, context),
    },
  };
  const linux = spec.linux!;
  if (host.UTSMode !== "host") {
    spec.hostname = config.Hostname;
    if (config.Domainname !== "") spec.domainname = config.Domainname;
  }
  if (devices.length > 0) linux.devices = devices;
  if (security.seccomp) linux.seccomp = security.seccomp;
  if (host.Mounts || record.mounts.length > 0) {
    const propagation = rootPropagation(record.mounts.map((mount) => mount.Propagation));
    if (propagation) linux.rootfsPropagation = propagation;
  }
  linux.maskedPaths = security.openSystemPaths ? [] : (host.MaskedPaths ?? [...MASKED_PATHS]);
  linux.readonlyPaths = security.openSystemPaths ? [] : (host.ReadonlyPaths ?? [...READONLY_PATHS]);
  if (host.Annotations) spec.annotations = { ...host.Annotations };
  return spec;
}

function pointsOf({ mounts }: ContainerRecord, sources: ReadonlyMap<string, string> = new Map()): MountPoint[] {
  return mounts.map((point) => ({ ...point, Source: sources.get(point.Destination) ?? point.Source }));
}

/** PATH, HOSTNAME and TERM, unless the configuration has its own; `NAME` without `=` removes a variable. */
export function environmentOf(
  config: Pick<ContainerConfig, "Env" | "Tty">,
  hostname: string,
  links: readonly string[] = [],
): string[] {
  const base = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${hostname}`];
  if (config.Tty) base.push("TERM=xterm");
  base.push(...links);
  return mergeEnvironment(base, config.Env ?? []);
}

/** `more` over `base`: a variable keeps the place it has first. */
export function mergeEnvironment(base: readonly string[], more: readonly string[]): string[] {
  const merged = new Map(base.map((one): [string, string] => [nameOf(one), one]));
  for (const one of more) {
    if (one.includes("=")) merged.set(nameOf(one), one);
    else merged.delete(one);
  }
  return [...merged.values()];
}

function nameOf(variable: string): string {
  const equals = variable.indexOf("=");
  return equals < 0 ? variable : variable.slice(0, equals);
}

function rlimitsOf(ulimits: ContainerRecord["hostConfig"]["Ulimits"]): POSIXRlimit[] {
  return (ulimits ?? []).map(({ Name, Soft, Hard }) => ({
    type: `RLIMIT_${Name.toUpperCase()}`,
    // -1 is unlimited: RLIM_INFINITY.
    soft: Soft < 0 ? 2 ** 64 : Soft,
    hard: Hard < 0 ? 2 ** 64 : Hard,
  }));
}

/** In a network namespace of its own a container may ping and use low ports without capabilities. */
function sysctlsOf({ hostConfig }: ContainerRecord, { network }: SpecContext): Record<string, string> {
  const own = network === "own" || typeof network === "object";
  return {
    ...(own ? { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" } : {}),
    ...hostConfig.Sysctls,
  };
}

/** What binds need that propagate into the container or out of it. */
function rootPropagation(modes: readonly string[]): string | undefined {
  if (modes.some((mode) => mode === "shared" || mode === "rshared")) return "shared";
  if (modes.some((mode) => mode === "slave" || mode === "rslave")) return "rslave";
  return undefined;
}
