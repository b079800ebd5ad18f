// Log files that are not written any more, packed with gzip as Docker has them: `<path>.1` becomes `<path>.1.gz`.

import { compressor } from "../../../sys/compress.ts";
import { decompressor } from "../../../sys/decompress.ts";
import { close, fstat, O, open, read, rename, type Stat, unlinkIfThere, writeAll } from "../../../sys/fs.ts";

const MODE = 0o640;
const CHUNK = 1 << 18;
/** Magic, deflate, FEXTRA, no time, no hint, Unix. */
const HEADER = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3];
/** An empty block, its checksum and its length. */
const EMPTY = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** A member without content, whose extra field says which file this was: who reads `<path>.1` goes on behind it by that. */
function label({ ino, birth, birthNs }: Stat): Uint8Array {
  // inodes' numbers come again
  const extra = native.bytes(JSON.stringify({ file: `${ino}:${BigInt(birth) * 1_000_000_000n + BigInt(birthNs)}` }));
  return new Uint8Array([...HEADER, extra.length & 0xff, extra.length >> 8, ...extra, ...EMPTY]);
}

/** Puts `<path>.gz` in the place of `path`. At every moment one of them is there, whole. */
export function packFile(path: string): void {
  const from = open(path, O.RDONLY);
  const part = `${path}.gz.tmp`;
  const to = open(part, O.WRONLY | O.CREAT | O.TRUNC, MODE);
  try {
    writeAll(to, label(fstat(from)));
    pass(from, to);
  } catch (error) {
    unlinkIfThere(part);
    throw error;
  } finally {
    close(from);
    close(to);
  }
  rename(part, `${path}.gz`);
  unlinkIfThere(path);
}

function pass(from: number, to: number): void {
  const gzip = compressor("gzip");
  const input = new Uint8Array(CHUNK);
  const output = new Uint8Array(CHUNK);
  let [at, have] = [0, 0];
  for (let last = false; !gzip.finished; ) {
    if (have === 0 && !last) {
      at = 0;
      have = read(from, input);
      last = have === 0;
    }
    const { taken, made } = gzip.step(native.address(input) + at, have, native.address(output), CHUNK, last);
    at += taken;
    have -= taken;
    if (made > 0) writeAll(to, output.subarray(0, made));
  }
}

/** What a packed file holds, piece by piece; a piece is good until the next. DataLoss when it is broken. */
export function* unpacked(fd: number): Generator<Uint8Array> {
  const gunzip = decompressor("gzip");
  const input = new Uint8Array(CHUNK);
  const output = new Uint8Array(CHUNK);
  for (;;) {
    let have = read(fd, input);
    if (have === 0) break;
    for (let at = 0; ; ) {
      const { taken, made } = gunzip.step(native.address(input) + at, have, native.address(output), CHUNK);
      at += taken;
      have -= taken;
      if (made > 0) yield output.subarray(0, made);
      // with room left in the output, all that came of the input is out
      if (have === 0 && made < CHUNK) break;
    }
  }
  gunzip.end();
}
