// Unpacks a layer's tar into the tree that is this process's root: files, links, devices; whiteouts in overlayfs's form, or carried out.
// The process is confined (confine.ts), so names are only cleaned by text and the kernel keeps every path inside.
import { WharfError } from "../../common/errors.ts";
import { kernelError } from "../sys/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  close,
  O,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  type Stat,
  stat,
  statIfThere,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { writeContent } from "./content.ts";
import { openFolder, sortedEntries } from "./folder.ts";
import { Made } from "./made.ts";
import { applyXattrs, chownAt, type LateXattr, timesAt, timespecs, xattrOfFile, xattrOfName } from "./metadata.ts";
import { cleanName, Folders, nameOf, parentOf } from "./paths.ts";
import { Removal } from "./remove.ts";
import type { Entry } from "./tar/entry.ts";
import { cName } from "./tar/names.ts";
import type { TarReader } from "./tar/reader.ts";
import type { UnpackOptions, UnpackResult } from "./unpack-types.ts";

const WHITEOUT = ".wh.";
const WHITEOUT_META = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";
const EEXIST = -17;
const BLOCK = 4096;
/** Of a path that the kernel takes at once. */
const LONG = 4000;

/** Where the archive asks for something that cannot be. */
function refused(entry: Entry, why: string): WharfError {
  return new WharfError("InvalidArgument", `archive entry ${JSON.stringify(entry.name)}: ${why}`, {
    operation: "unpack",
    subject: entry.name,
  });
}

interface FolderTimes {
  mtime: number;
  mtimeNs: number;
}

export class Unpacker {
  readonly #options: UnpackOptions;
  readonly #folders: Folders;
  readonly #root: number;
  /** Times are set at the end: what is put into a directory changes them. In the order of the entries. */
  readonly #times = new Map<string, FolderTimes>();
  readonly #missing = new Set<string>();
  readonly #opaque = new Set<string>();
  readonly #late: LateXattr[] = [];
  /** Where whiteouts are carried out: what they speak not of. */
  readonly #made: Made | undefined;
  #careful: boolean;
  #entries = 0;
  // the target's own folder counts, as it does when a tree is measured
  #size = BLOCK;
  #inodes = 1;

  /** @param root an open directory, the process's root */
  constructor(root: number, options: UnpackOptions) {
    this.#root = root;
    this.#options = options;
    if (options.whiteouts === "remove") this.#made = new Made();
    this.#careful = options.careful ?? this.#made !== undefined;
    this.#folders = new Folders(root, (path) => this.#makeParents(path));
  }

  /** Unpacks everything the reader has. */
  run(reader: TarReader): UnpackResult {
    const most = this.#options.maxEntries ?? Number.POSITIVE_INFINITY;
    for (let entry = reader.next(); entry; entry = reader.next()) {
      if (++this.#entries > most) {
        throw new WharfError("ResourceExhausted", `the archive has more than ${most} entries`, { operation: "unpack" });
      }
      this.#entry(entry, reader);
    }
    this.#finishTimes();
    this.#folders.close();
    const missingParents = [...this.#missing].sort();
    return {
      entries: this.#entries,
      usage: { size: this.#size, inodes: this.#inodes },
      opaque: [...this.#opaque],
      lateXattrs: this.#late,
      missingParents,
    };
  }

  #entry(entry: Entry, reader: TarReader): void {
    if (this.#options.owner) Object.assign(entry, this.#options.owner);
    const path = cleanName(entry.name);
    if (path === "") {
      if (entry.type !== "dir") throw refused(entry, "only a directory can be the root");
      this.#directoryAttributes(this.#root, ".", "", entry);
      return;
    }
    const base = nameOf(path);
    if (base.length > 255 && cName(base).length > 255) throw refused(entry, "a name longer than 255 bytes");
    if (this.#options.whiteouts !== "none" && base.startsWith(WHITEOUT)) {
      this.#whiteout(entry, path, base);
      return;
    }
    const parent = this.#folders.at(parentOf(path));
    if (this.#made) {
      this.#keepTime(parentOf(path));
      this.#made.add(path);
    }
    switch (entry.type) {
      case "file":
        this.#file(entry, path, parent, base, reader);
        break;
      case "dir":
        this.#directory(entry, path, parent, base);
        break;
      case "link":
        this.#link(entry, path, parent, base);
        break;
      default:
        this.#special(entry, path, parent, base);
    }
  }

  /** Removes what an entry replaces, and what was remembered of it. */
  #clear(entry: Entry, path: string, parent: number, base: string): void {
    const wasDir = this.#isDir(parent, base);
    if (wasDir && this.#options.keepKinds) throw refused(entry, "a directory is there");
    const below = `${path}/`;
    if (wasDir) {
      this.#folders.forget(path);
      parent = this.#folders.at(parentOf(path));
      for (const known of [this.#missing, this.#opaque, this.#times] as const) {
        for (const each of known.keys()) if (each === path || each.startsWith(below)) known.delete(each);
      }
    }
    const removal = new Removal();
    removal.at(parent, base, path);
    this.#inodes = Math.max(0, this.#inodes - removal.inodes);
    // what was put off for the file that is gone must not reach its successor
    for (let i = this.#late.length - 1; i >= 0; i--) {
      const late = this.#late[i]!.path;
      if (late === path || late.startsWith(below)) this.#late.splice(i, 1);
    }
  }

  #stat(parent: number, base: string): Stat {
    return stat(cName(base) as string, AT_SYMLINK_NOFOLLOW, parent);
  }

  #isDir(parent: number, base: string): boolean {
    return (this.#stat(parent, base).mode & S_IFMT) === S_IFDIR;
  }

  #file(entry: Entry, path: string, parent: number, base: string, reader: TarReader): void {
    const name = cName(base);
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC;
    let fd = native.syscall(NR.openat, parent, name, flags, entry.mode);
    if (fd === EEXIST) {
      this.#clear(entry, path, parent, base);
      fd = native.syscall(NR.openat, this.#folders.at(parentOf(path)), name, flags, entry.mode);
    }
    if (fd < 0) throw kernelError("create", path, -fd);
    try {
      this.#size += writeContent(entry, path, fd, reader);
      const { uid, gid, mode } = entry;
      let answer = 0;
      if (uid !== 0 || gid !== 0 || this.#careful) answer = native.syscall(NR.fchown, fd, uid, gid);
      if (answer < 0) throw kernelError("chown", path, -answer);
      // writing and chown take setuid and setgid away
      if (mode & 0o6000 || this.#careful) answer = native.syscall(NR.fchmod, fd, mode);
      if (answer < 0) throw kernelError("chmod", path, -answer);
      if (entry.xattrs) applyXattrs(entry.xattrs, path, this.#late, xattrOfFile(fd));
      answer = native.syscall(NR.utimensat, fd, 0, timespecs(entry.mtime, entry.mtimeNs), 0);
      if (answer < 0) throw kernelError("set times of", path, -answer);
    } finally {
      close(fd);
    }
    this.#inodes++;
  }

  #directory(entry: Entry, path: string, parent: number, base: string): void {
    const name = cName(base);
    let answer = native.syscall(NR.mkdirat, parent, name, entry.mode & 0o1777);
    let opaque = false;
    let isNew = true;
    if (answer === EEXIST) {
      const there = this.#stat(parent, base);
      if ((there.mode & S_IFMT) === S_IFDIR) {
        answer = 0;
        isNew = false;
      } else {
        // a whiteout of this layer and a directory of the same name: the lower one is gone, this one is new
        opaque = !this.#made && isWhiteout(there);
        if (this.#options.keepKinds) throw refused(entry, "something else than a directory is there");
        this.#clear(entry, path, parent, base);
        parent = this.#folders.at(parentOf(path));
        answer = native.syscall(NR.mkdirat, parent, name, entry.mode & 0o1777);
      }
    }
    if (answer < 0) throw kernelError("mkdir", path, -answer);
    if (isNew) {
      this.#inodes++;
      this.#size += BLOCK;
    }
    if (opaque) this.#opaque.add(path);
    this.#missing.delete(path);
    this.#directoryAttributes(parent, base, path, entry, isNew);
  }

  #directoryAttributes(parent: number, base: string, path: string, entry: Entry, isNew = false): void {
    const { uid, gid, mode } = entry;
    if (!isNew || uid !== 0 || gid !== 0 || this.#careful) chownAt(parent, base, path, uid, gid);
    if (!isNew || mode & 0o6000 || this.#careful) {
      const answer = native.syscall(NR.fchmodat, parent, cName(base), mode);
      if (answer < 0) throw kernelError("chmod", path, -answer);
    }
    // what is created in a setgid directory takes its group and, a directory, the bit
    if (mode & 0o2000) this.#careful = true;
    if (entry.xattrs) applyXattrs(entry.xattrs, path, this.#late, xattrOfName(parent, base));
    this.#times.delete(path);
    this.#times.set(path, { mtime: entry.mtime, mtimeNs: entry.mtimeNs });
  }

  #link(entry: Entry, path: string, parent: number, base: string): void {
    const target = cleanName(entry.linkName);
    if (target === "") throw refused(entry, "a hard link to the root");
    if (target === path) throw refused(entry, "a hard link to itself");
    const link = (): number => {
      const from = this.#folders.at(parentOf(target));
      // looked up again: the other lookup may have closed it
      return native.syscall(NR.linkat, from, cName(nameOf(target)), this.#folders.at(parentOf(path)), cName(base), 0);
    };
    let answer = link();
    if (answer === EEXIST) {
      this.#clear(entry, path, parent, base);
      answer = link();
    }
    if (answer === -2)
      throw refused(entry, `a hard link to ${JSON.stringify(entry.linkName)}, which this layer does not have`);
    if (answer < 0) throw kernelError("link", path, -answer);
  }

  #special(entry: Entry, path: string, parent: number, base: string): void {
    let answer = this.#makeSpecial(entry, parent, base);
    if (answer === EEXIST) {
      this.#clear(entry, path, parent, base);
      parent = this.#folders.at(parentOf(path));
      answer = this.#makeSpecial(entry, parent, base);
    }
    if (answer < 0) throw kernelError(entry.type === "symlink" ? "symlink" : "mknod", path, -answer);
    const { uid, gid, mode } = entry;
    if (uid !== 0 || gid !== 0 || this.#careful) chownAt(parent, base, path, uid, gid);
    if (entry.type !== "symlink" && (mode & 0o6000 || this.#careful)) {
      answer = native.syscall(NR.fchmodat, parent, cName(base), mode);
      if (answer < 0) throw kernelError("chmod", path, -answer);
    }
    if (entry.xattrs) applyXattrs(entry.xattrs, path, this.#late, xattrOfName(parent, base));
    timesAt(parent, base, path, entry.mtime, entry.mtimeNs);
    this.#inodes++;
  }

  #makeSpecial(entry: Entry, parent: number, base: string): number {
    if (entry.type === "symlink") return native.syscall(NR.symlinkat, cName(entry.linkName), parent, cName(base));
    const { devMajor: major, devMinor: minor } = entry;
    const kind = entry.type === "char" ? S_IFCHR : entry.type === "block" ? S_IFBLK : S_IFIFO;
    const device = kind === S_IFIFO ? 0 : (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
    return native.syscall(NR.mknodat, parent, cName(base), kind | entry.mode, device >>> 0);
  }

  /** `.wh.NAME` hides NAME of the lower layers, `.wh..wh..opq` all that they have in its directory. */
  #whiteout(entry: Entry, path: string, base: string): void {
    const dir = parentOf(path);
    if (base === OPAQUE) {
      this.#folders.at(dir);
      if (this.#made) this.#removeLower(entry, dir, this.#made);
      else this.#opaque.add(dir);
      return;
    }
    // what aufs wrote for itself
    if (base.startsWith(WHITEOUT_META)) return;
    const hidden = base.slice(WHITEOUT.length);
    if (hidden === "" || hidden === "." || hidden === "..") throw refused(entry, "a whiteout of nothing");
    const parent = this.#folders.at(dir);
    if (this.#made) {
      this.#removeNamed(entry, dir === "" ? hidden : `${dir}/${hidden}`, this.#made);
      return;
    }
    const answer = native.syscall(NR.mknodat, parent, cName(hidden), S_IFCHR, 0);
    if (answer === 0) {
      this.#inodes++;
      return;
    }
    if (answer !== EEXIST) throw kernelError("make whiteout", path, -answer);
    // a whiteout speaks of lower layers only: what this layer has stays, and a directory hides what was below it
    if (this.#isDir(parent, hidden)) this.#opaque.add(dir === "" ? hidden : `${dir}/${hidden}`);
  }

  /** A directory of lower layers for which this one has no entry is as old as before, whatever comes and goes in it. */
  #keepTime(path: string): void {
    if (this.#times.has(path) || path.length >= LONG) return;
    const there = statIfThere(cName(path === "" ? "." : path) as string, AT_SYMLINK_NOFOLLOW, this.#root);
    if (there && (there.mode & S_IFMT) === S_IFDIR) this.#times.set(path, there);
  }

  /** Removes what the lower layers have at `path`; of a directory that this layer has as well, what they have in it. */
  #removeNamed(entry: Entry, path: string, made: Made): void {
    const parent = this.#folders.at(parentOf(path));
    const there = statIfThere(cName(nameOf(path)) as string, AT_SYMLINK_NOFOLLOW, parent);
    if (!there) return;
    this.#keepTime(parentOf(path));
    if (!made.has(path)) this.#clear(entry, path, parent, nameOf(path));
    else if ((there.mode & S_IFMT) === S_IFDIR) this.#removeLower(entry, path, made);
  }

  /** Removes from the directory at `path` what is not of this layer. */
  #removeLower(entry: Entry, path: string, made: Made): void {
    const fd = openFolder(this.#folders.at(path), ".");
    if (fd === undefined) return;
    let names: string[];
    try {
      names = sortedEntries(fd).map(({ name }) => name);
    } finally {
      close(fd);
    }
    for (const name of names) this.#removeNamed(entry, path === "" ? name : `${path}/${name}`, made);
  }

  /** Makes the directories above and at `path` that are not there. */
  #makeParents(path: string): void {
    const parent = parentOf(path);
    const answer = native.syscall(NR.mkdirat, this.#folders.at(parent), cName(nameOf(path)), 0o755);
    if (answer === EEXIST) {
      // a whiteout of this very layer stands where a directory is needed: the directory is new
      const fd = this.#folders.at(parent);
      const there = this.#stat(fd, nameOf(path));
      if (this.#made || !isWhiteout(there)) throw kernelError("mkdir", path, 20);
      native.syscall(NR.unlinkat, fd, cName(nameOf(path)), 0);
      this.#opaque.add(path);
      this.#makeParents(path);
      return;
    }
    if (answer < 0) throw kernelError("mkdir", path, -answer);
    this.#missing.add(path);
    this.#inodes++;
    this.#size += BLOCK;
  }

  #finishTimes(): void {
    for (const [path, { mtime, mtimeNs }] of this.#times) {
      if (path === "") timesAt(this.#root, ".", "", mtime, mtimeNs);
      else if (path.length < LONG) timesAt(this.#root, path, path, mtime, mtimeNs);
      else timesAt(this.#folders.at(parentOf(path)), nameOf(path), path, mtime, mtimeNs);
    }
  }
}

function isWhiteout(of: Stat): boolean {
  return (of.mode & S_IFMT) === S_IFCHR && of.rdevMajor === 0 && of.rdevMinor === 0;
}
