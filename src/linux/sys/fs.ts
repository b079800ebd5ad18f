// Files and folders: thin, typed wrappers over system calls.
import { dirname, join } from "../../common/path.ts";
import { isErrno, sys } from "./call.ts";
import { NR } from "./nr.ts";

export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFIFO = 0o010000;

export function open(path: string, flags: number, mode = 0, dirfd = AT_FDCWD): number {
  return sys("open", path, NR.openat, dirfd, path, flags | O.CLOEXEC, mode);
}

export function close(fd: number): void {
  native.syscall(NR.close, fd);
}

/** A descriptor that is closed when its scope ends: `using file = fd(open(…))`. */
export class Fd implements Disposable {
  #value: number;
  constructor(value: number) {
    this.#value = value;
  }
  get value(): number {
    return this.#value;
  }
  /** Gives the descriptor away: it is not closed here any more. */
  release(): number {
    const value = this.#value;
    this.#value = -1;
    return value;
  }
  [Symbol.dispose](): void {
    if (this.#value >= 0) close(this.#value);
    this.#value = -1;
  }
}

/** Bytes read, 0 at the end. */
export function read(fd: number, buffer: Uint8Array, length = buffer.length): number {
  return sys("read", fd, NR.read, fd, buffer, length);
}

export function write(fd: number, buffer: Uint8Array, length = buffer.length): number {
  return sys("write", fd, NR.write, fd, buffer, length);
}

/** @param path what the descriptor is called in errors */
export function writeAll(fd: number, data: Uint8Array | string, path?: string): void {
  let rest = typeof data === "string" ? native.bytes(data) : data;
  while (rest.length > 0) rest = rest.subarray(sys("write", path ?? fd, NR.write, fd, rest, rest.length));
}

/** Everything up to the end of file. */
export function readAll(fd: number, sizeHint = 4096): Uint8Array {
  let buffer = new Uint8Array(Math.max(sizeHint, 64));
  let used = 0;
  for (;;) {
    if (used === buffer.length) {
      const bigger = new Uint8Array(buffer.length * 2);
      bigger.set(buffer);
      buffer = bigger;
    }
    const n = read(fd, buffer.subarray(used));
    if (n === 0) return buffer.subarray(0, used);
    used += n;
  }
}

export function readFile(path: string, dirfd = AT_FDCWD): Uint8Array {
  using file = new Fd(open(path, O.RDONLY, 0, dirfd));
  return readAll(file.value);
}

export function readText(path: string, dirfd = AT_FDCWD, sizeHint = 4096): string {
  const fd = open(path, O.RDONLY, 0, dirfd);
  try {
    return readFrom(fd, sizeHint);
  } finally {
    close(fd);
  }
}

/** Text from an open file to its end. Small files, which most are, take one buffer and no copy. */
export function readFrom(fd: number, sizeHint = 4096): string {
  const buffer = new Uint8Array(sizeHint);
  const address = native.address(buffer);
  let used = 0;
  while (used < sizeHint) {
    const n = sys("read", fd, NR.read, fd, address + used, sizeHint - used);
    if (n === 0) return native.utf8(buffer, 0, used);
    used += n;
  }
  const rest = readAll(fd, sizeHint);
  const whole = new Uint8Array(used + rest.length);
  whole.set(buffer);
  whole.set(rest, used);
  return native.utf8(whole);
}

export function writeFile(path: string, data: Uint8Array | string, mode = 0o644, dirfd = AT_FDCWD): void {
  using file = new Fd(open(path, O.WRONLY | O.CREAT | O.TRUNC, mode, dirfd));
  writeAll(file.value, data, path);
}

/** Replaces a file so that a reader sees the old or the new content, never a part. */
export function writeFileAtomic(path: string, data: Uint8Array | string, mode = 0o644): void {
  const tmp = `${path}.${native.syscall(NR.getpid)}.tmp`;
  writeFile(tmp, data, mode);
  rename(tmp, path);
}

export interface Stat {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  size: number;
  ino: number;
  blocks: number;
  /** Seconds since the epoch, and the nanoseconds beyond. */
  mtime: number;
  mtimeNs: number;
  /** When it was made, in seconds since the epoch and the nanoseconds beyond; 0 where the file system does not keep that. */
  birth: number;
  birthNs: number;
  /** Device of the file system, and of a device node. */
  devMajor: number;
  devMinor: number;
  rdevMajor: number;
  rdevMinor: number;
  mountId: number;
}

/** Whether both are of one file: an inode's number is that of its file system only. */
export function isSameFile(a: Stat, b: Stat): boolean {
  return a.ino === b.ino && a.devMajor === b.devMajor && a.devMinor === b.devMinor;
}

const STATX_BASIC = 0x7ff;
const STATX_BTIME = 0x800;
const STATX_MNT_ID = 0x1000;

/** statx(2). Follows symlinks unless AT_SYMLINK_NOFOLLOW is given. */
export function stat(path: string, flags = 0, dirfd = AT_FDCWD): Stat {
  // struct statx as 32-bit words, low half first
  const w = new Uint32Array(64);
  sys("stat", path, NR.statx, dirfd, path, flags, STATX_BASIC | STATX_BTIME | STATX_MNT_ID, w);
  return {
    nlink: w[4]!,
    uid: w[5]!,
    gid: w[6]!,
    mode: w[7]! & 0xffff,
    ino: w[8]! + w[9]! * WORD,
    size: w[10]! + w[11]! * WORD,
    blocks: w[12]! + w[13]! * WORD,
    mtime: w[28]! + (w[29]! | 0) * WORD,
    mtimeNs: w[30]!,
    birth: w[20]! + (w[21]! | 0) * WORD,
    birthNs: w[22]!,
    rdevMajor: w[32]!,
    rdevMinor: w[33]!,
    devMajor: w[34]!,
    devMinor: w[35]!,
    mountId: w[36]! + w[37]! * WORD,
  };
}

const WORD = 2 ** 32;

export function fstat(fd: number): Stat {
  return stat("", AT_EMPTY_PATH, fd);
}

/** The magic number of the file system on which it lies: statfs(2). */
export function fileSystemOf(fd: number): number {
  const buffer = new BigInt64Array(15);
  sys("fstatfs", fd, NR.fstatfs, fd, buffer);
  return Number(buffer[0]);
}

/** Undefined where nothing is. */
export function statIfThere(path: string, flags = 0, dirfd = AT_FDCWD): Stat | undefined {
  try {
    return stat(path, flags, dirfd);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

function workingDirectory(): string {
  const buffer = new Uint8Array(4096);
  const length = sys("get current folder", undefined, NR.getcwd, buffer, buffer.length);
  return native.utf8(buffer, 0, length - 1);
}

/** A path as it is from "/". */
export function absolute(path: string): string {
  return path.startsWith("/") ? path : join(workingDirectory(), path);
}

export function exists(path: string): boolean {
  return native.syscall(NR.faccessat, AT_FDCWD, path, 0) === 0;
}

export function mkdir(path: string, mode = 0o755, dirfd = AT_FDCWD): void {
  sys("mkdir", path, NR.mkdirat, dirfd, path, mode);
}

/** Creates a folder and those above it; existing ones are left alone. */
export function mkdirs(path: string, mode = 0o755): void {
  try {
    mkdir(path, mode);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return;
    if (!isErrno(error, "ENOENT") || dirname(path) === path) throw error;
    mkdirs(dirname(path), mode);
    mkdirs(path, mode);
  }
}

export function unlink(path: string, flags = 0, dirfd = AT_FDCWD): void {
  sys(flags & AT_REMOVEDIR ? "rmdir" : "unlink", path, NR.unlinkat, dirfd, path, flags);
}

export function rmdir(path: string): void {
  unlink(path, AT_REMOVEDIR);
}

/** unlink that does not mind a file that is gone. */
export function unlinkIfThere(path: string): void {
  try {
    unlink(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

export function rename(from: string, to: string): void {
  sys("rename", from, NR.renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

export function symlink(target: string, path: string, dirfd = AT_FDCWD): void {
  sys("symlink", path, NR.symlinkat, target, dirfd, path);
}

export function readlink(path: string, dirfd = AT_FDCWD): string {
  const buffer = new Uint8Array(4096);
  return native.utf8(buffer, 0, sys("readlink", path, NR.readlinkat, dirfd, path, buffer, buffer.length));
}

export function chmod(path: string, mode: number, dirfd = AT_FDCWD): void {
  sys("chmod", path, NR.fchmodat, dirfd, path, mode);
}

export function chown(path: string, uid: number, gid: number, flags = 0, dirfd = AT_FDCWD): void {
  sys("chown", path, NR.fchownat, dirfd, path, uid, gid, flags);
}

export function mkfifo(path: string, mode = 0o600): void {
  sys("mkfifo", path, NR.mknodat, AT_FDCWD, path, S_IFIFO | mode, 0);
}

export interface DirEntry {
  name: string;
  /** DT_*: 4 folder, 8 file, 10 symlink, 0 unknown. */
  type: number;
}

export const DT_DIR = 4;

/** The entries of an open folder, without "." and "..". */
export function readDirFd(fd: number): DirEntry[] {
  // most folders are small, and clean memory costs
  let buffer = new Uint8Array(2048);
  let view = new DataView(buffer.buffer);
  const entries: DirEntry[] = [];
  for (;;) {
    const n = sys("read folder", fd, NR.getdents64, fd, buffer, buffer.length);
    if (n === 0) return entries;
    for (let at = 0; at < n; at += view.getUint16(at + 16, true)) {
      let end = at + 19;
      while (buffer[end] !== 0) end++;
      const name = native.utf8(buffer, at + 19, end - at - 19);
      if (name !== "." && name !== "..") entries.push({ name, type: view.getUint8(at + 18) });
    }
    if (n > buffer.length / 2 && buffer.length < 32768) {
      buffer = new Uint8Array(32768);
      view = new DataView(buffer.buffer);
    }
  }
}

export function readDir(path: string): DirEntry[] {
  using dir = new Fd(open(path, O.RDONLY | O.DIRECTORY));
  return readDirFd(dir.value);
}

/** Both ends of a pipe, close-on-exec. */
export function pipe(flags = 0): [reader: number, writer: number] {
  const fds = new Int32Array(2);
  sys("pipe", undefined, NR.pipe2, fds, flags | O.CLOEXEC);
  return [fds[0]!, fds[1]!];
}

/** Makes `to` a copy of `from`; without O.CLOEXEC in flags it is passed on by exec. */
export function dup3(from: number, to: number, flags = 0): void {
  if (from === to) sys("fcntl", from, NR.fcntl, from, 2, flags & O.CLOEXEC ? 1 : 0);
  else sys("dup", from, NR.dup3, from, to, flags);
}

export function setNonblocking(fd: number): void {
  const flags = sys("fcntl", fd, NR.fcntl, fd, 3);
  sys("fcntl", fd, NR.fcntl, fd, 4, flags | O.NONBLOCK);
}
