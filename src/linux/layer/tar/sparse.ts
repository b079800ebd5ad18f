// Sparse files of GNU tar: the old header form, and the map that PAX format 1.0 puts before the data.
import { type Extent, malformed, truncated } from "./entry.ts";
import { BLOCK, parseNumber } from "./header.ts";
import type { TarSource } from "./source.ts";

/** Most extents of one file: what a map of a gibibyte file with every other 4 KiB block needs, several times over. */
const MAX_EXTENTS = 1 << 20;

/** Reads pairs of 12-byte numbers until an empty one; true when the list may go on in a further block. */
function readPairs(bytes: Uint8Array, at: number, count: number, extents: Extent[]): void {
  for (let i = 0; i < count; i++) {
    const pair = at + i * 24;
    if (bytes[pair] === 0) return;
    extents.push({
      offset: parseNumber(bytes, pair, 12, "sparse offset"),
      length: parseNumber(bytes, pair + 12, 12, "sparse length"),
    });
  }
}

/** Old GNU form, type 'S': four pairs in the header at `at`, 21 in each block after it. The header is still at the source. */
export function readGnuSparse(source: TarSource): { extents: Extent[]; size: number } {
  const extents: Extent[] = [];
  const size = parseNumber(source.bytes, source.at + 483, 12, "real size");
  readPairs(source.bytes, source.at + 386, 4, extents);
  let more = source.bytes[source.at + 482] !== 0;
  source.skip(BLOCK);
  while (more) {
    if (source.need(BLOCK) < BLOCK) throw truncated("a sparse map");
    readPairs(source.bytes, source.at, 21, extents);
    if (extents.length > MAX_EXTENTS) throw malformed("a sparse map with too many extents");
    more = source.bytes[source.at + 504] !== 0;
    source.skip(BLOCK);
  }
  return { extents, size };
}

/** PAX 1.0: decimal numbers, one a line, the first their count; padded to a block. Returns the bytes taken from the data. */
export function readSparseMap(source: TarSource, stored: number): { extents: Extent[]; taken: number } {
  let taken = 0;
  let left = 0;
  const number = (): number => {
    let value = 0;
    for (let digits = 0; ; digits++) {
      if (left === 0) {
        if (taken + BLOCK > stored) throw malformed("a sparse map longer than its file");
        if (source.need(BLOCK) < BLOCK) throw truncated("a sparse map");
        left = BLOCK;
        taken += BLOCK;
      }
      const c = source.bytes[source.at]!;
      source.skip(1);
      left--;
      if (c === 0x0a && digits > 0) return value;
      if (c < 0x30 || c > 0x39 || digits > 15) throw malformed("a sparse map that is not made of numbers");
      value = value * 10 + (c - 0x30);
    }
  };
  const count = number();
  if (count > MAX_EXTENTS) throw malformed("a sparse map with too many extents");
  const extents: Extent[] = [];
  for (let i = 0; i < count; i++) extents.push({ offset: number(), length: number() });
  source.skip(left);
  return { extents, taken };
}

/** Extents must be in order, apart, inside the file, and as long together as the data that is stored. */
export function checkExtents(extents: readonly Extent[], size: number, stored: number): void {
  let end = 0;
  let total = 0;
  for (const { offset, length } of extents) {
    if (offset < end || offset + length > size) throw malformed("a sparse map that overlaps or leaves its file");
    end = offset + length;
    total += length;
  }
  if (total !== stored) throw malformed(`a sparse map of ${total} bytes over ${stored} bytes of data`);
}
