// Sizes and spans of time as Docker reads and writes them (github.com/docker/go-units, Go's time.Duration).
import { WharfError } from "../errors.ts";

const BINARY: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes of `512`, `64m`, `1.5 GiB`; all units are powers of 1024, as Docker has them for memory. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) {
    throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is no size`, {
      hint: "a size is a number with a unit: 512m, 1.5g, 64k",
    });
  }
  return Math.trunc(Number(match[1]) * BINARY[match[2]!.toLowerCase()]!);
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a Go duration: `300ms`, `-1.5h`, `2h45m`. */
export function parseDuration(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  const parts = /^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)
    ? body.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)
    : undefined;
  if (!parts) {
    const unit = /^\d+(\.\d+)?$/.test(body);
    throw new WharfError(
      "InvalidArgument",
      `${JSON.stringify(text)} is no duration${unit ? ": the unit is missing" : ""}`,
      {
        hint: unit ? `for seconds write ${text}s` : "a duration is a number with a unit: 300ms, 1m30s, 2h",
      },
    );
  }
  let sum = 0;
  for (const [, number, unit] of parts) sum += Number(number) * NANOSECONDS[unit!]!;
  return sign * Math.round(sum);
}

/** A number with `digits` significant digits, as C's %g writes it, for numbers that need no exponent. */
function significant(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  const plain = text.includes("e") ? String(Number(text)) : text;
  return plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain;
}

const DECIMAL_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

function scaled(size: number, base: number, units: readonly string[], digits: number): string {
  let i = 0;
  let value = size;
  while (value >= base && i < units.length - 1) {
    value /= base;
    i++;
  }
  return significant(value, digits) + units[i]!;
}

/** `1.23MB`: powers of 1000. */
export function humanSize(size: number, digits = 4): string {
  return scaled(size, 1000, DECIMAL_UNITS, digits);
}

/** `1.205MiB`: powers of 1024. */
export function binarySize(size: number): string {
  return scaled(size, 1024, BINARY_UNITS, 4);
}

/** How long something took, roughly: "About a minute", "3 hours". */
export function humanDuration(seconds: number): string {
  const s = Math.trunc(seconds);
  if (s < 1) return "Less than a second";
  if (s === 1) return "1 second";
  if (s < 60) return `${s} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(seconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(Math.trunc(seconds / 3600) / 24 / 365)} years`;
}
