/** Signals as clients give them. */

import { WharfError } from "../../../common/errors.ts";
import { signalNumber } from "../../../common/signals.ts";

/** The number of `SIGTERM`, `term`, `15`, `RTMIN+3` … InvalidArgument. */
export function parseSignal(text: string): number {
  const known = signalNumber(text);
  if (known !== undefined) return known;
  throw new WharfError("InvalidArgument", `Invalid signal: ${text}`, {
    operation: "send signal",
    subject: text,
    hint: "a name like TERM or SIGHUP, or a number",
  });
}
