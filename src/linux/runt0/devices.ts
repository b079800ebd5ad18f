// /dev of a container: the default devices, those of linux.devices, and the usual symlinks.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDevice } from "../../common/oci/runtime.ts";
import { basename, dirname } from "../../common/path.ts";
import { isErrno, sys } from "../sys/call.ts";
import { Fd, S_IFBLK, S_IFCHR, S_IFIFO, symlink, unlink } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { RootfsContext } from "./rootfs.ts";
import { openInRootIfThere, openOrMake } from "./sys/inroot.ts";
import { moveMount, openTree } from "./sys/mount.ts";

const character = (path: string, major: number, minor: number): LinuxDevice => ({
  path,
  type: "c",
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
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
const SYMLINKS: readonly (readonly [path: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
];

const KIND: Record<LinuxDevice["type"], number> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO };

const deviceNumber = (major: number, minor: number) => (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12);

/** True when the mounts bring a /dev of the host: then nothing is made in it. */
function devIsBound(context: RootfsContext): boolean {
  return (context.spec.mounts ?? []).some(({ destination, type, options }) => {
    const bound = type === "bind" || options?.includes("bind") || options?.includes("rbind");
    return bound && destination.replace(/\/+$/, "") === "/dev";
  });
}

function make(context: RootfsContext, dir: number, device: LinuxDevice): void {
  const name = basename(device.path);
  if (context.userNamespace) {
    bindDevice(dir, name, device.path);
    return;
  }
  const mode = KIND[device.type] | (device.fileMode ?? 0o666);
  if (KIND[device.type] === undefined)
    throw new WharfError("InvalidArgument", `unknown device type ${JSON.stringify(device.type)}`);
  try {
    sys("mknod", device.path, NR.mknodat, dir, name, mode, deviceNumber(device.major ?? 0, device.minor ?? 0));
  } catch (error) {
    if (isErrno(error, "EPERM")) {
      bindDevice(dir, name, device.path);
      return;
    }
    if (!isErrno(error, "EEXIST")) throw error;
    unlink(name, 0, dir);
    sys("mknod", device.path, NR.mknodat, dir, name, mode, deviceNumber(device.major ?? 0, device.minor ?? 0));
  }
  if (device.uid || device.gid)
    sys("chown", device.path, NR.fchownat, dir, name, device.uid ?? 0, device.gid ?? 0, 0x100);
}

/** Where mknod is not allowed: the host's own device, mounted on a file. */
function bindDevice(dir: number, name: string, path: string): void {
  using tree = new Fd(openTree(path, false));
  using target = new Fd(openOrMake(dir, name, "file", 0o666));
  moveMount(tree.value, target.value, path);
}

export function makeDevices(context: RootfsContext, root: number): void {
  const mounts = context.spec.mounts ?? [];
  if (!mounts.some(({ destination }) => destination.replace(/\/+$/, "") === "/dev") || devIsBound(context)) return;
  // modes are given in full: the umask must not take anything from them
  const umask = native.syscall(NR.umask, 0);
  try {
    using dev = new Fd(openOrMake(root, "/dev", "folder"));
    const wanted = new Map([...DEFAULT, ...(context.spec.linux?.devices ?? [])].map((device) => [device.path, device]));
    for (const device of wanted.values()) {
      if (device.path === "/dev/ptmx" || device.path === "/dev/console") continue;
      const folder = dirname(device.path);
      if (folder === "/dev") make(context, dev.value, device);
      else {
        using other = new Fd(openOrMake(root, folder, "folder"));
        make(context, other.value, device);
      }
    }
    for (const [name, target] of SYMLINKS) link(dev.value, name, target);
    link(dev.value, "ptmx", "pts/ptmx");
    const core = openInRootIfThere(root, "/proc/kcore");
    if (core !== undefined) {
      new Fd(core)[Symbol.dispose]();
      link(dev.value, "core", "/proc/kcore");
    }
  } finally {
    native.syscall(NR.umask, umask);
  }
}

function link(dir: number, name: string, target: string): void {
  try {
    symlink(target, name, dir);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
