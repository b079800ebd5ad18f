// Reading directories by descriptor, without making anything of an entry that nobody asks for.
import { kernelError } from "../sys/errno.ts";
import { O } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { cName, decodeName } from "./tar/names.ts";

export const DT = { unknown: 0, fifo: 1, char: 2, dir: 4, block: 6, file: 8, link: 10, socket: 12 } as const;

const SIZE = 32768;
const NAME = 19;

/** A directory's entries, one after the other, straight in the kernel's buffer. `name` is its NUL-terminated address. */
export class Folder {
  readonly #bytes = new Uint8Array(SIZE);
  readonly #address = native.address(this.#bytes);
  #fd = -1;
  #at = 0;
  #end = 0;
  /** Of the current entry: the address of its name, and one of DT. */
  name = 0;
  type = 0;

  /** Begins at the start of another directory. */
  start(fd: number): void {
    this.#fd = fd;
    this.#at = this.#end = 0;
    native.syscall(NR.lseek, fd, 0, 0);
  }

  /** Goes to the next entry, without "." and ".."; false at the end. */
  next(): boolean {
    const bytes = this.#bytes;
    for (;;) {
      if (this.#at >= this.#end) {
        const n = native.syscall(NR.getdents64, this.#fd, this.#address, SIZE);
        if (n < 0) throw kernelError("read folder", this.#fd, -n);
        if (n === 0) return false;
        this.#at = 0;
        this.#end = n;
      }
      const at = this.#at;
      this.#at = at + (bytes[at + 16]! | (bytes[at + 17]! << 8));
      if (bytes[at + NAME] === 0x2e) {
        const second = bytes[at + NAME + 1]!;
        if (second === 0 || (second === 0x2e && bytes[at + NAME + 2] === 0)) continue;
      }
      this.name = this.#address + at + NAME;
      this.type = bytes[at + 18]!;
      return true;
    }
  }

  /** The current name as a string. */
  text(): string {
    const at = this.name - this.#address;
    return decodeName(this.#bytes, at, this.#bytes.indexOf(0, at) - at);
  }
}

export interface NamedEntry {
  name: string;
  /** One of DT. */
  type: number;
}

/** All entries of an open directory, by name. */
export function sortedEntries(fd: number, folder = new Folder()): NamedEntry[] {
  const entries: NamedEntry[] = [];
  folder.start(fd);
  while (folder.next()) entries.push({ name: folder.text(), type: folder.type });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Opens a directory of `parent` without following a link; undefined when there is none of that name. */
export function openFolder(parent: number, name: string | number): number | undefined {
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
  const fd = native.syscall(NR.openat, parent, typeof name === "string" ? cName(name) : name, flags);
  if (fd >= 0) return fd;
  if (fd === -2 || fd === -20 || fd === -40) return undefined;
  throw kernelError("open", typeof name === "string" ? name : undefined, -fd);
}
