/** Times as clients give them for logs and events: seconds since the epoch with decimals, RFC 3339, or a duration ago. */

import { WharfError } from "../../../common/errors.ts";
import { formatTimestamp, parseTimestamp } from "../../../common/timestamp.ts";

const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** RFC 3339 in UTC with nine decimals, which sorts as text. Undefined for nothing and for 0. InvalidArgument. */
export function parseTime(text: string | undefined, name: string): string | undefined {
  if (text === undefined || text === "" || text === "0") return undefined;
  const seconds = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds)
    return formatTimestamp({ seconds: Number(seconds[1]), nanos: Number((seconds[2] ?? "").padEnd(9, "0")) });
  if (/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) {
    let ago = 0;
    for (const [, value, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g))
      ago += Number(value) * UNITS[unit!]!;
    const at = Date.now() / 1000 - ago;
    return formatTimestamp({ seconds: Math.floor(at), nanos: Math.floor((at % 1) * 1e9) });
  }
  try {
    const zoned = /^\d{4}-\d\d-\d\d$/.test(text)
      ? `${text}T00:00:00Z`
      : /(?:Z|[+-]\d\d:\d\d)$/i.test(text)
        ? text
        : `${text}Z`;
    return formatTimestamp(parseTimestamp(zoned));
  } catch (cause) {
    throw new WharfError("InvalidArgument", `the parameter ${name} is no time: ${JSON.stringify(text)}`, {
      operation: "read request",
      hint: "give seconds since the epoch, 2026-01-02T15:04:05Z, or a duration like 10m",
      cause,
    });
  }
}

/** A log entry's time in the same form. */
export function normalTime(text: string): string {
  return text.length === 30 && text.endsWith("Z") ? text : formatTimestamp(parseTimestamp(text));
}
