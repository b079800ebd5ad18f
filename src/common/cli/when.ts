// Points in time on the command line: 10m (ago), 2026-01-02T15:04:05, 1767366245.5; as docker's --since and --until.
import { WharfError } from "../errors.ts";
import type { Clock } from "./format/time.ts";
import { parseDuration } from "./units.ts";

/** Seconds since the epoch with nine decimals, as the API takes it. Times without a zone are local. */
export function parseWhen(text: string, clock: Clock): string {
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text;
  if (/^-?\d+[a-zµ]/.test(text) && !text.includes("-", 1)) {
    return (clock.now - parseDuration(text) / 1e9).toFixed(9);
  }
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/i.exec(
    text,
  );
  if (!match) {
    throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is no point in time`, {
      operation: "usage",
      hint: "for example 10m (ago), 2026-01-02, 2026-01-02T15:04:05Z or seconds since the epoch",
    });
  }
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone] = match;
  const utc =
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) / 1000;
  const seconds = utc - offset(zone, utc, clock);
  return `${seconds}.${fraction.padEnd(9, "0")}`;
}

function offset(zone: string | undefined, utc: number, clock: Clock): number {
  if (zone === undefined) return clock.zone(utc - clock.zone(utc).offsetSeconds).offsetSeconds;
  if (zone.toUpperCase() === "Z") return 0;
  const [hours, minutes] = zone.slice(1).split(":").map(Number);
  return (zone[0] === "-" ? -1 : 1) * (hours! * 3600 + minutes! * 60);
}
