// Clocks: monotonic for waiting, real time for records.
import { NR } from "./nr.ts";

function clock(id: number): number {
  const spec = new BigInt64Array(2);
  native.syscall(NR.clock_gettime, id, spec);
  return Number(spec[0]) * 1e9 + Number(spec[1]);
}

/** Nanoseconds since boot. */
export function monotonicNs(): number {
  return clock(1);
}

/** Milliseconds since boot. */
export function monotonicMs(): number {
  return clock(1) / 1e6;
}

/** Microseconds since the epoch, what spans carry. */
export function epochUs(): number {
  return Math.round(clock(0) / 1000);
}

/** RFC 3339 with nanoseconds, UTC. */
export function timestamp(): string {
  const spec = new BigInt64Array(2);
  native.syscall(NR.clock_gettime, 0, spec);
  const seconds = new Date(Number(spec[0]) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(spec[1]).padStart(9, "0")}Z`;
}

/** Stops this process for a while. For code that has no event loop. */
export function sleepSync(ms: number): void {
  const spec = new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt(Math.round((ms % 1000) * 1e6))]);
  native.syscall(NR.nanosleep, spec, 0);
}

/** n random bytes from the kernel. */
export function randomBytes(n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  native.syscall(NR.getrandom, bytes, n, 0);
  return bytes;
}
