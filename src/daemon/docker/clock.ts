/** The time as Docker's answers have it. */

import { timestampFromMillis } from "../../common/timestamp.ts";
import { millis } from "../clock.ts";

/** RFC 3339 with nine decimals. */
export function now(): string {
  return timestampFromMillis(millis());
}
