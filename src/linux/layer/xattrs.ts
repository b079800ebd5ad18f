// Extended attributes of open files.
import { sys } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import { NR } from "../sys/nr.ts";
import { cName, decodeName } from "./tar/names.ts";

const ENODATA = -61;
const ENOTSUP = -95;

/** Names of an open file's xattrs; none where the file system knows none. */
export function xattrNames(fd: number): string[] {
  let size = native.syscall(NR.flistxattr, fd, 0, 0);
  if (size === ENOTSUP || size === 0) return [];
  if (size < 0) throw kernelError("list xattrs", fd, -size);
  const buffer = new Uint8Array(size);
  size = sys("list xattrs", fd, NR.flistxattr, fd, buffer, size);
  return decodeName(buffer, 0, size)
    .split("\0")
    .filter((name) => name !== "");
}

/** An xattr's value; undefined when it is not there. */
export function xattrOf(fd: number, name: string): Uint8Array | undefined {
  const size = native.syscall(NR.fgetxattr, fd, cName(name), 0, 0);
  if (size === ENODATA || size === ENOTSUP) return undefined;
  if (size < 0) throw kernelError(`read xattr ${name}`, fd, -size);
  const value = new Uint8Array(size);
  if (size > 0) sys(`read xattr ${name}`, fd, NR.fgetxattr, fd, cName(name), value, size);
  return value;
}

/** All xattrs of an open file onto another one; what the file system there does not know is left out. */
export function copyXattrs(from: number, to: number, path: string): void {
  for (const name of xattrNames(from)) {
    const value = xattrOf(from, name);
    if (!value) continue;
    const answer = native.syscall(NR.fsetxattr, to, cName(name), value, value.length, 0);
    if (answer < 0 && answer !== ENOTSUP) throw kernelError(`set xattr ${name} on`, path, -answer);
  }
}

/** The same for what cannot be opened (links, devices), by name in open directories. The working directory changes. */
export function copyXattrsAt(from: number, to: number, name: string, path: string): void {
  sys("chdir", path, NR.fchdir, from);
  const file = cName(name);
  const size = native.syscall(NR.llistxattr, file, 0, 0);
  if (size === ENOTSUP || size === 0) return;
  const buffer = new Uint8Array(Math.max(size, 1));
  const length = sys("list xattrs of", path, NR.llistxattr, file, buffer, buffer.length);
  const names = decodeName(buffer, 0, length).split("\0");
  for (const xattr of names.filter((one) => one !== "")) {
    sys("chdir", path, NR.fchdir, from);
    const value = new Uint8Array(sys(`read xattr ${xattr} of`, path, NR.lgetxattr, file, cName(xattr), 0, 0));
    if (value.length > 0) sys(`read xattr ${xattr} of`, path, NR.lgetxattr, file, cName(xattr), value, value.length);
    sys("chdir", path, NR.fchdir, to);
    const answer = native.syscall(NR.lsetxattr, file, cName(xattr), value, value.length, 0);
    if (answer < 0 && answer !== ENOTSUP) throw kernelError(`set xattr ${xattr} on`, path, -answer);
  }
}
