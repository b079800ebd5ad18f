/** What suites share that kill a daemon at fail points: the place it works in, the scenario, what is looked at afterwards. */

import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CrashPlace extends Disposable {
  root: string;
  state: string;
  /** A directory with /bin/busybox. */
  rootfs: string;
  /** Name of the runtime or path of a shim, and the OCI runtime it is to use. */
  runtime: string;
  binaryName: string;
  cgroup: string;
  /** What holds namespaces, for scenarios with sandboxes. */
  holder?: string;
}

export async function within<T>(scratch: () => CrashPlace, body: (place: CrashPlace) => Promise<T>): Promise<T> {
  using place = scratch();
  return await body(place);
}

/** Each fail point a scenario comes by, with which time it is: `name:n`. */
export function specsOf(points: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return points.map((point) => {
    counts.set(point, (counts.get(point) ?? 0) + 1);
    return `${point}:${counts.get(point)}`;
  });
}

/** Each in its own place, so many at once: most of the time they wait, as a shim does for who takes its last events. */
export async function eachOf<T>(all: readonly T[], body: (one: T) => Promise<void>, atOnce = 4): Promise<void> {
  const queue = [...all];
  const next = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await body(one);
  };
  await Promise.all(Array.from({ length: atOnce }, next));
}

/** Commands of processes that name the state directory: shims. */
export function processes(state: string): string[] {
  const commands = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`;
      } catch {
        return "";
      }
    });
  return commands.filter((command) => command.includes(state));
}

/** Runs a scenario of ../crash, to be killed at the fail point. */
export function runScenario(
  place: CrashPlace,
  name: string,
  failpoint: string,
): Promise<{ steps: string[]; points: string[] }> {
  const { root, state, rootfs, runtime, binaryName, cgroup, holder = "" } = place;
  const script = join(import.meta.dirname, "../crash", name);
  const env = { ...process.env, WHARF_FAILPOINT: failpoint, NODE_TEST_CONTEXT: undefined };
  // Its own group: what it started must not get its end by the terminal's signals.
  const child = spawn(process.execPath, [script, root, state, rootfs, runtime, binaryName, cgroup, holder], {
    env,
    detached: true,
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  return new Promise((resolve, reject) => {
    child.on("exit", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`the scenario failed: ${err}`));
      const points = [...err.matchAll(/^failpoint (.*)$/gm)].map((match) => match[1]!);
      resolve({ steps: out.split("\n").filter(Boolean), points });
    });
  });
}
