// What one tree has over another, as a layer: for trees that are not an overlay's upper directory over its lower ones. Both are walked
// side by side; unchanged directories above a change are written as well, as containerd does.
import {
  AT_SYMLINK_NOFOLLOW,
  close,
  O,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  statIfThere,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { openFolder, sortedEntries } from "./folder.ts";
import { type Packer, readLink } from "./pack.ts";
import { cName } from "./tar/names.ts";
import { xattrNames, xattrOf } from "./xattrs.ts";

const CHUNK = 256 << 10;

function openFile(parent: number, name: string): number {
  return native.syscall(NR.openat, parent, cName(name), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && native.call(native.symbol("memcmp"), a, b, a.length) === 0;
}

/** Runs `compare` on both files opened; false when one cannot be. */
function withBoth(lower: number, upper: number, name: string, compare: (a: number, b: number) => boolean): boolean {
  const a = openFile(lower, name);
  const b = openFile(upper, name);
  try {
    return a >= 0 && b >= 0 && compare(a, b);
  } finally {
    if (a >= 0) close(a);
    if (b >= 0) close(b);
  }
}

function sameContent(a: number, b: number): boolean {
  const left = new Uint8Array(CHUNK);
  const right = new Uint8Array(CHUNK);
  for (;;) {
    const n = native.syscall(NR.read, a, left, CHUNK);
    const m = native.syscall(NR.read, b, right, CHUNK);
    if (n !== m || n < 0) return false;
    if (n === 0) return true;
    if (!sameBytes(left.subarray(0, n), right.subarray(0, n))) return false;
  }
}

function sameXattrs(a: number, b: number): boolean {
  const names = (fd: number): string[] =>
    xattrNames(fd)
      .filter((name) => !name.startsWith("trusted.overlay."))
      .sort();
  const left = names(a);
  if (left.join("\0") !== names(b).join("\0")) return false;
  return left.every((name) => sameBytes(xattrOf(a, name) ?? new Uint8Array(0), xattrOf(b, name) ?? new Uint8Array(0)));
}

export class Changes {
  readonly #packer: Packer;

  constructor(packer: Packer) {
    this.#packer = packer;
  }

  /** Writes what the open directory `upper` has over `lower`. `above` writes the directories on the way, once something is found. */
  tree(lower: number, upper: number, prefix = "", above: () => void = () => {}): void {
    const old = new Set(sortedEntries(lower).map(({ name }) => name));
    const now = sortedEntries(upper);
    const there = new Set(now.map(({ name }) => name));
    for (const name of old) {
      if (there.has(name)) continue;
      above();
      this.#packer.whiteout(prefix + name);
    }
    for (const { name } of now) {
      if (old.has(name)) this.#both(lower, upper, name, prefix + name, above);
      else {
        above();
        this.#packer.entry(upper, name, prefix + name);
      }
    }
  }

  #both(lower: number, upper: number, name: string, path: string, above: () => void): void {
    const was = statIfThere(cName(name) as string, AT_SYMLINK_NOFOLLOW, lower);
    const is = statIfThere(cName(name) as string, AT_SYMLINK_NOFOLLOW, upper);
    if (!is) return;
    const same = was !== undefined && this.#same(was, is, lower, upper, name);
    const isDir = (is.mode & S_IFMT) === S_IFDIR;
    if (!isDir || !was || (was.mode & S_IFMT) !== S_IFDIR) {
      if (same) return;
      above();
      this.#packer.entry(upper, name, path);
      return;
    }
    let written = false;
    const write = (): void => {
      if (written) return;
      written = true;
      above();
      this.#packer.directory(upper, name, path);
    };
    if (!same) write();
    const a = openFolder(lower, name);
    const b = openFolder(upper, name);
    try {
      if (a !== undefined && b !== undefined) this.tree(a, b, `${path}/`, write);
    } finally {
      if (a !== undefined) close(a);
      if (b !== undefined) close(b);
    }
  }

  #same(was: Stat, is: Stat, lower: number, upper: number, name: string): boolean {
    if (was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid) return false;
    switch (is.mode & S_IFMT) {
      case S_IFREG:
        if (was.size !== is.size || was.mtime !== is.mtime || was.mtimeNs !== is.mtimeNs) return false;
        // a time of whole seconds has been through an archive and proves nothing
        return withBoth(lower, upper, name, (a, b) => sameXattrs(a, b) && (is.mtimeNs !== 0 || sameContent(a, b)));
      case S_IFLNK:
        return readLink(lower, name) === readLink(upper, name);
      case S_IFCHR:
      case S_IFBLK:
        return was.rdevMajor === is.rdevMajor && was.rdevMinor === is.rdevMinor;
      case S_IFDIR:
        return withBoth(lower, upper, name, sameXattrs);
      default:
        return true;
    }
  }
}
