// What a process does with a signal, as the kernel knows it: a shell's trap is in force a moment after the shell has begun.
import { readFileSync } from "node:fs";

/** True when it has a handler for the signal of this number, or ignores it. */
export function minds(pid: number, signal: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const masks = [...status.matchAll(/^Sig(?:Cgt|Ign):\s+([0-9a-f]+)$/gm)].map(([, hex]) => BigInt(`0x${hex}`));
  return masks.some((mask) => (mask & (1n << BigInt(signal - 1))) !== 0n);
}
