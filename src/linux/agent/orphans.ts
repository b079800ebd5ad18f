// The agent is its shims' next of kin: a shim becomes its child when the worker that started it has ended, and so it learns how each ends.
import { type Exit, PR, prctl } from "../sys/process.ts";

/** As many ends are kept as anybody may ask for: they are asked for at once, if at all. */
const MOST = 64;

const ends = new Map<number, Exit>();

/** From now on what workers leave behind is this process's child, as long as it lives. */
export function adoptOrphans(): void {
  prctl(PR.SET_CHILD_SUBREAPER, 1);
}

export function noteEnd(end: Exit): void {
  ends.delete(end.pid);
  ends.set(end.pid, end);
  if (ends.size > MOST) ends.delete(ends.keys().next().value!);
}

/** Operation `endOf`: how a process that a worker left behind has ended; nothing while it runs, or for one that is not known. */
export function endOf({ pid }: { pid: number }): { end?: { status: number; signal: number } | undefined } {
  const end = ends.get(pid);
  return end ? { end: { status: end.status, signal: end.signal } } : {};
}
