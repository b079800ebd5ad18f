// Who makes a container holds a lock on its folder, which the kernel gives back when that process has ended, whatever ended it.
import { isErrno } from "../sys/call.ts";
import { AT_FDCWD, Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";

const F_GETLK = 5;
const F_SETLK = 6;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.CLOEXEC;

/** struct flock of the whole file. The type is its first half word. */
function wholeFile(type: number): Uint16Array {
  const lock = new Uint16Array(16);
  lock[0] = type;
  return lock;
}

/** Marks this process as the folder's maker for the rest of its life; what it forks is not. Where it cannot be marked it goes without. */
export function markMaker(folder: string): void {
  // the folder is claimed already, and nobody would give it back if this failed
  const fd = native.syscall(NR.openat, AT_FDCWD, folder, DIRECTORY, 0);
  if (fd >= 0) native.syscall(NR.fcntl, fd, F_SETLK, wholeFile(F_RDLCK));
}

/**
 * Waits until who made the folder has ended, `ms` milliseconds at most. One that is killed may be in the midst of a system call, which it
 * ends before it dies: what that makes would come after a removal.
 */
export function waitForMaker(folder: string, ms: number): void {
  let file: Fd;
  try {
    file = new Fd(open(folder, DIRECTORY));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  using _ = file;
  const end = monotonicMs() + ms;
  for (let pause = 0.1; ; pause = Math.min(pause * 2, 20)) {
    const lock = wholeFile(F_WRLCK);
    if (native.syscall(NR.fcntl, file.value, F_GETLK, lock) < 0 || lock[0] === F_UNLCK) return;
    if (monotonicMs() > end) return;
    sleepSync(pause);
  }
}
