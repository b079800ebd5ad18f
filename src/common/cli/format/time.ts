// Times and ids as docker prints them.

/** What time it is, and where: a pure module cannot know. */
export interface Clock {
  /** Seconds since the epoch. */
  readonly now: number;
  /** The local zone at a time. */
  zone(seconds: number): { readonly offsetSeconds: number; readonly name: string };
}

export const UTC: Omit<Clock, "now"> = { zone: () => ({ offsetSeconds: 0, name: "UTC" }) };

/** Go's Time.String of whole seconds: "2026-01-02 15:04:05 +0100 CET". */
export function goTime(seconds: number, clock: Clock): string {
  const { offsetSeconds, name } = clock.zone(seconds);
  const local = new Date((seconds + offsetSeconds) * 1000).toISOString();
  const minutes = Math.abs(Math.trunc(offsetSeconds / 60));
  const two = (n: number) => String(n).padStart(2, "0");
  const offset = `${offsetSeconds < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}${two(minutes % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${offset} ${name}`;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** C's asctime of an RFC 3339 text, in the text's own zone: "Mon Jan  2 15:04:05 2006"; other text as it is. */
export function ansiTime(text: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(text);
  if (!match) return text;
  const [, year, month, day, time] = match;
  const weekday = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDay();
  return `${DAYS[weekday]} ${MONTHS[Number(month) - 1]} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

/** The first 12 digits of an id, without its algorithm. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(":") + 1, id.indexOf(":") + 13);
}

/** RFC 3339 of whole seconds in the local zone: "2026-01-02T15:04:05+01:00". */
export function rfc3339(seconds: number, clock: Clock): string {
  const { offsetSeconds } = clock.zone(seconds);
  const local = new Date((seconds + offsetSeconds) * 1000).toISOString().slice(0, 19);
  if (offsetSeconds === 0) return `${local}Z`;
  const minutes = Math.abs(Math.trunc(offsetSeconds / 60));
  const two = (n: number) => String(n).padStart(2, "0");
  return `${local}${offsetSeconds < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

/** Go's Time.String of an RFC 3339 text: "2026-01-02 15:04:05.123456789 +0000 UTC", without trailing zeros; in its own zone. */
export function goTimeNano(text: string, clock: Clock): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return text;
  const [, day, time, fraction = "", zone] = match;
  const decimals = fraction.replace(/0+$/, "").replace(/^\.$/, "");
  if (zone === "Z") return `${day} ${time}${decimals} +0000 UTC`;
  const offset = zone!.replace(":", "");
  // Go knows the local zone's name only; others go by their offset.
  const local = clock.zone(Date.parse(text) / 1000);
  const seconds = (Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3))) * 60 * (offset[0] === "-" ? -1 : 1);
  return `${day} ${time}${decimals} ${offset} ${local.offsetSeconds === seconds ? local.name : offset}`;
}
