// runt update: changes the limits of a running container, from flags or from a file of LinuxResources.
import { parseBytes } from "../../../common/cli/units.ts";
import { WharfError } from "../../../common/errors.ts";
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import { remarkOnCpu } from "../../cgroup/systemd/properties.ts";
import { readAll, readText } from "../../sys/fs.ts";
import type { Command, Context } from "../command.ts";
import { update } from "../control.ts";
import { type Parsed, positional } from "../flags.ts";
import { updateRdt } from "../intel-rdt.ts";
import { parseResources } from "../resources.ts";
import { loadRecord } from "../state.ts";

const invalid = (name: string, text: string) =>
  new WharfError("InvalidArgument", `invalid value for --${name}: ${JSON.stringify(text)} is not a number`);

/** An empty value is none, as with runc. */
function number(parsed: Parsed, name: string): number | undefined {
  const text = parsed.string(name);
  if (!text) return undefined;
  if (!/^-?\d+$/.test(text)) throw invalid(name, text);
  return Number(text);
}

/** "64m"; -1 is no limit. */
function bytes(parsed: Parsed, name: string): number | undefined {
  const text = parsed.string(name);
  if (!text) return undefined;
  try {
    return text === "-1" ? -1 : parseBytes(text);
  } catch (cause) {
    throw new WharfError("InvalidArgument", `invalid value for --${name}`, { cause });
  }
}

function fromFlags(parsed: Parsed): LinuxResources {
  const n = (name: string) => number(parsed, name);
  return {
    memory: {
      limit: bytes(parsed, "memory"),
      reservation: bytes(parsed, "memory-reservation"),
      swap: bytes(parsed, "memory-swap"),
    },
    cpu: {
      shares: n("cpu-share"),
      quota: n("cpu-quota"),
      period: n("cpu-period"),
      burst: n("cpu-burst"),
      realtimePeriod: n("cpu-rt-period"),
      realtimeRuntime: n("cpu-rt-runtime"),
      cpus: parsed.string("cpuset-cpus"),
      mems: parsed.string("cpuset-mems"),
      idle: n("cpu-idle"),
    },
    blockIO: { weight: n("blkio-weight") },
    pids: { limit: n("pids-limit") },
  };
}

function fromFile(file: string): LinuxResources {
  return parseResources(file === "-" ? native.utf8(readAll(0)) : readText(file), `--resources ${file}`);
}

function resourcesOf(parsed: Parsed, { warn }: Context): LinuxResources {
  const file = parsed.string("resources");
  const resources = file ? fromFile(file) : fromFlags(parsed);
  const kernel = parsed.string("kernel-memory") || parsed.string("kernel-memory-tcp");
  if (kernel || resources.memory?.kernel !== undefined || resources.memory?.kernelTCP !== undefined) {
    warn("limits of kernel memory are ignored: the kernel has them no more");
  }
  return resources;
}

const VALUES = [
  "resources|r",
  "memory",
  "memory-reservation",
  "memory-swap",
  "kernel-memory",
  "kernel-memory-tcp",
  "cpu-share",
  "cpu-quota",
  "cpu-period",
  "cpu-burst",
  "cpu-rt-period",
  "cpu-rt-runtime",
  "cpuset-cpus",
  "cpuset-mems",
  "cpu-idle",
  "blkio-weight",
  "pids-limit",
  "l3-cache-schema",
  "mem-bw-schema",
];

export const updateCommand: Command = {
  usage: "update [--resources FILE|-] [--memory BYTES] [--cpu-quota US] … ID",
  summary: "change a container's resource limits",
  flags: Object.fromEntries(VALUES.map((name) => [name, "string"])),
  run(context, parsed) {
    const [id = ""] = positional(parsed, "ID");
    const { root } = context;
    const l3CacheSchema = parsed.string("l3-cache-schema") || undefined;
    const memBwSchema = parsed.string("mem-bw-schema") || undefined;
    const resources = resourcesOf(parsed, context);
    if (l3CacheSchema || memBwSchema) updateRdt(loadRecord(root, id).intelRdt, { l3CacheSchema, memBwSchema });
    const remark = loadRecord(root, id).cgroup?.systemd && remarkOnCpu(resources);
    if (remark) context.warn(remark);
    update(root, id, resources);
    return 0;
  },
};
