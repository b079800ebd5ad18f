// A file's data from an archive's memory into the file, holes left out.
import { kernelError } from "../sys/errno.ts";
import { NR } from "../sys/nr.ts";
import type { Entry } from "./tar/entry.ts";
import type { TarReader } from "./tar/reader.ts";

/** What file systems give out, nearly all of them. */
const BLOCK = 4096;

function onDisk(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

/** Writes the reader's current entry to the new open file; the bytes on disk that it takes up. */
export function writeContent(entry: Entry, path: string, fd: number, reader: TarReader): number {
  const { sparse, size } = entry;
  if (!sparse) {
    if (size === 0) return 0;
    reader.data((address, length) => {
      for (let done = 0; done < length; ) {
        const n = native.syscall(NR.write, fd, address + done, length - done);
        if (n < 0) throw kernelError("write", path, -n);
        done += n;
      }
    });
    return onDisk(size);
  }
  const answer = native.syscall(NR.ftruncate, fd, size);
  if (answer < 0) throw kernelError("truncate", path, -answer);
  reader.data((address, length, offset) => {
    for (let done = 0; done < length; ) {
      const n = native.syscall(NR.pwrite64, fd, address + done, length - done, offset + done);
      if (n < 0) throw kernelError("write", path, -n);
      done += n;
    }
  });
  return sparse.reduce((sum, { length }) => sum + onDisk(length), 0);
}
