// linux.resources as properties of a unit (man 5 systemd.resource-control). What has none is written to the cgroup's files alone.
import { WharfError } from "../../../common/errors.ts";
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import type { Manager, Property } from "../../systemd/manager.ts";
import { ioWeight, swapOf, weightOfShares } from "../v2.ts";
import { count, cpuQuota, listToBits, property, tasksMax } from "./values.ts";

/** Which release brought what. */
const ALLOWED_CPUS = 244;
const CPU_IDLE = 252;

type Version = Pick<Manager, "version">;

function cpuset(cpus: string | undefined, mems: string | undefined, field: string, systemd: Version): Property[] {
  const out: Property[] = [];
  if ((!cpus && !mems) || systemd.version < ALLOWED_CPUS) return out;
  if (cpus) out.push(property("AllowedCPUs", "ay", listToBits(cpus, `${field}.cpus`)));
  if (mems) out.push(property("AllowedMemoryNodes", "ay", listToBits(mems, `${field}.mems`)));
  return out;
}

function cpu(resources: LinuxResources, systemd: Version, weight: (shares: number) => Property): Property[] {
  const { quota = 0, period = 0, shares, idle, cpus, mems } = resources.cpu ?? {};
  const out: Property[] = [];
  // weight 0 is how systemd says cpu.idle
  if (idle === 1 && systemd.version >= CPU_IDLE) out.push(count("CPUWeight", 0));
  else if (shares && !idle) out.push(weight(shares));
  if (quota !== 0 || period !== 0) out.push(...cpuQuota(quota, period, systemd.version));
  out.push(...cpuset(cpus, mems, "linux.resources.cpu", systemd));
  return out;
}

/** What systemd has one property for; undefined where only one of them is given. In runc's words. */
export function remarkOnCpu({ cpu, unified }: LinuxResources): string | undefined {
  const idle = cpu?.idle === 1 || unified?.["cpu.idle"]?.trim() === "1";
  const weight = Boolean(cpu?.shares) || unified?.["cpu.weight"] !== undefined;
  return idle && weight ? "unable to apply both CPUWeight and cpu.idle by systemd: the weight is left out" : undefined;
}

/** For cgroup v1. */
export function propertiesV1(resources: LinuxResources, systemd: Version): Property[] {
  const { memory, pids, blockIO } = resources;
  const out: Property[] = [];
  if (memory?.limit) out.push(count("MemoryLimit", memory.limit));
  out.push(...cpu(resources, systemd, (shares) => count("CPUShares", shares)));
  if (blockIO?.weight) out.push(count("BlockIOWeight", blockIO.weight));
  if (pids?.limit !== undefined) out.push(tasksMax(pids.limit));
  return out;
}

/** For cgroup v2. */
export function propertiesV2(resources: LinuxResources, systemd: Version): Property[] {
  const { memory, pids, blockIO, unified = {} } = resources;
  const out: Property[] = [];
  if (memory?.limit) out.push(count("MemoryMax", memory.limit));
  if (memory?.reservation) out.push(count("MemoryLow", memory.reservation));
  const swap = memory && swapOf(memory);
  if (swap !== undefined) out.push(count("MemorySwapMax", swap));
  out.push(...cpu(resources, systemd, (shares) => count("CPUWeight", weightOfShares(shares))));
  if (blockIO?.weight) out.push(count("IOWeight", ioWeight(blockIO.weight)));
  if (pids?.limit !== undefined) out.push(tasksMax(pids.limit));
  for (const file in unified) out.push(...fromFile(file, unified[file]!.trim(), unified, systemd));
  return out;
}

const BYTES: Readonly<Record<string, string>> = {
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "memory.max": "MemoryMax",
  "memory.swap.max": "MemorySwapMax",
};

function fromFile(file: string, value: string, all: Readonly<Record<string, string>>, systemd: Version): Property[] {
  const field = `linux.resources.unified.${file}`;
  const number = (word: string | undefined) => {
    if (word === "max") return -1;
    if (word !== undefined && /^\d+$/.test(word)) return BigInt(word);
    throw new WharfError("InvalidArgument", `${field}: ${JSON.stringify(value)} is neither a number nor max`);
  };
  const name = BYTES[file];
  if (name) return [count(name, number(value))];
  const idle = all["cpu.idle"]?.trim() === "1" && systemd.version >= CPU_IDLE;
  switch (file) {
    case "cpu.idle":
      return idle ? [count("CPUWeight", 0)] : [];
    case "cpu.weight":
      return idle ? [] : [count("CPUWeight", number(value))];
    case "cpu.max": {
      const [quota, period] = value.split(/\s+/);
      return cpuQuota(Number(number(quota)), period === undefined ? 100_000 : Number(number(period)), systemd.version);
    }
    case "cpuset.cpus":
      return cpuset(value, undefined, "linux.resources.unified.cpuset", systemd);
    case "cpuset.mems":
      return cpuset(undefined, value, "linux.resources.unified.cpuset", systemd);
    case "pids.max":
      return [tasksMax(Number(number(value)))];
    default:
      return [];
  }
}
