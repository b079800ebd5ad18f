/** Writes small tar archives (POSIX ustar) of our own making: short names, no sparse files, all owned by root. */

import { WharfError } from "../../common/errors.ts";

export interface TarEntry {
  /** Without leading slash; up to 100 bytes. */
  name: string;
  type: "file" | "directory" | "symlink" | "hardlink";
  mode: number;
  /** Of a file. */
  data?: Uint8Array | undefined;
  /** Of a link: where it leads. */
  target?: string | undefined;
}

const BLOCK = 512;
const TYPES = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;

/** `mtime` in seconds since the epoch, the same for all. InvalidArgument for a name that is too long. */
export function writeTar(entries: Iterable<TarEntry>, mtime: number): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    parts.push(header(entry, mtime));
    const data = entry.data ?? new Uint8Array(0);
    if (data.length === 0) continue;
    parts.push(data, new Uint8Array((BLOCK - (data.length % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

function header(entry: TarEntry, mtime: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const name = entry.type === "directory" ? `${entry.name}/` : entry.name;
  for (const text of [name, entry.target ?? ""]) {
    if (Buffer.byteLength(text) > 100) {
      throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is too long for a tar header`, {
        operation: "write tar",
      });
    }
  }
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  block.write(name, 0);
  octal(entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.data?.length ?? 0, 124, 12);
  octal(mtime, 136, 12);
  block.write("        ", 148, "latin1");
  block.write(TYPES[entry.type], 156, "latin1");
  block.write(entry.target ?? "", 157);
  block.write("ustar\x0000", 257, "latin1");
  block.write("root", 265, "latin1");
  block.write("root", 297, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
