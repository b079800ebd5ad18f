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
