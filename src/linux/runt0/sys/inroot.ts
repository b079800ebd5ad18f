// Paths below a container's root: resolved by the kernel as if the root were "/", so that no symlink leads outside (openat2(2)).
import { isErrno, sys } from "../../sys/call.ts";
import { close, Fd, fstat, mkdir, O, S_IFDIR, S_IFMT, type Stat } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16 } as const;

/** openat2(2); tries again when a concurrent rename makes the kernel unsure (EAGAIN). */
export function openat2(dirfd: number, path: string, flags: number, resolve: number, mode = 0): number {
  const how = new BigUint64Array([BigInt(flags | O.CLOEXEC), BigInt(mode), BigInt(resolve)]);
  for (let attempt = 0; ; attempt++) {
    try {
      return sys("open", path, NR.openat2, dirfd, path, how, 24);
    } catch (error) {
      if (!isErrno(error, "EAGAIN") || attempt >= 128) throw error;
    }
  }
}

/** Opens an existing path below `root`; O_PATH unless told otherwise. */
export function openInRoot(root: number, path: string, flags: number = O.PATH): number {
  return openat2(root, path, flags, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
}

/** Undefined where there is nothing. */
export function openInRootIfThere(root: number, path: string, flags: number = O.PATH): number | undefined {
  try {
    return openInRoot(root, path, flags);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/**
 * Opens a path below `root`, making the folders that are missing and, at its end, what `make` makes. Symlinks of the image
 * are followed within the root, also where they dangle: their target is made, inside.
 */
export function openOrMake(root: number, path: string, kind: "folder" | "file", mode = 0o755): number {
  const there = openInRootIfThere(root, path);
  if (there !== undefined) return there;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  let at = new Fd(openInRoot(root, "/"));
  let walked = "";
  try {
    for (const [i, part] of parts.entries()) {
      walked += `/${part}`;
      const last = i === parts.length - 1;
      let next = openInRootIfThere(root, walked);
      if (next === undefined) {
        if (!last || kind === "folder") makeFolder(at.value, part, last ? mode : 0o755);
        else makeFile(at.value, part, mode);
        next = openInRoot(root, walked);
      }
      at[Symbol.dispose]();
      at = new Fd(next);
    }
    return at.release();
  } finally {
    at[Symbol.dispose]();
  }
}

function makeFolder(dir: number, name: string, mode: number): void {
  try {
    mkdir(name, mode, dir);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

function makeFile(dir: number, name: string, mode: number): void {
  close(sys("create", name, NR.openat, dir, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC, mode));
}

export function isFolder(stat: Stat): boolean {
  return (stat.mode & S_IFMT) === S_IFDIR;
}

export function isFolderFd(fd: number): boolean {
  return isFolder(fstat(fd));
}

/** The path by which mount(2) reaches what a descriptor is open on. */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
