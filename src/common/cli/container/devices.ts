// Devices of the host given to a container, and limits on their use.
import { WharfError } from "../../errors.ts";
import { normalize } from "../../path.ts";
import { cut } from "../flags.ts";
import { parseBytes } from "../units.ts";

export interface ThrottleDevice {
  Path: string;
  Rate: number;
}

/** `/dev/sda:1mb`, or without a unit `/dev/sda:100`. */
export function parseRate(text: string, inBytes: boolean): ThrottleDevice {
  const [path, rate] = cut(text, ":");
  if (!path.startsWith("/dev/") || rate === undefined) {
    throw new WharfError("InvalidArgument", `it is not DEVICE:${inBytes ? "BYTES" : "COUNT"}`, {
      hint: "for example /dev/sda:1mb",
    });
  }
  const value = inBytes ? parseBytes(rate) : Number(rate);
  if (!Number.isSafeInteger(value) || value < 0 || rate === "") {
    throw new WharfError("InvalidArgument", `the rate ${JSON.stringify(rate)} is no number`);
  }
  return { Path: path, Rate: value };
}

export interface DeviceMapping {
  PathOnHost: string;
  PathInContainer: string;
  CgroupPermissions: string;
}

function isMode(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

/** `/dev/sdc:/dev/xvdc:rwm`; a second part that is only r, w and m is the mode. */
export function parseDevice(text: string): DeviceMapping {
  const bad = (why: string) => new WharfError("InvalidArgument", `--device ${JSON.stringify(text)}: ${why}`);
  const parts = text.split(":");
  if (parts.length > 3 || parts[0] === "") throw bad("it is not HOST[:INSIDE[:rwm]]");
  const host = parts[0]!;
  let inside = host;
  let mode = "rwm";
  if (parts.length === 2 && isMode(parts[1]!)) mode = parts[1]!;
  else if (parts.length >= 2) inside = parts[1]!;
  if (parts.length === 3) {
    mode = parts[2]!;
    if (!isMode(mode)) throw bad(`${JSON.stringify(mode)} is no mode; it is made of r, w and m`);
  }
  if (!inside.startsWith("/")) throw bad(`${JSON.stringify(inside)} is no absolute path`);
  if (parts.length === 1)
    return { PathOnHost: normalize(host), PathInContainer: normalize(host), CgroupPermissions: mode };
  return { PathOnHost: host, PathInContainer: inside === host ? host : normalize(inside), CgroupPermissions: mode };
}

/** A device by its CDI name: vendor.com/class=device. */
export function isCdiName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[\w.:-]+$/.test(text);
}
