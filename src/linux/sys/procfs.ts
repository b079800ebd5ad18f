// The kernel's own procfs, whatever lies on /proc (CVE-2025-52881): every access goes through one verified handle, and never onto
// another mount. Where somebody has mounted over a part of /proc, or over all of it, a procfs is used that nobody else can reach.
import { WharfError } from "../../common/errors.ts";
import { sys } from "./call.ts";
import { kernelError } from "./errno.ts";
import { close, Fd, O, readFrom, readlink, writeAll } from "./fs.ts";
import { MOUNT_ATTR, newFileSystem } from "./mount.ts";
import { NR } from "./nr.ts";
import { RESOLVE } from "./openat2.ts";

/** statfs(2). */
export const PROC_SUPER_MAGIC = 0x9fa0;
/** Inode of the root folder of every procfs, and of no other folder in it. */
const ROOT_INODE = 1;
const EXDEV = -18;
const ENOENT = -2;
const ELOOP = -40;
const AT_EMPTY_PATH = 0x1000;
/** Where st_ino is in struct stat, in halves of 64 bits. */
const ST_INO = 2;

/** Open folders: the host's /proc, and the private ones with and without what is not of processes. -1: not open. */
let host = -1;
let ours = -1;
let whole = -1;

const scratch = new Uint32Array(36);

function isProcRoot(fd: number): boolean {
  if (native.syscall(NR.fstatfs, fd, scratch) < 0 || scratch[0] !== PROC_SUPER_MAGIC) return false;
  return native.syscall(NR.newfstatat, fd, "", scratch, AT_EMPTY_PATH) === 0 && scratch[ST_INO] === ROOT_INODE;
}

/** What lies on /proc, when it is the whole of a procfs. */
function hostProc(): number {
  if (host >= 0) return host;
  const fd = native.syscall(NR.openat, -100, "/proc", O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC, 0);
  if (fd < 0) return fd;
  if (isProcRoot(fd)) {
    host = fd;
    return fd;
  }
  close(fd);
  return EXDEV;
}

/** A procfs mounted nowhere; a negative errno where that is not allowed. */
function privateProc(processesOnly: boolean): number {
  const known = processesOnly ? ours : whole;
  if (known >= 0) return known;
  const attr = MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
  let fd: number;
  try {
    fd = newFileSystem("proc", processesOnly ? { subset: "pid" } : {}, attr);
  } catch {
    return EXDEV;
  }
  if (processesOnly) ours = fd;
  else whole = fd;
  return fd;
}

const how = new Uint32Array(6);

function openBelow(root: number, path: string, flags: number): number {
  if (root < 0) return root;
  how[0] = flags | O.CLOEXEC;
  how[4] = RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS;
  return native.syscall(NR.openat2, root, path, how, 24);
}

/** A descriptor, or a negative errno. */
function tryOpen(path: string, flags: number): number {
  const fd = openBelow(hostProc(), path, flags);
  if (fd !== EXDEV && !(fd === ENOENT && host < 0)) return fd;
  // "sys/…" and the like are not of processes
  return openBelow(privateProc(/^(self|thread-self|\d+)(\/|$)/.test(path)), path, flags);
}

/** Opens a file or folder of procfs: "self/attr/exec", "17/stat". Links of the kernel's are not followed. */
export function openProc(path: string, flags: number = O.RDONLY): number {
  const fd = tryOpen(path, flags);
  if (fd >= 0) return fd;
  if (fd === EXDEV) throw fake(path);
  throw kernelError("open", `/proc/${path}`, -fd);
}

function fake(path: string): WharfError {
  return new WharfError("FailedPrecondition", `"/proc/${path}" is not the kernel's: something is mounted over it`, {
    subject: `/proc/${path}`,
    hint: "mount a procfs on /proc, with nothing on top of it",
  });
}

export function hasProc(path: string): boolean {
  const fd = tryOpen(path, O.PATH);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

export function readProc(path: string): string {
  using file = new Fd(openProc(path));
  return readFrom(file.value);
}

/** In one call, as the kernel wants it. */
export function writeProc(path: string, text: string): void {
  using file = new Fd(openProc(path, O.WRONLY));
  writeAll(file.value, text, `/proc/${path}`);
}

/** The text of a link of the kernel's: "pipe:[17]", a path. */
export function readProcLink(path: string): string {
  using link = new Fd(openProc(path, O.PATH | O.NOFOLLOW));
  return readlink("", link.value);
}

/** Opens what a link of the kernel's leads to ("self/ns/net"), when nothing lies on the link itself. */
export function openProcLink(path: string, flags: number = O.RDONLY): number {
  const slash = path.lastIndexOf("/");
  using folder = new Fd(openProc(path.slice(0, slash), O.PATH | O.DIRECTORY));
  const name = path.slice(slash + 1);
  const link = openBelow(folder.value, name, O.PATH | O.NOFOLLOW);
  if (link === EXDEV || link === ELOOP) throw fake(path);
  if (link >= 0) close(link);
  return sys("open", `/proc/${path}`, NR.openat, folder.value, name, flags | O.CLOEXEC, 0);
}

/** Throws unless the paths that fdPath() gives lead where the kernel says. */
export function checkFdPaths(): void {
  const fd = openBelow(hostProc(), "self/fd", O.PATH | O.DIRECTORY);
  if (fd < 0) throw fake("self/fd");
  close(fd);
}

/** close_range(2), from which the handles are not safe either. */
export function closeRange(first: number, last = 0xffffffff): void {
  sys("close descriptors", undefined, NR.close_range, first, last, 0);
  const gone = (fd: number) => fd >= first && fd <= last;
  if (gone(host)) host = -1;
  if (gone(ours)) ours = -1;
  if (gone(whole)) whole = -1;
}
