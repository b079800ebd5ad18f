/** The processes of shims, by their pids. */

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ifMissing, isMissing } from "../expected.ts";

const KILL_TIMEOUT = 2000;

/** False for a zombie, too. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch (error) {
    return ifMissing(false)(error);
  }
}

/** Resolves when none of them runs, or after `ms` milliseconds. */
export async function allEnded(pids: readonly number[], ms: number): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end && pids.some(isRunning); ) await sleep(20);
}

/** Resolves when the process is gone: as long as it lives its socket answers, and what cleans up after it would leave that alone. */
export async function kill(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
    for (const end = Date.now() + KILL_TIMEOUT; Date.now() < end && isRunning(pid); ) await sleep(2);
  } catch (error) {
    // Gone, by itself or by us.
    if (!isMissing(error)) throw error;
  }
}
