/** Finds the processes of a shim whose address was never learned: the daemon was killed between its start and its answer. */

import { readFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ifMissing } from "../expected.ts";

export interface ShimIdentity {
  namespace: string;
  id: string;
  bundle: string;
  /** The gRPC socket it was given: tells shims of other daemons apart. */
  address: string;
}

/** Pids that the shim wrote down, or that have its command line. */
export async function findShim(shim: ShimIdentity): Promise<number[]> {
  const written = await writtenPid(join(shim.bundle, "shim.pid"));
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const args = (await readFile(`/proc/${name}/cmdline`, "latin1").catch(ifMissing(""))).split("\0");
    if (!args[0]?.includes("shim")) continue;
    if (Number(name) === written || isShim(args, shim)) found.push(Number(name));
  }
  return found;
}

/** Milliseconds by which the kernel's clocks may disagree. */
const TOLERANCE = 100;

/**
 * The pid in the file, unless it has been given to another process since: that one began after the file was written. Our own shim's command
 * line does not tell more, since there is room for its beginning only.
 */
async function writtenPid(path: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(path, "utf8"));
    const [{ mtimeMs }, status] = await Promise.all([stat(path), readFile(`/proc/${pid}/stat`, "latin1")]);
    // One after the other, and in this order: what comes between makes a process seem older, never younger, which would leave a shim running.
    const now = Date.now();
    const uptime = readFileSync("/proc/uptime", "latin1");
    // Field 22, in hundredths of a second since the machine started; what stands in brackets may hold spaces.
    const ticks = Number(status.slice(status.lastIndexOf(")") + 2).split(" ")[19]);
    const age = (Number.parseFloat(uptime) - ticks / 100) * 1000;
    return now - age <= mtimeMs + TOLERANCE ? pid : undefined;
  } catch (error) {
    return ifMissing(undefined)(error);
  }
}

function isShim(args: readonly string[], { namespace, id, address }: ShimIdentity): boolean {
  const option = (name: string) => {
    const at = args.findIndex((arg) => arg === `-${name}` || arg === `--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  return option("id") === id && option("namespace") === namespace && option("address") === address;
}
