// rm -rf by descriptors: follows nothing, enters no mount, minds neither immutable files nor trees of any depth.
import { basename, dirname } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import { AT_REMOVEDIR, close, fstat, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { Folder, openFolder } from "./folder.ts";
import { cName } from "./tar/names.ts";

const ENOENT = -2;
const EPERM = -1;
const EBUSY = 16;
const ENOTDIR = -20;
const EISDIR = -21;
const ENOTEMPTY = -39;
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const IMMUTABLE_OR_APPEND = 0x30;
/** Deeper directories are first moved up, so that neither descriptors nor stack run out. */
const MAX_DEPTH = 200;
const REPORT_EVERY = 4096;

/** Takes the immutable and append-only flags off, as chattr -ia does. */
function unlock(fd: number): void {
  const flags = new Uint32Array(2);
  if (native.syscall(NR.ioctl, fd, FS_IOC_GETFLAGS, flags) < 0) return;
  if ((flags[0]! & IMMUTABLE_OR_APPEND) === 0) return;
  flags[0] = flags[0]! & ~IMMUTABLE_OR_APPEND;
  native.syscall(NR.ioctl, fd, FS_IOC_SETFLAGS, flags);
}

/** unlinkat; flags that forbid it, of the entry or its directory, are taken off. The kernel's answer. */
function unlinkat(parent: number, name: string | Uint8Array | number, flags: number): number {
  const answer = native.syscall(NR.unlinkat, parent, name, flags);
  if (answer !== EPERM) return answer;
  unlock(parent);
  const fd = native.syscall(NR.openat, parent, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC);
  if (fd >= 0) {
    unlock(fd);
    close(fd);
  }
  return native.syscall(NR.unlinkat, parent, name, flags);
}

export class Removal {
  /** Removed so far. */
  inodes = 0;
  readonly #progress: ((inodes: number) => void) | undefined;
  readonly #folders: Folder[] = [];
  #mountId = 0;
  #top = -1;
  #moved = 0;

  constructor(progress?: (inodes: number) => void) {
    this.#progress = progress;
  }

  #count(): void {
    if (++this.inodes % REPORT_EVERY === 0) this.#progress?.(this.inodes);
  }

  /** Empties an open directory. */
  #empty(fd: number, path: string, depth: number): void {
    const folder = (this.#folders[depth] ??= new Folder());
    folder.start(fd);
    while (folder.next()) {
      if (folder.type === 4) {
        this.#directory(fd, folder.name, () => `${path}/${folder.text()}`, depth + 1);
        continue;
      }
      const answer = unlinkat(fd, folder.name, 0);
      if (answer === 0) this.#count();
      // a file system that does not tell types
      else if (answer === EISDIR) this.#directory(fd, folder.name, () => `${path}/${folder.text()}`, depth + 1);
      else if (answer !== ENOENT) throw kernelError("remove", `${path}/${folder.text()}`, -answer);
    }
  }

  /** Removes a directory of `parent`. */
  #directory(parent: number, name: string | Uint8Array | number, path: () => string, depth: number): void {
    let before = -1;
    for (;;) {
      // an empty one goes at once
      const answer = unlinkat(parent, name, AT_REMOVEDIR);
      if (answer === 0) this.#count();
      if (answer === 0 || answer === ENOENT) return;
      // deep directories have been moved up, or somebody adds as we remove: again, as long as it gets less
      const done = this.inodes + this.#moved;
      if (answer !== ENOTEMPTY || done === before) throw kernelError("remove", path(), -answer);
      before = done;
      if (depth > MAX_DEPTH && this.#moveUp(parent, name)) return;
      const fd = openFolder(parent, name as number);
      if (fd === undefined) return;
      try {
        if (fstat(fd).mountId !== this.#mountId) {
          throw kernelError("remove", path(), EBUSY, "something is mounted there: unmount it first");
        }
        if (depth === 0) this.#top = fd;
        this.#empty(fd, path(), depth);
      } finally {
        close(fd);
      }
    }
  }

  /** Makes a deep directory an entry of the tree's top, which is read again until it is empty. */
  #moveUp(parent: number, name: string | Uint8Array | number): boolean {
    return native.syscall(NR.renameat2, parent, name, this.#top, `.wharf-deep-${this.#moved++}`, 0) === 0;
  }

  /** Removes `name` of the open directory with all below it; nothing there is no error. FailedPrecondition at a mount. */
  at(parent: number, name: string, path = name): void {
    const answer = unlinkat(parent, cName(name), 0);
    if (answer === 0) this.#count();
    if (answer === 0 || answer === ENOENT || answer === ENOTDIR) return;
    if (answer !== EISDIR) throw kernelError("remove", path, -answer);
    this.#mountId = fstat(parent).mountId;
    this.#directory(parent, cName(name), () => path, 0);
  }

  /** Removes the tree at an absolute path. */
  path(path: string): void {
    let parent: number;
    try {
      parent = open(dirname(path), O.RDONLY | O.DIRECTORY);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return;
      throw error;
    }
    try {
      this.at(parent, basename(path), path);
    } finally {
      close(parent);
    }
  }
}
