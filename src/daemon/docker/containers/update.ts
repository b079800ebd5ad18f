/** POST /containers/{id}/update: other limits and another restart policy, of a running container at once. */

import type { HostConfig, resources } from "../../../common/docker/host-config.ts";
import type { InferFields } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import type { Engine } from "../engine.ts";
import { deviceNumbers } from "../spec/devices.ts";
import { resourcesOf } from "../spec/resources.ts";
import type { Container } from "./container.ts";
import { checkLimits, checkPolicies } from "./host-config.ts";

export type Update = { [K in keyof InferFields<typeof resources>]?: InferFields<typeof resources>[K] | undefined } & {
  RestartPolicy?: { Name?: string | undefined; MaximumRetryCount?: number | undefined } | undefined;
};

const TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

/** What an update may change; what it gives as zero, empty or null stays as it is. */
const CHANGEABLE = [
  "CpuShares",
  "Memory",
  "NanoCpus",
  "BlkioWeight",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "MemoryReservation",
  "MemorySwap",
  "PidsLimit",
] as const;

/** `host` as it would be. InvalidArgument, FailedPrecondition when the new limits contradict the old ones. */
export function updatedHostConfig(host: HostConfig, update: Update): HostConfig {
  const next: HostConfig = { ...host };
  for (const name of CHANGEABLE) {
    const value = update[name];
    if (value !== undefined && value !== null && value !== 0 && value !== "") Object.assign(next, { [name]: value });
  }
  if (update.NanoCpus && (host.CpuPeriod || host.CpuQuota)) {
    throw conflict("Nano CPUs cannot be updated as CPU Period/Quota has already been set");
  }
  if ((update.CpuPeriod || update.CpuQuota) && host.NanoCpus) {
    throw conflict("CPU Period/Quota cannot be updated as NanoCPUs has already been set");
  }
  if (update.Memory && !update.MemorySwap && host.MemorySwap > 0 && update.Memory > host.MemorySwap) {
    throw conflict(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  if (next.PidsLimit !== null && next.PidsLimit <= 0) next.PidsLimit = null;
  const policy = update.RestartPolicy;
  if (policy?.Name) {
    if (host.AutoRemove && policy.Name !== "no") {
      throw new WharfError(
        "InvalidArgument",
        "Restart policy cannot be updated because AutoRemove is enabled for the container",
      );
    }
    next.RestartPolicy = { Name: policy.Name, MaximumRetryCount: policy.MaximumRetryCount ?? 0 };
  }
  checkLimits(next);
  checkPolicies(next);
  return next;
}

export async function updateContainer(engine: Engine, container: Container, update: Update): Promise<string[]> {
  await container.exclusive(async () => {
    if (container.removing) throw conflict(`container ${container.id} is marked for removal`);
    const { record } = container;
    const before = record.hostConfig;
    const next = updatedHostConfig(before, update);
    if (container.running) {
      const value = Buffer.from(JSON.stringify(changedLimits(next, update)));
      await engine.client.tasks.update({ containerId: container.id, resources: { typeUrl: TYPE_URL, value } });
    }
    record.hostConfig = next;
    await engine.containers.save(container);
  });
  engine.emit(container, "update");
  return [];
}

/** The limits the kernel is to be told: those that were asked for. Devices are not the update's matter. */
function changedLimits(next: HostConfig, update: Update): LinuxResources {
  const { devices: _, ...all } = resourcesOf(next, deviceNumbers);
  const limits: LinuxResources = {};
  if (all.cpu) limits.cpu = all.cpu;
  if (update.Memory || update.MemorySwap || update.MemoryReservation) {
    const { disableOOMKiller: _oom, swappiness: _swappiness, ...memory } = all.memory ?? {};
    limits.memory = memory;
  }
  if (update.BlkioWeight && all.blockIO?.weight !== undefined) limits.blockIO = { weight: all.blockIO.weight };
  if (update.PidsLimit) limits.pids = { limit: next.PidsLimit ?? -1 };
  return limits;
}

function conflict(why: string): WharfError {
  return new WharfError("FailedPrecondition", why, { operation: "update container" });
}
