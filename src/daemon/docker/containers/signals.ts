/** Signals by name or number, as clients give them. */

import { constants } from "node:os";
import { WharfError } from "../../../common/errors.ts";

const LAST = 64;
const RTMIN = 34;

/** The number of `SIGTERM`, `term`, `15`, `RTMIN+3` … InvalidArgument. */
export function parseSignal(text: string): number {
  const asNumber = /^\d{1,2}$/.test(text) ? Number(text) : undefined;
  if (asNumber !== undefined && asNumber >= 1 && asNumber <= LAST) return asNumber;
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realtime) {
    const base = realtime[1] === "MIN" ? RTMIN : LAST;
    const number = base + (realtime[2] === "-" ? -1 : 1) * Number(realtime[3] ?? 0);
    if (number >= RTMIN && number <= LAST) return number;
  }
  throw new WharfError("InvalidArgument", `Invalid signal: ${text}`, {
    operation: "send signal",
    subject: text,
    hint: "a name like TERM or SIGHUP, or a number",
  });
}
