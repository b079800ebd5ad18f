// Devices of the host for a container's configuration.

import type { LinuxDevice, LinuxDeviceCgroup } from "../../common/oci/runtime.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  readDir,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  stat,
  statIfThere,
} from "../sys/fs.ts";
import { usage } from "./ctr.ts";

/** Folders of /dev that are made anew in each container. */
const OWN = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"]);

const TYPE = new Map([
  [S_IFCHR, "c" as const],
  [S_IFBLK, "b" as const],
]);

function device(path: string): LinuxDevice | undefined {
  const found = statIfThere(path);
  const type = found && TYPE.get(found.mode & S_IFMT);
  if (!found || !type) return undefined;
  const { rdevMajor: major, rdevMinor: minor, mode, uid, gid } = found;
  return { path, type, major, minor, fileMode: mode & 0o7777, uid, gid };
}

/** All devices in a folder and below it. */
export function devicesBelow(folder: string): LinuxDevice[] {
  const names = readDir(folder).map(({ name }) => name);
  return names.sort().flatMap((name) => {
    const path = `${folder}/${name}`;
    if (OWN.has(name)) return [];
    // what a link leads to stands below its own name
    const found = statIfThere(path, AT_SYMLINK_NOFOLLOW);
    if (found && (found.mode & S_IFMT) === S_IFDIR) return devicesBelow(path);
    return found && (found.mode & S_IFMT) !== S_IFLNK ? (device(path) ?? []) : [];
  });
}

/** One device, or all below a folder, with the rules that allow them. */
export function chosenDevices(path: string): { devices: LinuxDevice[]; rules: LinuxDeviceCgroup[] } {
  const isFolder = (stat(path).mode & S_IFMT) === S_IFDIR;
  const devices = isFolder ? devicesBelow(path) : [device(path) ?? none(path)];
  const rules = devices.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access: "rwm" }));
  return { devices, rules };
}

function none(path: string): never {
  throw usage(`${JSON.stringify(path)} is no device`);
}
