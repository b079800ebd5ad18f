// runt update: changes the limits of a running container, from flags or from a file of LinuxResources.

import { WharfError } from "../../../common/errors.ts";
import type { LinuxResources } from "../../../common/oci/runtime.ts";
import { readAll, readText } from "../../sys/fs.ts";
import type { Command } from "../command.ts";
import { update } from "../control.ts";
import type { Parsed } from "../flags.ts";

function number(parsed: Parsed, name: string): number | undefined {
  const text = parsed.string(name);
  if (text === undefined) return undefined;
  const match = /^(-?\d+)([kKmMgGtT]?)[bB]?$/.exec(text);
  if (!match) throw new WharfError("InvalidArgument", `--${name}: ${JSON.stringify(text)} is not a number`);
  return Number(match[1]) * 1024 ** ["", "k", "m", "g", "t"].indexOf(match[2]!.toLowerCase());
}

function fromFlags(parsed: Parsed): LinuxResources {
  const n = (name: string) => number(parsed, name);
  return {
    memory: { limit: n("memory"), reservation: n("memory-reservation"), swap: n("memory-swap") },
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

export const updateCommand: Command = {
  usage: "update [--resources FILE|-] [--memory BYTES] [--cpu-quota US] … ID",
  summary: "change a container's resource limits",
  flags: {
    "resources|r": "string",
    memory: "string",
    "memory-reservation": "string",
    "memory-swap": "string",
    "cpu-share": "string",
    "cpu-quota": "string",
    "cpu-period": "string",
    "cpu-burst": "string",
    "cpu-rt-period": "string",
    "cpu-rt-runtime": "string",
    "cpuset-cpus": "string",
    "cpuset-mems": "string",
    "cpu-idle": "string",
    "blkio-weight": "string",
    "pids-limit": "string",
  },
  run({ root }, parsed) {
    const [id] = parsed.args;
    if (id === undefined) throw new WharfError("InvalidArgument", "missing argument: ID");
    const file = parsed.string("resources");
    const text = file === undefined ? undefined : file === "-" ? native.utf8(readAll(0)) : readText(file);
    update(root, id, text === undefined ? fromFlags(parsed) : (JSON.parse(text) as LinuxResources));
    return 0;
  },
};
