// Owner, mode, xattrs and times of what was just created, in the order in which they do not undo each other.
import { kernelError } from "../sys/errno.ts";
import { AT_SYMLINK_NOFOLLOW } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { cName } from "./tar/names.ts";

const ENOTSUP = -95;
const EPERM = -1;

const times = new Int32Array(8);

/** A timespec pair for utimensat with both times the same. Reused by the next call. */
export function timespecs(seconds: number, ns: number): Int32Array {
  times[0] = times[4] = seconds | 0;
  times[1] = times[5] = Math.floor(seconds / 0x100000000);
  times[2] = times[6] = ns;
  return times;
}

/** Attributes that only the kernel's administrator may set; a confined process leaves them to one that is not. */
export interface LateXattr {
  path: string;
  name: string;
  /** The bytes, in hex. */
  value: string;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

export function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** overlayfs's own: in a layer they would forge redirects and whiteouts, so none is taken. */
function isOverlayXattr(name: string): boolean {
  return name.startsWith("trusted.overlay.");
}

function needsAdministrator(name: string): boolean {
  return name.startsWith("trusted.") || (name.startsWith("security.") && name !== "security.capability");
}

/**
 * Sets xattrs by `set`, which is given the name and the value. What the file system does not know is left out, as containerd and
 * Docker do; what needs more rights is added to `late`.
 */
export function applyXattrs(
  xattrs: ReadonlyMap<string, Uint8Array>,
  path: string,
  late: LateXattr[],
  set: (name: string | Uint8Array, value: Uint8Array) => number,
): void {
  for (const [name, value] of xattrs) {
    if (isOverlayXattr(name)) continue;
    if (needsAdministrator(name)) {
      late.push({ path, name, value: hex(value) });
      continue;
    }
    const answer = set(cName(name), value);
    // a namespace of attributes that does not exist, or user.* on what is neither file nor directory
    if (answer === ENOTSUP || (answer === EPERM && name.startsWith("user."))) continue;
    if (answer < 0) throw kernelError(`set xattr ${name} on`, path, -answer);
  }
}

/** fsetxattr on an open file. */
export function xattrOfFile(fd: number): (name: string | Uint8Array, value: Uint8Array) => number {
  return (name, value) => native.syscall(NR.fsetxattr, fd, name, value, value.length, 0);
}

/** For what cannot be opened (links, devices): by name in an open directory, which becomes the working directory. */
export function xattrOfName(parent: number, base: string): (name: string | Uint8Array, value: Uint8Array) => number {
  return (name, value) => {
    const answer = native.syscall(NR.fchdir, parent);
    if (answer < 0) return answer;
    return native.syscall(NR.lsetxattr, cName(base), name, value, value.length, 0);
  };
}

/** chown and times of an entry by name, links not followed. */
export function chownAt(parent: number, name: string, path: string, uid: number, gid: number): void {
  const answer = native.syscall(NR.fchownat, parent, cName(name), uid, gid, AT_SYMLINK_NOFOLLOW);
  if (answer < 0) throw kernelError("chown", path, -answer);
}

export function timesAt(parent: number, name: string, path: string, seconds: number, ns: number): void {
  const answer = native.syscall(NR.utimensat, parent, cName(name), timespecs(seconds, ns), AT_SYMLINK_NOFOLLOW);
  if (answer < 0) throw kernelError("set times of", path, -answer);
}
