/** HostConfig's limits as cgroup limits. */

import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import type { LinuxBlockIO, LinuxCPU, LinuxMemory, LinuxResources } from "../../../common/oci/runtime.ts";
import { defaultDeviceRules } from "./defaults.ts";

/** Microseconds: what a number of CPUs is counted by. */
const PERIOD = 100_000;

/** Device numbers of a path on the host. */
export type DeviceNumbers = (path: string) => { major: number; minor: number };

export function resourcesOf(host: HostConfig, deviceNumbers: DeviceNumbers): LinuxResources {
  const resources: LinuxResources = {
    devices: defaultDeviceRules(),
    memory: memory(host),
    blockIO: blockIO(host, deviceNumbers),
  };
  if (host.Privileged) resources.devices = [{ allow: true, access: "rwm" }];
  else resources.devices!.push(...(host.DeviceCgroupRules ?? []).map(deviceRule));
  const cpu = cpus(host);
  if (Object.keys(cpu).length > 0) resources.cpu = cpu;
  if (host.PidsLimit) resources.pids = { limit: host.PidsLimit < 0 ? -1 : host.PidsLimit };
  return resources;
}

function memory(host: HostConfig): LinuxMemory {
  const limits: LinuxMemory = { disableOOMKiller: host.OomKillDisable ?? false };
  if (host.Memory > 0) limits.limit = host.Memory;
  if (host.MemoryReservation > 0) limits.reservation = host.MemoryReservation;
  if (host.MemorySwap !== 0) limits.swap = host.MemorySwap;
  if (host.KernelMemoryTCP) limits.kernelTCP = host.KernelMemoryTCP;
  if (host.MemorySwappiness !== null && host.MemorySwappiness >= 0) limits.swappiness = host.MemorySwappiness;
  return limits;
}

function cpus(host: HostConfig): LinuxCPU {
  const limits: LinuxCPU = {};
  if (host.CpuShares > 0) limits.shares = host.CpuShares;
  if (host.CpusetCpus !== "") limits.cpus = host.CpusetCpus;
  if (host.CpusetMems !== "") limits.mems = host.CpusetMems;
  if (host.NanoCpus > 0) {
    limits.period = PERIOD;
    limits.quota = Math.round((host.NanoCpus / 1e9) * PERIOD);
  }
  if (host.CpuPeriod !== 0) limits.period = host.CpuPeriod;
  if (host.CpuQuota !== 0) limits.quota = host.CpuQuota;
  if (host.CpuRealtimePeriod !== 0) limits.realtimePeriod = host.CpuRealtimePeriod;
  if (host.CpuRealtimeRuntime !== 0) limits.realtimeRuntime = host.CpuRealtimeRuntime;
  return limits;
}

function blockIO(host: HostConfig, deviceNumbers: DeviceNumbers): LinuxBlockIO {
  const limits: LinuxBlockIO = {};
  if (host.BlkioWeight > 0) limits.weight = host.BlkioWeight;
  if (host.BlkioWeightDevice?.length)
    limits.weightDevice = host.BlkioWeightDevice.map(({ Path, Weight }) => ({
      ...deviceNumbers(Path),
      weight: Weight,
    }));
  const throttles = [
    ["throttleReadBpsDevice", host.BlkioDeviceReadBps],
    ["throttleWriteBpsDevice", host.BlkioDeviceWriteBps],
    ["throttleReadIOPSDevice", host.BlkioDeviceReadIOps],
    ["throttleWriteIOPSDevice", host.BlkioDeviceWriteIOps],
  ] as const;
  for (const [name, devices] of throttles)
    if (devices?.length) limits[name] = devices.map(({ Path, Rate }) => ({ ...deviceNumbers(Path), rate: Rate }));
  return limits;
}

/** `c 1:3 rwm`, `b *:* r`, `a *:* rwm`. */
export function deviceRule(text: string): NonNullable<LinuxResources["devices"]>[number] {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (!match) {
    throw new WharfError("InvalidArgument", `invalid device cgroup rule format: '${text}'`, {
      operation: "create container",
      hint: "it looks like 'c 1:3 rwm'",
    });
  }
  const [, type, major, minor, access] = match as unknown as [string, string, string, string, string];
  const id = (part: string) => (part === "*" ? -1 : Number(part));
  return { allow: true, type, major: id(major), minor: id(minor), access };
}
