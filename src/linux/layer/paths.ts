// Paths of archive entries: cleaned by text, then reached by descriptors of their directories.
import { WharfError } from "../../common/errors.ts";
import { kernelError } from "../sys/errno.ts";
import { close, O } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { cName } from "./tar/names.ts";

/**
 * An entry's name relative to the tree's root: without "." and empty parts, and without a slash at either end; "" is the root itself.
 * An absolute name counts from the root. InvalidArgument when `..` leads out.
 */
export function cleanName(name: string): string {
  // the common case makes no pieces
  let clean = name;
  if (clean.endsWith("/")) clean = clean.slice(0, -1);
  if (clean.startsWith("./")) clean = clean.slice(2);
  if (!clean.includes("/.") && !clean.includes("//") && !clean.startsWith("/") && !clean.startsWith(".")) return clean;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw new WharfError("InvalidArgument", `archive entry ${JSON.stringify(name)} leads out of the tree`, {
        operation: "unpack",
        subject: name,
      });
    }
  }
  return parts.join("/");
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const KEPT = 24;
/** PATH_MAX is 4096 with the NUL; longer paths are walked in pieces. */
const LONGEST = 4000;
const ENOENT = -2;
const ENOTDIR = -20;

/**
 * Descriptors of a tree's directories by path; the last ones are kept open. Links in a path are followed as the kernel does,
 * so the process must have the tree as its root (chroot).
 */
export class Folders {
  readonly root: number;
  readonly #open = new Map<string, number>();
  #lastPath = "";
  #last: number;
  /** Makes the directories of a path that are missing, or where something stands that is none. */
  readonly #make: (path: string) => void;

  constructor(root: number, make: (path: string) => void) {
    this.root = root;
    this.#last = root;
    this.#make = make;
  }

  /** An O_PATH descriptor of the directory at a clean path; it stays this object's. */
  at(path: string): number {
    if (path === this.#lastPath) return this.#last;
    if (path === "") return this.root;
    let fd = this.#open.get(path);
    if (fd === undefined) {
      fd = this.#enter(path);
      if (this.#open.size >= KEPT) this.#drop();
    } else {
      this.#open.delete(path);
    }
    // the map's order is that of use
    this.#open.set(path, fd);
    this.#lastPath = path;
    this.#last = fd;
    return fd;
  }

  #drop(): void {
    const oldest = this.#open.entries().next().value;
    if (!oldest) return;
    this.#open.delete(oldest[0]);
    close(oldest[1]);
  }

  #enter(path: string): number {
    let from = this.root;
    let rest = path;
    if (path.length > LONGEST) {
      const slash = path.indexOf("/", path.length - LONGEST);
      if (slash > 0) {
        from = this.at(path.slice(0, slash));
        rest = path.slice(slash + 1);
      }
    }
    const flags = O.PATH | O.DIRECTORY | O.CLOEXEC;
    let fd = native.syscall(NR.openat, from, cName(rest), flags);
    if (fd === ENOENT || fd === ENOTDIR) {
      this.#make(path);
      from = path === rest ? this.root : this.at(path.slice(0, -rest.length - 1));
      fd = native.syscall(NR.openat, from, cName(rest), flags);
    }
    if (fd < 0) throw kernelError("open directory", path, -fd);
    return fd;
  }

  /** Forgets what was at or below `path`: it is being removed. */
  forget(path: string): void {
    for (const [known, fd] of this.#open) {
      if (known !== path && !known.startsWith(`${path}/`)) continue;
      this.#open.delete(known);
      close(fd);
    }
    this.#lastPath = "";
    this.#last = this.root;
  }

  close(): void {
    for (const fd of this.#open.values()) close(fd);
    this.#open.clear();
    this.#lastPath = "";
    this.#last = this.root;
  }
}
