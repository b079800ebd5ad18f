/** A request's HostConfig with Docker's defaults, checked. */

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { emptyHostConfig, type HostConfig, type HostConfigInput } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import type { LogSettings } from "../../config.ts";
import { LOG_DEFAULTS, withLogDefaults } from "../logs/defaults.ts";
import { LOG_DRIVERS, logLimits } from "../logs/options.ts";
import { capabilitiesOf } from "../spec/capabilities.ts";
import { DEFAULT_SHM_SIZE, MASKED_PATHS, READONLY_PATHS } from "../spec/defaults.ts";
import { checkModes } from "../spec/namespaces.ts";
import { deviceRule } from "../spec/resources.ts";
import { securityOf } from "../spec/security.ts";

/** Less than this the kernel needs for a process alone. */
const LEAST_MEMORY = 6 << 20;

/** `networkMode` is what the default stands for. InvalidArgument names what cannot be, with Docker's words where it has any. */
export function completeHostConfig(
  given: HostConfigInput | undefined,
  networkMode: string,
  logs: LogSettings = LOG_DEFAULTS,
): HostConfig {
  const base = emptyHostConfig();
  const set = Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined));
  const host = { ...base, ...set } as HostConfig;
  host.LogConfig = withLogDefaults(given?.LogConfig, logs);
  host.RestartPolicy = {
    Name: given?.RestartPolicy?.Name || "no",
    MaximumRetryCount: given?.RestartPolicy?.MaximumRetryCount ?? 0,
  };
  host.Ulimits = ulimits(given?.Ulimits);
  host.ConsoleSize = [given?.ConsoleSize?.[0] ?? 0, given?.ConsoleSize?.[1] ?? 0];
  if (host.NetworkMode === "" || host.NetworkMode === "default") host.NetworkMode = networkMode;
  if (host.IpcMode === "") host.IpcMode = "private";
  if (host.CgroupnsMode === "") host.CgroupnsMode = isCgroup2() && !host.Privileged ? "private" : "host";
  if (host.ShmSize === 0) host.ShmSize = DEFAULT_SHM_SIZE;
  host.OomKillDisable ??= false;
  if (host.PidsLimit !== null && host.PidsLimit <= 0) host.PidsLimit = null;
  if (host.MemorySwappiness === -1) host.MemorySwappiness = null;
  if (!host.Privileged && !host.SecurityOpt?.includes("systempaths=unconfined")) {
    host.MaskedPaths ??= [...MASKED_PATHS];
    host.ReadonlyPaths ??= [...READONLY_PATHS];
  }
  // As dockerd shows it: no SELinux label separates a privileged container.
  if (host.Privileged && !host.SecurityOpt?.some((option) => /^label[=:]/.test(option))) {
    host.SecurityOpt = [...(host.SecurityOpt ?? []), "label=disable"];
  }
  checkLimits(host);
  checkModes(host);
  checkPolicies(host);
  checkUnsupported(host);
  logLimits(host.LogConfig);
  (host.DeviceCgroupRules ?? []).map(deviceRule);
  const names = capabilitiesOf({ add: host.CapAdd, drop: host.CapDrop, privileged: host.Privileged });
  securityOf(host.SecurityOpt, host.Privileged, names);
  return host;
}

/** True where cgroup version 2 is all there is. */
export function isCgroup2(): boolean {
  return existsSync("/sys/fs/cgroup/cgroup.controllers");
}

/** InvalidArgument for limits that cannot be; completes the swap limit. */
export function checkLimits(host: HostConfig): void {
  if (host.Memory !== 0 && host.Memory < LEAST_MEMORY) throw bad("Minimum memory limit allowed is 6MB");
  if (host.Memory > 0 && host.MemorySwap === 0) host.MemorySwap = host.Memory * 2;
  if (host.MemorySwap > 0 && host.Memory === 0) {
    throw bad("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (host.MemorySwap > 0 && host.MemorySwap < host.Memory) {
    throw bad("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (host.Memory > 0 && host.MemoryReservation > host.Memory) {
    throw bad("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  const swappiness = host.MemorySwappiness;
  if (swappiness !== null && (swappiness < 0 || swappiness > 100)) {
    throw bad(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (host.NanoCpus !== 0 && (host.CpuPeriod !== 0 || host.CpuQuota !== 0)) {
    throw bad("Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set");
  }
  const cpus = availableParallelism();
  if (host.NanoCpus < 0 || host.NanoCpus > cpus * 1e9) {
    throw bad(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  }
  if (host.CpuPeriod !== 0 && (host.CpuPeriod < 1000 || host.CpuPeriod > 1_000_000)) {
    throw bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (host.CpuQuota > 0 && host.CpuQuota < 1000) throw bad("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (host.BlkioWeight !== 0 && (host.BlkioWeight < 10 || host.BlkioWeight > 1000)) {
    throw bad("Range of blkio weight is from 10 to 1000");
  }
  if (host.ShmSize < 0) throw bad("SHM size can not be less than 0");
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw bad(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
}

/** What this host, or this daemon, has not: refused by name rather than left without effect. */
function checkUnsupported(host: HostConfig): void {
  if (host.Isolation !== "" && host.Isolation !== "default") {
    throw bad(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  }
  if (host.Cgroup !== "") throw bad(`invalid cgroup mode: ${host.Cgroup}`);
  if (Object.keys(host.StorageOpt ?? {}).length > 0) {
    throw bad("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
  const request = host.DeviceRequests?.[0];
  if (request) {
    const wanted = JSON.stringify(request.Capabilities ?? []);
    throw bad(`could not select device driver ${JSON.stringify(request.Driver ?? "")} with capabilities: ${wanted}`);
  }
  for (const name of ["CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"] as const)
    if (host[name] !== 0) throw bad(`invalid option: ${name} is for Windows`);
  for (const { Type, Source } of host.Mounts ?? []) {
    if (Type !== "image") continue;
    throw new WharfError("Unimplemented", `an image (${Source}) cannot be mounted into a container yet`, {
      operation: "create container",
    });
  }
}

export function checkPolicies(host: HostConfig): void {
  const { Name, MaximumRetryCount } = host.RestartPolicy;
  if (!["no", "always", "unless-stopped", "on-failure"].includes(Name)) {
    throw bad(
      `invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (MaximumRetryCount !== 0 && Name !== "on-failure") {
    throw bad("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (MaximumRetryCount < 0) throw bad("invalid restart policy: maximum retry count cannot be negative");
  if (host.AutoRemove && Name !== "no") throw bad("can't create 'AutoRemove' container with restart policy");
  if (!(LOG_DRIVERS as readonly string[]).includes(host.LogConfig.Type)) {
    throw bad(`error looking up logging plugin ${host.LogConfig.Type}: plugin "${host.LogConfig.Type}" not found`);
  }
  for (const extra of host.ExtraHosts ?? []) {
    if (!/^[^:=]+[:=].+$/.test(extra)) throw bad(`bad format for add-host: "${extra}"`);
  }
}

function ulimits(given: HostConfigInput["Ulimits"]): HostConfig["Ulimits"] {
  if (!given) return null;
  return given.map(({ Name = "", Soft = 0, Hard = 0 }) => {
    if (!/^[a-z]+$/.test(Name)) throw bad(`invalid ulimit type: ${Name}`);
    if (Hard >= 0 && (Soft < 0 || Soft > Hard))
      throw bad(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
    return { Name, Hard, Soft };
  });
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container" });
}
