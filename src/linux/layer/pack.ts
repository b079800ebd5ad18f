// A directory tree into a tar: of an overlay's upper directory the layer, with whiteouts in their archive form; of anything else a copy.
import { kernelError } from "../sys/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  close,
  fstat,
  O,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  statIfThere,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { openFolder, sortedEntries } from "./folder.ts";
import { TYPE } from "./tar/entry.ts";
import { cName, decodeName } from "./tar/names.ts";
import type { TarWriter, Written } from "./tar/writer.ts";
import { xattrNames, xattrOf } from "./xattrs.ts";

const ENOENT = -2;

export interface PackOptions {
  /** The tree is an overlay's upper directory: its whiteouts and opaque marks become entries. */
  overlay: boolean;
  /** Later times become this one; seconds since the epoch. */
  sourceDateEpoch?: number | undefined;
}

/** Attributes that belong into a layer: file capabilities, ACLs and what users set. Labels of security modules are the host's. */
function travels(name: string): boolean {
  return name === "security.capability" || name.startsWith("user.") || name.startsWith("system.posix_acl_");
}

export function readLink(parent: number, name: string): string {
  const buffer = new Uint8Array(4096);
  const n = native.syscall(NR.readlinkat, parent, cName(name), buffer, buffer.length);
  if (n < 0) throw kernelError("read link", name, -n);
  return decodeName(buffer, 0, n);
}

export class Packer {
  readonly #writer: TarWriter;
  readonly #options: PackOptions;
  /** Path of the first name of an inode with several. */
  readonly #links = new Map<string, string>();

  constructor(writer: TarWriter, options: PackOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Everything below an open directory; entries are named `prefix` and their path from there. The directory itself is left out. */
  tree(fd: number, prefix = ""): void {
    for (const { name } of sortedEntries(fd)) this.entry(fd, name, prefix + name);
  }

  #mtime(seconds: number): number {
    const { sourceDateEpoch } = this.#options;
    return sourceDateEpoch !== undefined && seconds > sourceDateEpoch ? sourceDateEpoch : seconds;
  }

  /** One entry of an open directory, with all below it, as `path`. What is gone meanwhile is left out. */
  entry(parent: number, name: string, path: string): void {
    const of = statIfThere(cName(name) as string, AT_SYMLINK_NOFOLLOW, parent);
    if (!of) return;
    const kind = of.mode & S_IFMT;
    if (kind === S_IFDIR) this.#directory(parent, name, path, of);
    else if (kind === S_IFREG) this.#file(parent, name, path, of);
    else if (kind === S_IFLNK) this.#plain(path, of, TYPE.symlink, { linkName: readLink(parent, name) });
    else if (kind === S_IFIFO) this.#plain(path, of, TYPE.fifo);
    else if (kind === S_IFCHR || kind === S_IFBLK) this.#device(path, of, kind);
    // sockets mean nothing without the process that made them
  }

  #device(path: string, of: Stat, kind: number): void {
    const { rdevMajor: devMajor, rdevMinor: devMinor } = of;
    if (this.#options.overlay && kind === S_IFCHR && devMajor === 0 && devMinor === 0) this.whiteout(path, of.mtime);
    else this.#plain(path, of, kind === S_IFCHR ? TYPE.char : TYPE.block, { devMajor, devMinor });
  }

  #base(path: string, of: Stat, type: number): Written {
    return { type, name: path, mode: of.mode, uid: of.uid, gid: of.gid, size: 0, mtime: this.#mtime(of.mtime) };
  }

  /** True when another name of the same inode has been written, and this one now as a link to it. */
  #linked(path: string, of: Stat): boolean {
    if (of.nlink < 2) return false;
    const inode = `${of.devMajor}:${of.devMinor}:${of.ino}`;
    const first = this.#links.get(inode);
    if (first === undefined) {
      this.#links.set(inode, path);
      return false;
    }
    this.#writer.header({ ...this.#base(path, of, TYPE.link), linkName: first });
    return true;
  }

  #plain(path: string, of: Stat, type: number, more: Partial<Written> = {}): void {
    if (!this.#linked(path, of)) this.#writer.header({ ...this.#base(path, of, type), ...more });
  }

  /** The entry that hides `path` of lower layers. */
  whiteout(path: string, mtime = 0): void {
    const slash = path.lastIndexOf("/") + 1;
    this.#mark(`${path.slice(0, slash)}.wh.${path.slice(slash)}`, mtime);
  }

  #mark(name: string, mtime: number): void {
    this.#writer.header({ type: TYPE.file, name, mode: 0, uid: 0, gid: 0, size: 0, mtime: this.#mtime(mtime) });
  }

  #xattrs(fd: number): Map<string, Uint8Array> | undefined {
    let xattrs: Map<string, Uint8Array> | undefined;
    for (const name of xattrNames(fd)) {
      const value = travels(name) ? xattrOf(fd, name) : undefined;
      if (value) (xattrs ??= new Map()).set(name, value);
    }
    return xattrs;
  }

  #file(parent: number, name: string, path: string, of: Stat): void {
    if (this.#linked(path, of)) return;
    const fd = native.syscall(NR.openat, parent, cName(name), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.CLOEXEC);
    if (fd === ENOENT) return;
    if (fd < 0) throw kernelError("open", path, -fd);
    try {
      const { size } = fstat(fd);
      this.#writer.header({ ...this.#base(path, of, TYPE.file), size, xattrs: this.#xattrs(fd) });
      this.#writer.data(size, (address, length) => {
        const n = native.syscall(NR.read, fd, address, length);
        if (n < 0) throw kernelError("read", path, -n);
        return n;
      });
    } finally {
      close(fd);
    }
  }

  #directory(parent: number, name: string, path: string, of: Stat): void {
    const fd = openFolder(parent, name);
    if (fd === undefined) return;
    try {
      this.#writer.header({ ...this.#base(`${path}/`, of, TYPE.dir), xattrs: this.#xattrs(fd) });
      if (this.#options.overlay && xattrOf(fd, "trusted.overlay.opaque")?.[0] === 0x79) {
        this.#mark(`${path}/.wh..wh..opq`, of.mtime);
      }
      this.tree(fd, `${path}/`);
    } finally {
      close(fd);
    }
  }

  /** A directory that is open (a path will do), as `name` with a slash at its end, and all below it. */
  directoryTree(fd: number, name: string): void {
    const folder = openFolder(fd, ".");
    if (folder === undefined) return;
    try {
      this.#writer.header({ ...this.#base(name, fstat(folder), TYPE.dir), xattrs: this.#xattrs(folder) });
      this.tree(folder, name);
    } finally {
      close(folder);
    }
  }

  /** A directory's own entry, without what is below it. */
  directory(parent: number, name: string, path: string): void {
    const fd = openFolder(parent, name);
    if (fd === undefined) return;
    try {
      this.#writer.header({ ...this.#base(`${path}/`, fstat(fd), TYPE.dir), xattrs: this.#xattrs(fd) });
    } finally {
      close(fd);
    }
  }
}
