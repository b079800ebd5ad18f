// Mounts: mount(2) and its descriptor-based successors, with their constants.
import { sys } from "./call.ts";
import { AT_FDCWD } from "./fs.ts";
import { NR } from "./nr.ts";

export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  I_VERSION: 1 << 23,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

export const MOUNT_ATTR = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  /** The access time bits as a field: 0 relatime, 0x10 noatime, 0x20 strictatime. */
  ATIME: 0x70,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

const AT_RECURSIVE = 0x8000;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

export function mount(
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null = null,
): void {
  sys(type ? `mount ${type} on` : "mount on", target, NR.mount, source, target, type, flags, data);
}

export function umount(target: string, flags = 0): void {
  sys("umount", target, NR.umount2, target, flags);
}

/** The path by which mount(2) and open(2) reach an O_PATH descriptor; for a process that still sees the host's /proc. */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** A detached copy of the mount at a path, or (path "") of the one an open descriptor lies on. */
export function cloneTree(path: string, recursive: boolean, dirfd = AT_FDCWD): number {
  const flags =
    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) | (path === "" ? AT_EMPTY_PATH : 0);
  return sys("open_tree", path, NR.open_tree, dirfd, path, flags);
}

/** Attaches a detached mount onto what `target`, an O_PATH descriptor, names. */
export function attach(tree: number, target: number): void {
  sys("move_mount", undefined, NR.move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

export interface MountAttributes {
  set?: number;
  clear?: number;
  /** MS.PRIVATE, SLAVE, SHARED or UNBINDABLE; 0: as it is. */
  propagation?: number;
  /** With IDMAP: a user namespace with the mapping. */
  userns?: number;
}

/** struct mount_attr, 64-bit values as two halves each. */
const attributes = new Uint32Array(8);

/** mount_setattr(2) on the mount that descriptor `fd` lies on. */
export function setAttributes(fd: number, change: MountAttributes, recursive: boolean): void {
  attributes[0] = change.set ?? 0;
  attributes[2] = change.clear ?? 0;
  attributes[4] = change.propagation ?? 0;
  attributes[6] = change.userns ?? 0;
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  sys("mount_setattr", fd, NR.mount_setattr, fd, "", flags, attributes, 32);
}

/** A file system of its own, mounted nowhere yet: fsopen, fsconfig, fsmount. */
export function newFileSystem(
  type: string,
  options: Readonly<Record<string, string | readonly string[]>>,
  attr: number,
): number {
  const context = sys("fsopen", type, NR.fsopen, type, 1);
  try {
    for (const key in options) {
      for (const value of [options[key]!].flat()) {
        const how = value === "" ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
        sys("fsconfig", key, NR.fsconfig, context, how, key, value === "" ? null : value, 0);
      }
    }
    sys("fsconfig", type, NR.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0);
    return sys("fsmount", type, NR.fsmount, context, 1, attr);
  } finally {
    native.syscall(NR.close, context);
  }
}
