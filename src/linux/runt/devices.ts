// /dev of a container: the default devices, those of linux.devices, and the usual symlinks.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDevice } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { AT_SYMLINK_NOFOLLOW, close, exists, fstat, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, stat } from "../sys/fs.ts";
import { attach, cloneTree } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { openOrMake } from "../sys/openat2.ts";
import type { Warn } from "./limits.ts";
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

/** False when /dev is somebody else's: nothing is made in it. */
function ownDev(context: RootContext): boolean {
  const entry = (context.spec.mounts ?? []).findLast(({ destination }) => trimmed(destination) === "/dev");
  return entry === undefined || !isBind(entry);
}

/** Throws unless what is at its place already is the same device (config-linux.md#devices). */
function checkExisting(folder: number, name: string, { path, type, major = 0, minor = 0 }: LinuxDevice): void {
  const { mode, rdevMajor, rdevMinor } = stat(name, AT_SYMLINK_NOFOLLOW, folder);
  const same = (mode & S_IFMT) === KIND[type] && (type === "p" || (rdevMajor === major && rdevMinor === minor));
  if (same) return;
  throw new WharfError(
    "FailedPrecondition",
    `linux.devices: something else than ${type} ${major}:${minor} is at ${path}`,
    {
      subject: path,
      hint: "remove it from the image, or give the device another path",
    },
  );
}

/** Where mknod is not allowed: the host's own device, mounted on a file. */
function bindDevice(folder: number, name: string, { path, type, major, minor }: LinuxDevice): void {
  const tree = cloneTree(path, false);
  const { mode, rdevMajor, rdevMinor } = fstat(tree);
  if ((mode & S_IFMT) !== KIND[type] || rdevMajor !== major || rdevMinor !== minor) {
    close(tree);
    throw new WharfError("FailedPrecondition", `linux.devices: ${path} of the host is not ${type} ${major}:${minor}`, {
      subject: path,
      hint: "making another device than the host's at that path needs CAP_MKNOD of the host",
    });
  }
  const target = openOrMake(folder, name, "file", 0o666);
  attach(tree, target);
  close(tree);
  close(target);
}

const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xfffff;
const isDeviceNumber = (n: number, most: number) => n >= 0 && n <= most;

function make(context: RootContext, folder: number, name: string, device: LinuxDevice): void {
  const { path, type, major, minor, fileMode, uid, gid } = device;
  // a user namespace may make FIFOs, and no devices
  if (context.namespaces.own.has("user") && type !== "p") {
    bindDevice(folder, name, device);
    return;
  }
  const kind = KIND[type]!;
  if (type !== "p" && (major === undefined || minor === undefined)) {
    throw new WharfError("InvalidArgument", `linux.devices: ${JSON.stringify(path)} needs major and minor`);
  }
  // of a larger one the kernel would take a part
  if (!isDeviceNumber(major ?? 0, MAJOR_MAX) || !isDeviceNumber(minor ?? 0, MINOR_MAX)) {
    throw new WharfError("InvalidArgument", `linux.devices: ${JSON.stringify(path)}: no device is ${major}:${minor}`, {
      subject: path,
      hint: `major goes to ${MAJOR_MAX}, minor to ${MINOR_MAX}`,
    });
  }
  const mode = kind | ((fileMode ?? 0o666) & 0o7777);
  try {
    sys("mknod", path, NR.mknodat, folder, name, mode, deviceNumber(major ?? 0, minor ?? 0));
  } catch (error) {
    if (isErrno(error, "EPERM")) {
      bindDevice(folder, name, device);
      return;
    }
    if (!isErrno(error, "EEXIST")) throw error;
    // of those that every container has, an image with a /dev of its own may have others
    if (!DEFAULT.includes(device)) checkExisting(folder, name, device);
    return;
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

export function deviceSteps(context: RootContext, warn: Warn): Step[] {
  const given = context.spec.linux?.devices ?? [];
  if (!ownDev(context)) {
    if (given.length === 0) return [];
    const run = () => warn("linux.devices: /dev is a bind mount: its devices are those of its source, none is made");
    return [{ field: "linux.devices", name: "leave /dev as it is", run }];
  }
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
