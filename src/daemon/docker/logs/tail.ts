/** Where the last lines of a log begin: found from the end backwards, so that a long log costs no more than a short one. */

import type { LogPart } from "./part.ts";

const BLOCK = 64 << 10;
const NEWLINE = 0x0a;

/**
 * The file (index into `files`, oldest first) and offset at which the last `count` lines begin. The newest file counts up to `end`, bytes: what is
 * written later comes after them.
 */
export async function tailStart(
  files: readonly Pick<LogPart, "data">[],
  count: number,
  end: number,
): Promise<{ file: number; offset: number }> {
  const last = files.length - 1;
  if (count === 0) return { file: last, offset: end };
  let wanted = count;
  const buffer = Buffer.alloc(BLOCK);
  for (let file = last; file >= 0; file--) {
    const data = await files[file]!.data();
    const size = file === last ? end : (await data.stat()).size;
    for (let from = size; from > 0; ) {
      const length = Math.min(BLOCK, from);
      const { bytesRead } = await data.read(buffer, 0, length, from - length);
      for (let at = bytesRead - 1; at >= 0; at--) {
        if (buffer[at] !== NEWLINE) continue;
        const offset = from - length + at + 1;
        // The newline at the very end ends the last line; every other one begins the line after it.
        if (offset === size) continue;
        if (--wanted === 0) return { file, offset };
      }
      from -= length;
    }
    // The beginning of a file begins a line, too.
    if (size > 0 && --wanted === 0) return { file, offset: 0 };
  }
  return { file: 0, offset: 0 };
}
