/**
 * Points in time as RFC 3339 text in UTC with nine decimals, `2026-01-02T03:04:05.123456789Z`: lossless from and to
 * protobuf's Timestamp, and sorted as text.
 */

import { WharfError } from "./errors.ts";

/** Seconds and nanoseconds since the epoch (google.protobuf.Timestamp). */
export interface Instant {
  seconds: number;
  /** 0 to 999,999,999. */
  nanos: number;
}

/** Protobuf's bounds: years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;

const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** The last second that was read or written, for most times are of the same: its text up to the fraction, and its number. */
const last = { text: "1970-01-01T00:00:00.", seconds: 0 };
/** Of the texts that are written here. */
const LENGTH = 30;

/** The text of an instant. OutOfRange outside the years 1 to 9999, and for nanoseconds that are not those of a second. */
export function formatTimestamp(instant: Instant): string {
  const { seconds, nanos } = instant;
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) {
    throw new WharfError("OutOfRange", `no time between the years 1 and 9999: ${seconds} s since the epoch`);
  }
  if (!(nanos >= 0 && nanos < 1e9)) throw new WharfError("OutOfRange", `${nanos} ns are no part of a second`);
  if (seconds !== last.seconds) {
    last.text = new Date(seconds * 1000).toISOString().slice(0, 20);
    last.seconds = seconds;
  }
  return `${last.text}${String(nanos).padStart(9, "0")}Z`;
}

/** Reads any RFC 3339 text, with any offset; decimals beyond nine are dropped. InvalidArgument. */
export function parseTimestamp(text: string): Instant {
  if (text.length === LENGTH && text.startsWith(last.text)) {
    const fraction = text.slice(last.text.length);
    if (/^\d{9}Z$/.test(fraction)) return { seconds: last.seconds, nanos: Number(fraction.slice(0, 9)) };
  }
  const match = FORM.exec(text);
  const fault = () => new WharfError("InvalidArgument", `not an RFC 3339 time: ${JSON.stringify(text)}`);
  if (!match) throw fault();
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) throw fault();
  // A leap second (60) counts as the following one.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) throw fault();
  const offset = sign ? (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === "-" ? -60 : 60) : 0;
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offset;
  if (text.length === LENGTH && fraction?.length === 9 && Number(second) < 60) {
    last.text = `${text.slice(0, 10)}T${text.slice(11, 20)}`;
    last.seconds = seconds;
  }
  return { seconds, nanos: Number((fraction ?? "").slice(0, 9).padEnd(9, "0")) };
}

/** The text of `ms` milliseconds since the epoch; fractions down to the nanosecond are kept as far as they are exact. */
export function timestampFromMillis(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return formatTimestamp({ seconds, nanos: Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6)) });
}

/** Milliseconds since the epoch. */
export function timestampToMillis(text: string): number {
  const { seconds, nanos } = parseTimestamp(text);
  return seconds * 1000 + nanos / 1e6;
}
