// Values of systemd's resource properties, as D-Bus has them.
import { WharfError } from "../../../common/errors.ts";
import type { Value } from "../../dbus/wire.ts";
import type { Property } from "../../systemd/manager.ts";

/** What systemd takes for "no limit". */
export const INFINITY = 0xffffffffffffffffn;

export function property(name: string, signature: string, value: Value): Property {
  return [name, { signature, value }];
}

export const flag = (name: string, value: boolean) => property(name, "b", value);
export const text = (name: string, value: string) => property(name, "s", value);
export const count = (name: string, value: number | bigint) =>
  property(name, "t", value < 0 ? INFINITY : BigInt(value));

/** A list such as "0-3,7" as bits, lowest byte first. */
export function listToBits(list: string, field: string): Uint8Array {
  const invalid = () => new WharfError("InvalidArgument", `${field}: ${JSON.stringify(list)} is no list such as 0-3,7`);
  const bits: number[] = [];
  for (const part of list.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (!range) throw invalid();
    const first = Number(range[1]);
    const last = Number(range[2] ?? first);
    if (first > last) throw invalid();
    for (let bit = first; bit <= last; bit++) {
      while (bits.length <= bit >> 3) bits.push(0);
      bits[bit >> 3]! |= 1 << (bit & 7);
    }
  }
  if (bits.length === 0) throw invalid();
  return new Uint8Array(bits);
}

const DEFAULT_PERIOD = 100_000;
const SECOND = 1_000_000;
/** systemd counts processor time in hundredths of a processor. */
const GRAIN = 10_000;

/** The quota that systemd makes of one, in the same period: rounded up to whole hundredths of a processor. */
export function roundedQuota(quota: number, period: number = DEFAULT_PERIOD): number {
  if (quota <= 0) return quota;
  return Math.floor((perSecond(quota, period) * (period || DEFAULT_PERIOD)) / SECOND);
}

function perSecond(quota: number, period: number): number {
  return Math.ceil(Math.floor((quota * SECOND) / (period || DEFAULT_PERIOD)) / GRAIN) * GRAIN;
}

export function cpuQuota(quota: number, period: number, version: number): Property[] {
  const out: Property[] = [];
  if (period > 0 && version >= 242) out.push(count("CPUQuotaPeriodUSec", period));
  if (quota !== 0 || period > 0) {
    out.push(count("CPUQuotaPerSecUSec", quota > 0 ? perSecond(quota, period) : -1));
  }
  return out;
}

/** systemd does not take 0. */
export function tasksMax(limit: number): Property {
  return count("TasksMax", limit === 0 ? 1 : limit);
}
