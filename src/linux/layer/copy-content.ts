// A file's bytes into another one: shared where the file system can, else copied by the kernel, else by hand; holes stay holes.
import { sys } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import type { Stat } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const FICLONE = 0x40049409;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = -6;
const EINVAL = -22;
/** What copy_file_range(2) answers where it cannot, but read and write can. */
const CANNOT: ReadonlySet<number> = new Set([-18, EINVAL, -38, -95, -1]);
const PIECE = 1 << 30;
const BUFFER = 256 << 10;

/** Into `to`, which is empty. */
export function copyContent(from: number, to: number, path: string, { size, blocks }: Stat): void {
  if (size === 0 || native.syscall(NR.ioctl, to, FICLONE, from) === 0) return;
  if (blocks * 512 >= size) copyRange(from, to, path, 0, size);
  else copyData(from, to, path, size);
  sys("truncate", path, NR.ftruncate, to, size);
}

function copyData(from: number, to: number, path: string, size: number): void {
  for (let at = 0; at < size; ) {
    let begin = native.syscall(NR.lseek, from, at, SEEK_DATA);
    // nothing but a hole from here on
    if (begin === ENXIO) return;
    // a file system that knows no holes
    if (begin === EINVAL) begin = at;
    if (begin < 0) throw kernelError("seek", path, -begin);
    const hole = native.syscall(NR.lseek, from, begin, SEEK_HOLE);
    const end = hole > begin && hole < size ? hole : size;
    copyRange(from, to, path, begin, end);
    at = end;
  }
}

function copyRange(from: number, to: number, path: string, begin: number, end: number): void {
  const offsets = new BigInt64Array([BigInt(begin), BigInt(begin)]);
  const address = native.address(offsets);
  for (let at = begin; at < end; ) {
    const length = Math.min(end - at, PIECE);
    const n = native.syscall(NR.copy_file_range, from, address, to, address + 8, length, 0);
    if (n === 0 || CANNOT.has(n)) {
      copyByHand(from, to, path, at, end);
      return;
    }
    if (n < 0) throw kernelError("copy", path, -n);
    at += n;
  }
}

function copyByHand(from: number, to: number, path: string, begin: number, end: number): void {
  const buffer = new Uint8Array(BUFFER);
  for (let at = begin; at < end; ) {
    const n = sys("read", path, NR.pread64, from, buffer, Math.min(end - at, BUFFER), at);
    if (n === 0) return;
    for (let done = 0; done < n; ) {
      done += sys("write", path, NR.pwrite64, to, buffer.subarray(done), n - done, at + done);
    }
    at += n;
  }
}
