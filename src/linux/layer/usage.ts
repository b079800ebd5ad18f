// What a tree takes up: blocks and inodes, hard links counted once, other mounts left out.
import { kernelError } from "../sys/errno.ts";
import { AT_SYMLINK_NOFOLLOW, close, fstat, O, open, S_IFDIR, S_IFMT } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { DT, Folder, openFolder } from "./folder.ts";

export interface Usage {
  /** Bytes on disk. */
  size: number;
  inodes: number;
  /** Bytes that files hold, and links: what `ls` shows of all that is no directory. */
  content: number;
}

/** Blocks, size, links, inode, type, mount. */
const WANTED = 0x400 | 0x200 | 0x4 | 0x100 | 0x1 | 0x1000;
const ENOENT = -2;

class Measurement {
  readonly usage: Usage = { size: 0, inodes: 0, content: 0 };
  readonly #linked = new Set<string>();
  readonly #buffer = new Uint32Array(64);
  readonly #mountId: number;

  constructor(mountId: number) {
    this.#mountId = mountId;
  }

  /** Counts an entry; false when it belongs to another mount or has gone. */
  count(parent: number, name: number | string, flags: number, isDir: boolean): boolean {
    const b = this.#buffer;
    const answer = native.syscall(NR.statx, parent, name, flags, WANTED, b);
    if (answer === ENOENT) return false;
    if (answer < 0) throw kernelError("stat", typeof name === "string" ? name : undefined, -answer);
    // stx_nlink 16, stx_mode 28, stx_ino 32, stx_size 40, stx_blocks 48, stx_mnt_id 144
    if (b[36] !== this.#mountId) return false;
    if (b[4]! > 1 && !isDir) {
      const inode = `${b[9]}.${b[8]}`;
      if (this.#linked.has(inode)) return true;
      this.#linked.add(inode);
    }
    this.usage.size += (b[13]! * 0x100000000 + b[12]!) * 512;
    if ((b[7]! & S_IFMT) !== S_IFDIR) this.usage.content += b[11]! * 0x100000000 + b[10]!;
    this.usage.inodes++;
    return true;
  }

  walk(fd: number): void {
    const folder = new Folder();
    const below: string[] = [];
    folder.start(fd);
    while (folder.next()) {
      const isDir = folder.type === DT.dir;
      if (this.count(fd, folder.name, AT_SYMLINK_NOFOLLOW, isDir) && (isDir || folder.type === DT.unknown)) {
        below.push(folder.text());
      }
    }
    for (const name of below) {
      const child = openFolder(fd, name);
      if (child === undefined) continue;
      try {
        this.walk(child);
      } finally {
        close(child);
      }
    }
  }
}

/** Measures the file or tree at `path`. */
export function measure(path: string): Usage {
  const top = open(path, O.PATH | O.NOFOLLOW);
  try {
    const { mountId, mode } = fstat(top);
    const measurement = new Measurement(mountId);
    const isDir = (mode & 0o170000) === 0o040000;
    measurement.count(top, "", 0x1000, isDir);
    if (isDir) {
      const fd = open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
      try {
        measurement.walk(fd);
      } finally {
        close(fd);
      }
    }
    return measurement.usage;
  } finally {
    close(top);
  }
}
