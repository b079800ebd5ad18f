// What linux.resources may ask for and this host's cgroups cannot do: refused by name rather than passed over.
import { WharfError } from "../../common/errors.ts";
import type { LinuxResources } from "../../common/oci/runtime.ts";

/** Fields that cgroup v1 alone has, with whether they ask for something. */
function v1Only({ memory, cpu, network, blockIO }: LinuxResources): [field: string, asked: boolean][] {
  const { swappiness = -1 } = memory ?? {};
  return [
    // Docker writes -1, or 2^64 - 1, for "as it is"
    ["memory.swappiness", swappiness >= 0 && swappiness <= 200],
    ["memory.kernelTCP", (memory?.kernelTCP ?? 0) > 0],
    ["memory.disableOOMKiller", memory?.disableOOMKiller === true],
    ["cpu.realtimeRuntime", (cpu?.realtimeRuntime ?? 0) !== 0],
    ["cpu.realtimePeriod", (cpu?.realtimePeriod ?? 0) !== 0],
    ["network.classID", (network?.classID ?? 0) !== 0],
    ["network.priorities", (network?.priorities?.length ?? 0) > 0],
    ["blockIO.leafWeight", (blockIO?.leafWeight ?? 0) !== 0],
    ["blockIO.weightDevice", blockIO?.weightDevice?.some(({ leafWeight = 0 }) => leafWeight !== 0) ?? false],
  ];
}

/** Throws FailedPrecondition for the first thing that cannot be had. */
export function refuseUnavailable(resources: LinuxResources, mode: "v1" | "v2"): void {
  const refuse = (name: string, why: string) => {
    const field = `linux.resources.${name}`;
    return new WharfError("FailedPrecondition", `${field}: ${why}`, { subject: field });
  };
  if (resources.memory?.useHierarchy === false)
    throw refuse("memory.useHierarchy", "kernels count memory along the hierarchy always, since Linux 5.11");
  if (mode === "v1") {
    if (Object.keys(resources.unified ?? {}).length > 0)
      throw refuse("unified", "linux.resources.unified: invalid configuration: it needs cgroup v2, this host has v1");
    return;
  }
  for (const [name, asked] of v1Only(resources)) if (asked) throw refuse(name, "cgroup v2 has nothing like it");
}
