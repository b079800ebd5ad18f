// Waiting without an event loop: poll(2) on a few descriptors.
import { sys } from "./call.ts";
import { NR } from "./nr.ts";

const POLLIN = 1;

/** Waits until one of the descriptors is readable, or hung up. Answers its index, or -1 after `ms` (absent: no limit). */
export function pollReadable(fds: readonly number[], ms = -1): number {
  const set = new Int32Array(fds.length * 2);
  for (let i = 0; i < fds.length; i++) {
    set[i * 2] = fds[i]!;
    set[i * 2 + 1] = POLLIN;
  }
  if (sys("poll", undefined, NR.poll, set, fds.length, ms) === 0) return -1;
  for (let i = 0; i < fds.length; i++) if (set[i * 2 + 1]! >> 16) return i;
  return -1;
}
