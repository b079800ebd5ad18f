/** --device, and all of the host's devices for --privileged. Paths are the host's own. */

import { readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import type { LinuxDevice, LinuxDeviceCgroup } from "../../../common/oci/runtime.ts";

/** Pseudo terminals and the like are the container's own. */
const SKIPPED = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]);

/** The kernel's encoding of device numbers in st_rdev (include/linux/kdev_t.h, as glibc's makedev). */
export function deviceNumbers(path: string): { major: number; minor: number } {
  const stat = look(path);
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) throw notDevice(path);
  return split(stat.rdev);
}

export interface DeviceMapping {
  PathOnHost?: string | undefined;
  PathInContainer?: string | undefined;
  CgroupPermissions?: string | undefined;
}

/** One device, or all below a directory. */
export function devicesOf(mapping: DeviceMapping): { devices: LinuxDevice[]; rules: LinuxDeviceCgroup[] } {
  const host = mapping.PathOnHost ?? "";
  const inside = mapping.PathInContainer || host;
  const access = mapping.CgroupPermissions || "rwm";
  if (!/^[rwm]{1,3}$/.test(access)) {
    throw new WharfError("InvalidArgument", `invalid device permissions ${JSON.stringify(access)}: of r, w and m`, {
      operation: "create container",
      subject: host,
    });
  }
  const real = resolve(host);
  const stat = look(real);
  const devices = stat.isDirectory() ? walk(real, inside) : [node(stat, inside)];
  if (devices.includes(undefined) || devices.length === 0) throw notDevice(host);
  const found = devices.filter((device) => device !== undefined);
  return {
    devices: found,
    rules: found.map(({ type, major, minor }) => ({ allow: true, type, major: major!, minor: minor!, access })),
  };
}

export function hostDevices(): LinuxDevice[] {
  return walk("/dev", "/dev");
}

function walk(directory: string, inside: string): LinuxDevice[] {
  const found: LinuxDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name) || entry.isSymbolicLink()) continue;
    const path = join(directory, entry.name);
    const target = join(inside, entry.name);
    if (entry.isDirectory()) found.push(...walk(path, target));
    else if (entry.isBlockDevice() || entry.isCharacterDevice()) found.push(node(look(path), target)!);
  }
  return found;
}

function node(stat: Stats, path: string): LinuxDevice | undefined {
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) return undefined;
  return {
    path,
    type: stat.isBlockDevice() ? "b" : "c",
    ...split(stat.rdev),
    fileMode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

function split(rdev: number): { major: number; minor: number } {
  const high = Math.floor(rdev / 2 ** 32);
  const low = rdev >>> 0;
  return { major: ((low >>> 8) & 0xfff) | (high & 0xfffff000), minor: (low & 0xff) | ((low >>> 12) & 0xffffff00) };
}

function look(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw missing(path, cause);
  }
}

function resolve(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw missing(path, cause);
  }
}

function missing(path: string, cause: unknown): WharfError {
  return new WharfError("InvalidArgument", `error gathering device information: no such file or directory: ${path}`, {
    operation: "create container",
    subject: path,
    cause,
  });
}

function notDevice(path: string): WharfError {
  return new WharfError("InvalidArgument", `${JSON.stringify(path)} is no device`, {
    operation: "create container",
    subject: path,
  });
}
