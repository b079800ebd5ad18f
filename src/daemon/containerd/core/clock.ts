/** The time, as the store writes it. */

import { timestampFromMillis } from "../../../common/timestamp.ts";
import { millis } from "../../clock.ts";
import type { Timestamp } from "../api/types.ts";

let last = 0;
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
