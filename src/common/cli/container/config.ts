// From flags to the body of POST /containers/create (Docker Engine API 1.51: Config, HostConfig, NetworkingConfig).
import { WharfError } from "../../errors.ts";
import type { Input } from "../command.ts";
import { cut } from "../flags.ts";
import { isCdiName, parseDevice } from "./devices.ts";
import { readEnv, readLabels } from "./env.ts";
import type { CONTAINER_FLAGS } from "./flags.ts";
import { parseVolume } from "./mounts.ts";
import { checkMac, type EndpointSettings, networking } from "./network.ts";
import { parseRange, splitProtocol } from "./ports.ts";
import { securityOptions } from "./security.ts";

/** What building the request needs of the machine the client runs on. */
export interface ClientHost {
  readonly env: ReadonlyMap<string, string>;
  readText(path: string): string;
  /** A path as seen from the working directory, made absolute; ~ is the home folder. */
  absolute(path: string): string;
}

export type ContainerInput = Input<typeof CONTAINER_FLAGS>;

/** The body; names as in the API. */
export interface CreateBody {
  Hostname: string;
  Image: string;
  Cmd?: readonly string[];
  Tty: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  HostConfig: Record<string, unknown> & { AutoRemove: boolean; NetworkMode: string };
  NetworkingConfig: { EndpointsConfig: Record<string, EndpointSettings> };
  [field: string]: unknown;
}

function bad(message: string, hint?: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "usage", hint });
}

/** `KEY=VALUE` entries as a map. */
function pairs(flag: string, entries: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const entry of entries) {
    const [key, value] = cut(entry, "=");
    if (value === undefined) throw bad(`--${flag} ${JSON.stringify(entry)} is not KEY=VALUE`);
    result[key] = value;
  }
  return result;
}

export function restartPolicy(text: string): { Name: string; MaximumRetryCount: number } {
  const [name, count] = cut(text, ":");
  if (!["", "no", "on-failure", "always", "unless-stopped"].includes(name)) {
    throw bad(`--restart: unknown policy ${JSON.stringify(name)}`, "one of no, on-failure[:N], always, unless-stopped");
  }
  if (count !== undefined && (name !== "on-failure" || !/^\d+$/.test(count))) {
    throw bad(
      `--restart: ${JSON.stringify(text)} has no valid number of attempts`,
      "only on-failure takes one: on-failure:3",
    );
  }
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

/** CPUs as 1e-9 of one. */
export function nanoCpus(text: string): number {
  if (text === "") return 0;
  const value = Number(text);
  if (!/^(\d+(\.\d*)?|\.\d+)$/.test(text) || value * 1e9 > Number.MAX_SAFE_INTEGER) {
    throw bad(`--cpus: ${JSON.stringify(text)} is no number of CPUs`, "for example --cpus 1.5");
  }
  return Math.round(value * 1e9);
}

function namespaceMode(flag: string, text: string, words: readonly string[], container: boolean): string {
  if (text === "" || words.includes(text) || (container && /^container:./.test(text))) return text;
  const known = [...words, ...(container ? ["container:NAME"] : [])].join(", ");
  throw bad(`--${flag}: ${JSON.stringify(text)} is none of ${known}`);
}

function healthcheck(flags: ContainerInput["flags"]): Record<string, unknown> | undefined {
  const settings = {
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
  const any = flags["health-cmd"] !== "" || Object.values(settings).some((value) => value !== 0);
  if (flags["no-healthcheck"]) {
    if (any) throw bad("--no-healthcheck does not go with the other --health-* flags");
    return { Test: ["NONE"] };
  }
  if (!any) return undefined;
  for (const [name, value] of Object.entries(settings))
    if (value < 0) throw bad(`the health check's ${name} cannot be negative`);
  return { ...(flags["health-cmd"] ? { Test: ["CMD-SHELL", flags["health-cmd"]] } : {}), ...settings };
}

/** Published and exposed ports. */
function ports(flags: ContainerInput["flags"]) {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { port, HostIp, HostPort } of flags.publish.flat()) {
    exposed[port] = {};
    (bindings[port] ??= []).push({ HostIp, HostPort });
  }
  for (const text of flags.expose) {
    const [range, protocol] = splitProtocol(text);
    if (range.includes(":"))
      throw bad(`--expose ${JSON.stringify(text)} is no port`, "to publish it on the host use -p");
    const { first, last } = parseRange(range);
    for (let port = first; port <= last; port++) exposed[`${port}/${protocol}`] ??= {};
  }
  return { exposed, bindings };
}

function devices(flags: ContainerInput["flags"]) {
  const plain = flags.device.filter((text) => !isCdiName(text));
  const cdi = flags.device.filter(isCdiName);
  const requests: unknown[] = [...flags.gpus];
  if (cdi.length > 0) requests.push({ Driver: "cdi", DeviceIDs: cdi });
  return { devices: plain.map(parseDevice), requests };
}

/**
 * The request body for a container of `image` that runs `command`.
 * @throws WharfError InvalidArgument naming the flag that is wrong, or that does not go with another.
 */
export function createBody(
  input: ContainerInput,
  image: string,
  command: readonly string[],
  host: ClientHost,
): CreateBody {
  const { flags, given } = input;
  const restart = restartPolicy(flags.restart);
  if (flags.rm && restart.Name !== "no" && restart.Name !== "") throw bad("--rm does not go with --restart");
  if (flags["log-driver"] === "none" && flags["log-opt"].length > 0)
    throw bad("--log-opt does not go with --log-driver none");
  const volumes: Record<string, object> = {};
  const binds: string[] = [];
  for (const text of flags.volume) {
    const { bind, anonymous } = parseVolume(text, host.absolute);
    if (bind !== undefined) binds.push(bind);
    if (anonymous !== undefined) volumes[anonymous] = {};
  }
  const tmpfs: Record<string, string> = {};
  for (const text of flags.tmpfs) {
    const [target, options = ""] = cut(text, ":");
    if (!target.startsWith("/")) throw bad(`--tmpfs: the target ${JSON.stringify(target)} is no absolute path`);
    tmpfs[target] = options;
  }
  const mac = flags["mac-address"] === "" ? "" : checkMac(flags["mac-address"]);
  const { mode, endpoints } = networking(flags.network, {
    aliases: flags["network-alias"],
    links: flags.link,
    ip: flags.ip,
    ip6: flags.ip6,
    mac,
    linkLocal: flags["link-local-ip"],
  });
  const { exposed, bindings } = ports(flags);
  const { devices: deviceList, requests } = devices(flags);
  const security = securityOptions(flags["security-opt"], host.readText);
  const attachAll = flags.attach.length === 0;
  const attachStdin = flags.interactive || flags.attach.includes("stdin");
  const mounts = flags.mount.map((m) => (m.Source?.startsWith(".") ? { ...m, Source: host.absolute(m.Source) } : m));
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: attachAll || flags.attach.includes("stdout"),
    AttachStderr: attachAll || flags.attach.includes("stderr"),
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attachStdin,
    Env: readEnv(flags["env-file"], flags.env, host),
    ...(command.length > 0 ? { Cmd: command } : {}),
    Image: image,
    ...(Object.keys(volumes).length > 0 ? { Volumes: volumes } : {}),
    WorkingDir: flags.workdir,
    // An empty --entrypoint takes the image's away.
    ...(flags.entrypoint === undefined ? {} : { Entrypoint: [flags.entrypoint] }),
    Labels: readLabels(flags["label-file"], flags.label, host),
    ...(flags["stop-signal"] === "" ? {} : { StopSignal: flags["stop-signal"] }),
    ...(flags["stop-timeout"] === undefined ? {} : { StopTimeout: flags["stop-timeout"] }),
    ...optional("Healthcheck", healthcheck(flags)),
    HostConfig: {
      Binds: binds,
      ContainerIDFile: flags.cidfile,
      LogConfig: { Type: flags["log-driver"], Config: pairs("log-opt", flags["log-opt"]) },
      NetworkMode: mode,
      PortBindings: bindings,
      RestartPolicy: restart,
      AutoRemove: flags.rm,
      VolumeDriver: flags["volume-driver"],
      VolumesFrom: orNull(flags["volumes-from"]),
      CapAdd: capabilities(flags["cap-add"]),
      CapDrop: capabilities(flags["cap-drop"]),
      CgroupnsMode: namespaceMode("cgroupns", flags.cgroupns, ["private", "host"], false),
      Dns: flags.dns,
      DnsOptions: flags["dns-option"],
      DnsSearch: flags["dns-search"],
      ExtraHosts: flags["add-host"],
      GroupAdd: flags["group-add"],
      IpcMode: namespaceMode("ipc", flags.ipc, ["none", "private", "shareable", "host"], true),
      Links: flags.link,
      OomScoreAdj: flags["oom-score-adj"],
      PidMode: namespaceMode("pid", flags.pid, ["host"], true),
      Privileged: flags.privileged,
      PublishAllPorts: flags["publish-all"],
      ReadonlyRootfs: flags["read-only"],
      SecurityOpt: security.options,
      ...(security.unconfinedPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
      ...(flags["storage-opt"].length > 0 ? { StorageOpt: pairs("storage-opt", flags["storage-opt"]) } : {}),
      ...(flags.tmpfs.length > 0 ? { Tmpfs: tmpfs } : {}),
      UTSMode: namespaceMode("uts", flags.uts, ["host"], false),
      UsernsMode: namespaceMode("userns", flags.userns, ["host"], false),
      ShmSize: flags["shm-size"],
      ...(given.has("sysctl") ? { Sysctls: flags.sysctl } : {}),
      ...(flags.runtime ? { Runtime: flags.runtime } : {}),
      ...(flags.isolation ? { Isolation: flags.isolation } : {}),
      ...(mounts.length > 0 ? { Mounts: mounts } : {}),
      ...(given.has("annotation") ? { Annotations: flags.annotation } : {}),
      ...(flags.init === undefined ? {} : { Init: flags.init }),
      CpuShares: flags["cpu-shares"],
      Memory: flags.memory,
      NanoCpus: nanoCpus(flags.cpus),
      CgroupParent: flags["cgroup-parent"],
      BlkioWeight: flags["blkio-weight"],
      BlkioWeightDevice: flags["blkio-weight-device"],
      BlkioDeviceReadBps: flags["device-read-bps"],
      BlkioDeviceWriteBps: flags["device-write-bps"],
      BlkioDeviceReadIOps: flags["device-read-iops"],
      BlkioDeviceWriteIOps: flags["device-write-iops"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      Devices: deviceList,
      DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
      ...(requests.length > 0 ? { DeviceRequests: requests } : {}),
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      MemorySwappiness: flags["memory-swappiness"],
      OomKillDisable: flags["oom-kill-disable"],
      PidsLimit: flags["pids-limit"],
      Ulimits: sortedUlimits(flags.ulimit),
    },
    NetworkingConfig: { EndpointsConfig: endpoints },
  };
}

function optional<T>(name: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [name]: value };
}

/** In their full form: CAP_NET_ADMIN, ALL. */
function capabilities(names: readonly string[]): string[] {
  const full = names.map((name) => {
    const upper = name.trim().toUpperCase();
    return upper === "ALL" || upper === "RESET" || upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  });
  return [...new Set(full)].sort();
}

function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

/** By name; a later one replaces an earlier. */
function sortedUlimits(limits: readonly { Name: string }[]): { Name: string }[] {
  const byName = new Map(limits.map((limit) => [limit.Name, limit]));
  return [...byName.values()].sort((a, b) => (a.Name < b.Name ? -1 : 1));
}
