/** The time, as the store writes it. */

import { timestampFromMillis } from "../../../common/timestamp.ts";
import type { Timestamp } from "../api/types.ts";

let last = 0;
/** Milliseconds since the epoch when the process's own clock began, to the microsecond. */
let origin = performance.timeOrigin;

/** Milliseconds since the epoch, to the microsecond, unlike Date.now(): clients compare with their own clocks. */
export function millis(): number {
  const coarse = Date.now();
  const fine = origin + performance.now();
  // The machine's clock has been set, or runs at another pace.
  if (fine < coarse) origin += coarse - fine;
  else if (fine >= coarse + 1.5) origin -= fine - coarse - 1;
  return origin + performance.now();
}

/** Now; each answer is later than the one before by a microsecond at least, so that what was made later sorts later. */
export function now(): Timestamp {
  last = Math.max(millis(), last + 0.001);
  return timestampFromMillis(last);
}

/** Says whether an RFC 3339 text (of a label) lies in the past; undefined when it is no time. */
export function isPast(text: string): boolean | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms <= Date.now();
}
