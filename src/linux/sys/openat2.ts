// Paths below a root that others may write to: resolved by the kernel as if the root were "/", never out of it.
import { WharfError } from "../../common/errors.ts";
import { isErrno, sys } from "./call.ts";
import { close, mkdir, O, open, readlink } from "./fs.ts";
import { NR } from "./nr.ts";

export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16 } as const;

/** struct open_how, 64-bit values as two halves each. */
const how = new Uint32Array(6);
/** openat2 gives EAGAIN when something was renamed on the way. */
const TRIES = 128;
const EAGAIN = -11;
const ENOENT = -2;
const ENOTDIR = -20;

const { CLOEXEC } = O;
const ALWAYS = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
const CALL = NR.openat2;

function tryOpen(root: number, path: string, flags: number, resolve: number, mode: number): number {
  how[0] = flags | CLOEXEC;
  how[2] = mode;
  how[4] = resolve | ALWAYS;
  let fd = native.syscall(CALL, root, path, how, 24);
  for (let i = 1; fd === EAGAIN && i < TRIES; i++) fd = native.syscall(CALL, root, path, how, 24);
  return fd;
}

/** openat2(2) below `root`. Links are followed inside the root, magic ones of procfs never. */
export function openInRoot(root: number, path: string, flags: number = O.PATH, resolve = 0, mode = 0): number {
  const fd = tryOpen(root, path, flags, resolve, mode);
  return fd >= 0 ? fd : sys("open", path, NR.openat2, root, path, how, 24);
}

/** Undefined where there is nothing. */
export function openInRootIfThere(root: number, path: string, flags: number = O.PATH, resolve = 0): number | undefined {
  const fd = tryOpen(root, path, flags, resolve, 0);
  if (fd >= 0) return fd;
  return fd === ENOENT || fd === ENOTDIR ? undefined : sys("open", path, NR.openat2, root, path, how, 24);
}

/** What is made at the end of a path that is not there. */
export type Missing = "folder" | "file";

const MAX_LINKS = 40;

/**
 * An O_PATH descriptor of `path` below `root`; what is missing of it is made, folders with mode 0755. Dangling symlinks
 * are followed as text, inside the root.
 */
export function openOrMake(root: number, path: string, missing: Missing, mode = 0o755, resolve = 0): number {
  return openInRootIfThere(root, path, O.PATH, resolve) ?? make(root, path, missing, mode, resolve, 0);
}

function make(root: number, path: string, missing: Missing, mode: number, resolve: number, links: number): number {
  if (links > MAX_LINKS) throw new WharfError("FailedPrecondition", `too many symlinks in ${JSON.stringify(path)}`);
  const names = path.split("/").filter((part) => part !== "" && part !== ".");
  // from the deepest folder that is there, mostly the parent
  let depth = names.length - 1;
  let at: number | undefined;
  for (; ; depth--) {
    at = openInRootIfThere(root, names.slice(0, depth).join("/") || ".", O.PATH | O.DIRECTORY, resolve);
    if (at !== undefined || depth === 0) break;
  }
  at ??= open(".", O.PATH | O.DIRECTORY, 0, root);
  try {
    for (; depth < names.length; depth++) {
      const name = names[depth]!;
      const last = depth === names.length - 1;
      try {
        if (!last || missing === "folder") mkdir(name, last ? mode : 0o755, at);
        else close(open(name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, mode, at));
      } catch (error) {
        if (!isErrno(error, "EEXIST")) throw error;
        // there all the same: a symlink into nothing, or made by somebody this very moment
        const link = linkAt(at, name);
        if (link !== undefined) {
          if (resolve & RESOLVE.NO_SYMLINKS) throw error;
          const target = link.startsWith("/") ? link : `${names.slice(0, depth).join("/")}/${link}`;
          return make(root, `${target}/${names.slice(depth + 1).join("/")}`, missing, mode, resolve, links + 1);
        }
      }
      const next = openInRoot(at, name, O.PATH | O.NOFOLLOW, RESOLVE.NO_SYMLINKS);
      close(at);
      at = next;
    }
    const made = at;
    at = -1;
    return made;
  } finally {
    if (at >= 0) close(at);
  }
}

function linkAt(dirfd: number, name: string): string | undefined {
  try {
    return readlink(name, dirfd);
  } catch {
    return undefined;
  }
}
