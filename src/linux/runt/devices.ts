// /dev of a container: the default devices, those of linux.devices, and the usual symlinks.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDevice } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { AT_SYMLINK_NOFOLLOW, close, exists, S_IFBLK, S_IFCHR, S_IFIFO, unlink } from "../sys/fs.ts";
import { attach, cloneTree } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { openOrMake } from "../sys/openat2.ts";
import { isBind } from "./mounts.ts";
import type { Part, Step } from "./plan.ts";
import { type RootContext, trimmed } from "./root.ts";

const character = (path: string, major: number, minor: number): LinuxDevice => ({
  path,
  type: "c",
  major,
  minor,
  fileMode: 0o666,
});

/** config-linux.md#default-devices */
const DEFAULT: readonly LinuxDevice[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

/** runtime-linux.md#dev-symbolic-links */
const SYMLINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
];

const KIND: Readonly<Record<string, number>> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO };
const EEXIST = -17;

const deviceNumber = (major: number, minor: number) => (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12);

/** True when /dev is the container's own. Without a mount of its own, or with the host's, nothing is made in it. */
function ownDev(context: RootContext): boolean {
  const entry = (context.spec.mounts ?? []).find(({ destination }) => trimmed(destination) === "/dev");
  return entry !== undefined && !isBind(entry);
}

/** Where mknod is not allowed: the host's own device, mounted on a file. */
function bindDevice(folder: number, name: string, path: string): void {
  const tree = cloneTree(path, false);
  const target = openOrMake(folder, name, "file", 0o666);
  attach(tree, target);
  close(tree);
  close(target);
}

function make(context: RootContext, folder: number, name: string, device: LinuxDevice): void {
  const { path, type, major, minor, fileMode, uid, gid } = device;
  if (context.namespaces.own.has("user")) {
    bindDevice(folder, name, path);
    return;
  }
  const kind = KIND[type];
  if (kind === undefined) throw new WharfError("InvalidArgument", `unknown device type ${JSON.stringify(type)}`);
  if (type !== "p" && (major === undefined || minor === undefined)) {
    throw new WharfError("InvalidArgument", `device ${JSON.stringify(path)} needs major and minor`);
  }
  const mode = kind | ((fileMode ?? 0o666) & 0o7777);
  const mknod = () => sys("mknod", path, NR.mknodat, folder, name, mode, deviceNumber(major ?? 0, minor ?? 0));
  try {
    mknod();
  } catch (error) {
    if (isErrno(error, "EPERM")) {
      bindDevice(folder, name, path);
      return;
    }
    if (!isErrno(error, "EEXIST")) throw error;
    unlink(name, 0, folder);
    mknod();
  }
  if (uid || gid) sys("chown", path, NR.fchownat, folder, name, uid ?? 0, gid ?? 0, AT_SYMLINK_NOFOLLOW);
}

function makeAll(context: RootContext, wanted: Iterable<LinuxDevice>): void {
  const dev = context.fresh.get("/dev") ?? openOrMake(context.root, "/dev", "folder");
  for (const device of wanted) {
    const { path } = device;
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, slash);
    if (parent === "/dev") make(context, dev, path.slice(slash + 1), device);
    else {
      const folder = openOrMake(context.root, parent || "/", "folder");
      make(context, folder, path.slice(slash + 1), device);
      close(folder);
    }
  }
  for (const [name, target] of SYMLINKS) link(dev, name, target);
  if (exists("/proc/kcore")) link(dev, "core", "/proc/kcore");
}

function link(dev: number, name: string, target: string): void {
  const answer = native.syscall(NR.symlinkat, target, dev, name);
  if (answer < 0 && answer !== EEXIST) sys("symlink", name, NR.symlinkat, target, dev, name);
}

export function deviceSteps(context: RootContext): Step[] {
  if (!ownDev(context)) return [];
  const given = context.spec.linux?.devices ?? [];
  const run = () => {
    const wanted = new Map<string, LinuxDevice>();
    for (const device of DEFAULT) wanted.set(device.path, device);
    for (const device of given) {
      // the terminals are made by devpts and for process.terminal
      if (device.path !== "/dev/ptmx" && device.path !== "/dev/console") wanted.set(device.path, device);
    }
    // modes are given in full: the umask must not take anything from them
    const umask = native.syscall(NR.umask, 0);
    try {
      makeAll(context, wanted.values());
    } finally {
      native.syscall(NR.umask, umask);
    }
  };
  const parts = (): Part[] =>
    given.map(({ path, type, major = 0, minor = 0 }, i) => [
      `linux.devices[${i}]`,
      type === "p" ? `make the FIFO ${path}` : `make ${path} as ${type} ${major}:${minor}`,
    ]);
  return [{ field: "linux.devices", name: "make devices and links in /dev", run, parts }];
}
