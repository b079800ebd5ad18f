/** What the machine is, read once where it does not change. */

import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname, release, totalmem } from "node:os";

export interface HostFacts {
  name: string;
  kernel: string;
  operatingSystem: string;
  osVersion: string;
  /** As uname -m. */
  machine: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  /** "1" or "2". */
  cgroupVersion: string;
  /** Controllers that can be used. */
  controllers: ReadonlySet<string>;
}

const MACHINES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64", ia32: "i686" };
let facts: HostFacts | undefined;

export function hostFacts(): HostFacts {
  facts ??= {
    name: hostname(),
    kernel: release(),
    operatingSystem: osRelease("PRETTY_NAME") ?? "Linux",
    osVersion: osRelease("VERSION_ID") ?? "",
    machine: MACHINES[process.arch] ?? process.arch,
    cpus: availableParallelism(),
    memory: totalmem(),
    cgroupVersion: existsSync("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
    controllers: controllers(),
  };
  return facts;
}

/** A kernel setting of /proc/sys as text. */
export function kernelSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

function osRelease(name: string): string | undefined {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      const line = readFileSync(path, "utf8")
        .split("\n")
        .find((one) => one.startsWith(`${name}=`));
      if (line) return line.slice(name.length + 1).replace(/^"(.*)"$/, "$1");
    } catch {
      // The next place.
    }
  }
  return undefined;
}

function controllers(): Set<string> {
  try {
    return new Set(readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" "));
  } catch {
    const rows = existsSync("/proc/cgroups") ? readFileSync("/proc/cgroups", "utf8").split("\n").slice(1) : [];
    return new Set(rows.filter((row) => row.endsWith("\t1")).map((row) => row.split("\t")[0]!));
  }
}
