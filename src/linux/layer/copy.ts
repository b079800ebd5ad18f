// A tree copied as it is: owners, modes, times, xattrs, hard links, holes, links, devices, FIFOs and sockets. By descriptors, so that no link leads out.
import { sys } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  Fd,
  O,
  open,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stat,
  stat,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { copyContent } from "./copy-content.ts";
import { sortedEntries } from "./folder.ts";
import { chownAt, timesAt, timespecs } from "./metadata.ts";
import { readLink } from "./pack.ts";
import { cName } from "./tar/names.ts";
import { copyXattrs, copyXattrsAt } from "./xattrs.ts";

/** Makes `target` a copy of the directory `source`. What a failure leaves of it is the caller's to remove. */
export function copyTree(source: string, target: string): void {
  using from = new Fd(open(source, O.RDONLY | O.DIRECTORY | O.NOFOLLOW));
  sys("mkdir", target, NR.mkdirat, -100, target, 0o700);
  using to = new Fd(open(target, O.RDONLY | O.DIRECTORY | O.NOFOLLOW));
  new Copier(to.value).directory(from.value, to.value, "", stat("", AT_EMPTY_PATH, from.value));
}

class Copier {
  readonly #root: number;
  /** Of an inode with several names the path of the copy's first one. */
  readonly #links = new Map<string, string>();

  constructor(root: number) {
    this.#root = root;
  }

  /** What is in `from` into `to`, which is empty, and then its attributes: its times would not last before. */
  directory(from: number, to: number, path: string, of: Stat): void {
    for (const { name } of sortedEntries(from)) this.#entry(from, to, name, path === "" ? name : `${path}/${name}`);
    attributes(from, to, path, of);
  }

  #entry(from: number, to: number, name: string, path: string): void {
    const of = stat(cName(name) as string, AT_SYMLINK_NOFOLLOW, from);
    const kind = of.mode & S_IFMT;
    if (kind === S_IFDIR) {
      sys("mkdir", path, NR.mkdirat, to, cName(name), 0o700);
      using inner = openIn(from, name, path, O.RDONLY | O.DIRECTORY);
      using copy = openIn(to, name, path, O.RDONLY | O.DIRECTORY);
      this.directory(inner.value, copy.value, path, of);
      return;
    }
    if (of.nlink > 1 && this.#linked(to, name, path, of)) return;
    if (kind === S_IFREG) {
      using inner = openIn(from, name, path, O.RDONLY | O.NONBLOCK);
      using copy = openIn(to, name, path, O.WRONLY | O.CREAT | O.EXCL);
      copyContent(inner.value, copy.value, path, of);
      attributes(inner.value, copy.value, path, of);
      return;
    }
    if (kind === S_IFLNK) sys("symlink", path, NR.symlinkat, cName(readLink(from, name)), to, cName(name));
    else sys("mknod", path, NR.mknodat, to, cName(name), of.mode, deviceOf(of));
    chownAt(to, name, path, of.uid, of.gid);
    if (kind !== S_IFLNK) sys("chmod", path, NR.fchmodat, to, cName(name), of.mode & 0o7777);
    copyXattrsAt(from, to, name, path);
    timesAt(to, name, path, of.mtime, of.mtimeNs);
  }

  /** True when the inode has been copied under another name, and this is now a link to that. */
  #linked(to: number, name: string, path: string, { devMajor, devMinor, ino }: Stat): boolean {
    const inode = `${devMajor}:${devMinor}:${ino}`;
    const first = this.#links.get(inode);
    if (first === undefined) {
      this.#links.set(inode, path);
      return false;
    }
    sys("link", path, NR.linkat, this.#root, cName(first), to, cName(name), 0);
    return true;
  }
}

function openIn(parent: number, name: string, path: string, flags: number): Fd {
  return new Fd(sys("open", path, NR.openat, parent, cName(name), flags | O.NOFOLLOW | O.CLOEXEC, 0o600));
}

/** As mknod(2) takes a device's numbers. */
function deviceOf({ mode, rdevMajor: major, rdevMinor: minor }: Stat): number {
  const kind = mode & S_IFMT;
  if (kind !== S_IFCHR && kind !== S_IFBLK) return 0;
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Owner before mode (chown takes setuid away) and xattrs (it takes capabilities away), times last. */
function attributes(from: number, to: number, path: string, { uid, gid, mode, mtime, mtimeNs }: Stat): void {
  sys("chown", path, NR.fchown, to, uid, gid);
  sys("chmod", path, NR.fchmod, to, mode & 0o7777);
  copyXattrs(from, to, path);
  const answer = native.syscall(NR.utimensat, to, 0, timespecs(mtime, mtimeNs), 0);
  if (answer < 0) throw kernelError("set times of", path, -answer);
}
