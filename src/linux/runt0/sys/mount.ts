// Mounting: options as fstab(5) and the runtime specification write them, and the calls (man 2 mount, open_tree, mount_setattr).
import { sys } from "../../sys/call.ts";
import { AT_EMPTY_PATH } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

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
export const MNT_DETACH = 2;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

export const ATTR = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  ATIME: 0x70,
  RELATIME: 0,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

const FLAGS: Record<string, readonly [set: boolean, flag: number]> = {
  defaults: [true, 0],
  ro: [true, MS.RDONLY],
  rw: [false, MS.RDONLY],
  nosuid: [true, MS.NOSUID],
  suid: [false, MS.NOSUID],
  nodev: [true, MS.NODEV],
  dev: [false, MS.NODEV],
  noexec: [true, MS.NOEXEC],
  exec: [false, MS.NOEXEC],
  sync: [true, MS.SYNCHRONOUS],
  async: [false, MS.SYNCHRONOUS],
  dirsync: [true, MS.DIRSYNC],
  remount: [true, MS.REMOUNT],
  mand: [true, MS.MANDLOCK],
  nomand: [false, MS.MANDLOCK],
  atime: [false, MS.NOATIME],
  noatime: [true, MS.NOATIME],
  diratime: [false, MS.NODIRATIME],
  nodiratime: [true, MS.NODIRATIME],
  relatime: [true, MS.RELATIME],
  norelatime: [false, MS.RELATIME],
  strictatime: [true, MS.STRICTATIME],
  nostrictatime: [false, MS.STRICTATIME],
  iversion: [true, MS.I_VERSION],
  noiversion: [false, MS.I_VERSION],
  silent: [true, MS.SILENT],
  loud: [false, MS.SILENT],
  lazytime: [true, MS.LAZYTIME],
  nolazytime: [false, MS.LAZYTIME],
  symfollow: [false, MS.NOSYMFOLLOW],
  nosymfollow: [true, MS.NOSYMFOLLOW],
  bind: [true, MS.BIND],
  rbind: [true, MS.BIND | MS.REC],
};

const PROPAGATION: Record<string, number> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE | MS.REC,
  shared: MS.SHARED,
  rshared: MS.SHARED | MS.REC,
  slave: MS.SLAVE,
  rslave: MS.SLAVE | MS.REC,
  unbindable: MS.UNBINDABLE,
  runbindable: MS.UNBINDABLE | MS.REC,
};

/** Recursive attributes, "rro" and the like: bits to set and to clear for the whole tree. */
const RECURSIVE: Record<string, readonly [set: boolean, attr: number]> = {
  rro: [true, ATTR.RDONLY],
  rrw: [false, ATTR.RDONLY],
  rnosuid: [true, ATTR.NOSUID],
  rsuid: [false, ATTR.NOSUID],
  rnodev: [true, ATTR.NODEV],
  rdev: [false, ATTR.NODEV],
  rnoexec: [true, ATTR.NOEXEC],
  rexec: [false, ATTR.NOEXEC],
  rnodiratime: [true, ATTR.NODIRATIME],
  rdiratime: [false, ATTR.NODIRATIME],
  rrelatime: [true, ATTR.RELATIME],
  rnorelatime: [false, ATTR.RELATIME],
  rnoatime: [true, ATTR.NOATIME],
  ratime: [false, ATTR.NOATIME],
  rstrictatime: [true, ATTR.STRICTATIME],
  rnostrictatime: [false, ATTR.STRICTATIME],
  rnosymfollow: [true, ATTR.NOSYMFOLLOW],
  rsymfollow: [false, ATTR.NOSYMFOLLOW],
};

/** Every option word that is not the file system's own. */
export const MOUNT_OPTIONS = [
  ...Object.keys(FLAGS),
  ...Object.keys(PROPAGATION),
  ...Object.keys(RECURSIVE),
  "tmpcopyup",
].sort();

export interface MountOptions {
  flags: number;
  /** Flags that an option cleared: a bind mount keeps its source's flags but for these. */
  cleared: number;
  propagation: number[];
  recursive: { set: number; clear: number } | undefined;
  /** What the file system itself takes, comma separated. */
  data: string;
  tmpcopyup: boolean;
}

export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: MountOptions = {
    flags: 0,
    cleared: 0,
    propagation: [],
    recursive: undefined,
    data: "",
    tmpcopyup: false,
  };
  const data: string[] = [];
  for (const option of options) {
    const flag = FLAGS[option];
    const recursive = RECURSIVE[option];
    if (flag) {
      const [set, bits] = flag;
      if (set) result.flags |= bits;
      else result.flags &= ~bits;
      if (set) result.cleared &= ~bits;
      else result.cleared |= bits;
    } else if (PROPAGATION[option] !== undefined) result.propagation.push(PROPAGATION[option]);
    else if (recursive) {
      const [set, bits] = recursive;
      result.recursive ??= { set: 0, clear: 0 };
      const atime = option.endsWith("atime") && !option.includes("dir");
      if (atime) result.recursive.clear |= ATTR.ATIME;
      if (set) result.recursive.set |= bits;
      else if (!atime) result.recursive.clear |= bits;
    } else if (option === "tmpcopyup") result.tmpcopyup = true;
    else data.push(option);
  }
  result.data = data.join(",");
  return result;
}

export function propagationOf(name: string): number | undefined {
  return PROPAGATION[name];
}

/** mount(2). `subject` names the mount in errors. */
export function mount(source: string, target: string, type: string, flags: number, data = "", subject = target): void {
  sys(`mount ${type || "tree"} on`, subject, NR.mount, source, target, type || 0, flags, data === "" ? 0 : data);
}

/** A detached copy of the tree at a path. */
export function openTree(path: string, recursive: boolean, dirfd = -100): number {
  const flags = OPEN_TREE_CLONE | 0o2000000 | (recursive ? AT_RECURSIVE : 0) | (path === "" ? AT_EMPTY_PATH : 0);
  return sys("open tree", path, NR.open_tree, dirfd, path, flags);
}

/** Attaches a detached mount on the file or folder that `target` is open on. */
export function moveMount(mountFd: number, target: number, subject: string): void {
  sys(
    "attach mount on",
    subject,
    NR.move_mount,
    mountFd,
    "",
    target,
    "",
    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
  );
}

export interface MountAttributes {
  set?: number;
  clear?: number;
  propagation?: number;
  userns?: number;
}

export function setMountAttributes(
  mountFd: number,
  recursive: boolean,
  attributes: MountAttributes,
  subject: string,
): void {
  const { set = 0, clear = 0, propagation = 0, userns = 0 } = attributes;
  const attr = new BigUint64Array([BigInt(set), BigInt(clear), BigInt(propagation), BigInt(userns)]);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  sys("change mount attributes of", subject, NR.mount_setattr, mountFd, "", flags, attr, 32);
}
