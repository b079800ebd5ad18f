/** Finds the processes of a shim whose address was never learned: the daemon was killed between its start and its answer. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface ShimIdentity {
  namespace: string;
  id: string;
  bundle: string;
  /** The gRPC socket it was given: tells shims of other daemons apart. */
  address: string;
}

/** Pids that the shim wrote down, or that have its command line. */
export async function findShim(shim: ShimIdentity): Promise<number[]> {
  const written = Number(await readFile(join(shim.bundle, "shim.pid"), "utf8").catch(() => ""));
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const args = (await readFile(`/proc/${name}/cmdline`, "latin1").catch(() => "")).split("\0");
    // A pid alone is not enough: it may have been given to another process since.
    const named = args[0]?.includes("shim") && args.includes(shim.id);
    if (named && (Number(name) === written || isShim(args, shim))) found.push(Number(name));
  }
  return found;
}

function isShim(args: readonly string[], { namespace, id, address }: ShimIdentity): boolean {
  const option = (name: string) => {
    const at = args.findIndex((arg) => arg === `-${name}` || arg === `--${name}`);
    return at < 0 ? undefined : args[at + 1];
  };
  return option("id") === id && option("namespace") === namespace && option("address") === address;
}
