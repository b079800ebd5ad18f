// This program's own file, kept from being written to by what it starts (CVE-2019-5736). A process that is about to become a
// container's, or lives where a container's processes see it, shows them /proc/<pid>/exe: opened there, the file could be
// overwritten as soon as nobody executes it any more. Executed from a read-only mount that is attached nowhere, it cannot be:
// whoever follows the link arrives on that mount, and nobody can change a mount that lies in no mount namespace.
import { cStringArray, isErrno, sys } from "./call.ts";
import { close, O, open, readlink } from "./fs.ts";
import { cloneTree, MOUNT_ATTR, setAttributes } from "./mount.ts";
import { NR } from "./nr.ts";

const SELF = "/proc/self/exe";
const ST_RDONLY = 1;
const TMPFS_MAGIC = 0x01021994;
const AT_EMPTY_PATH = 0x1000;
const W_OK = 2;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const ALL_SEALS = 0xf;
const CHUNK = 1 << 30;

/** True when this process runs from a file that nobody can write to by way of the process. */
function isProtected(): boolean {
  const buffer = new BigInt64Array(15);
  if (native.syscall(NR.statfs, SELF, buffer) < 0) return false;
  if (Number(buffer[10]) & ST_RDONLY) return true;
  return Number(buffer[0]) === TMPFS_MAGIC && readlink(SELF).startsWith("/memfd:");
}

/** The file on a detached read-only mount of its own. */
function readonlyMount(): number {
  const tree = cloneTree(SELF, false);
  setAttributes(tree, { set: MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV }, false);
  return tree;
}

/** A copy in sealed memory, for who may not mount. */
function sealedCopy(): number {
  const file = open(SELF, O.RDONLY);
  const copy = sys("memfd_create", undefined, NR.memfd_create, "wharf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  while (sys("copy", SELF, NR.sendfile, copy, file, 0, CHUNK) > 0) {}
  close(file);
  sys("seal", undefined, NR.fcntl, copy, F_ADD_SEALS, ALL_SEALS);
  return copy;
}

/**
 * Makes this process run from a protected file: executes the program anew with the same arguments, unless it is protected
 * already, or could not be written to by this user anyway. To be called before anything else is done.
 */
export function protectSelf(args: readonly string[]): void {
  if (isProtected()) return;
  if (native.syscall(NR.geteuid) !== 0 && native.syscall(NR.faccessat, -100, SELF, W_OK) < 0) return;
  let file: number;
  try {
    file = readonlyMount();
  } catch (error) {
    if (!isErrno(error, "EPERM", "ENOSYS", "EINVAL", "EACCES")) throw error;
    file = sealedCopy();
  }
  const argv = cStringArray(args);
  sys("execute myself anew", SELF, NR.execveat, file, "", argv, cStringArray(native.environ()), AT_EMPTY_PATH);
}
