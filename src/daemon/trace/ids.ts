/** Ids of spans, many from one call for random bytes, and each a part of one text: a call of its own would take longer than all else of a span. */

import { randomBytes } from "node:crypto";

/** Bytes asked for at a time: 512 spans. */
const BYTES = 4096;
const DIGITS = 16;

let digits = "";
let used = 0;

/** 16 lower-case hex digits. */
export function newSpanId(): string {
  for (;;) {
    if (used === digits.length) {
      digits = randomBytes(BYTES).toString("hex");
      used = 0;
    }
    const id = digits.slice(used, used + DIGITS);
    used += DIGITS;
    // All zero means none (https://www.w3.org/TR/trace-context/#parent-id).
    if (/[^0]/.test(id)) return id;
  }
}
