/** HPACK's Huffman code (RFC 7541, appendix B), for reading alone: what we write is plain. Pure. */

import { WharfError } from "../errors.ts";

/** Bits of each byte's code. The code is canonical: within a length, codes go up with the byte. */
const LENGTHS = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28],
  [28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6],
  [6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23],
  [23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21],
  [23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19],
  [22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27],
  [27, 27, 27, 26],
].flat();
const LONGEST = 30;

interface Step {
  /** The first code of this length, the place of its symbol, and how many codes have this length. */
  first: number;
  at: number;
  count: number;
}

/** Symbols by length, then by value; the end-of-string code is the last one and never to be read. */
const SYMBOLS = LENGTHS.map((length, symbol) => ({ length, symbol }))
  .sort((a, b) => a.length - b.length || a.symbol - b.symbol)
  .map(({ symbol }) => symbol);
const STEPS: Step[] = [];
for (let length = 0, code = 0, at = 0; length <= LONGEST; length++) {
  const count = LENGTHS.filter((one) => one === length).length;
  STEPS.push({ first: code, at, count });
  at += count;
  code = (code + count) * 2;
}

/** The text of Huffman-coded bytes. InvalidArgument where they are no proper code. */
export function decodeHuffman(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const step = STEPS[length];
      if (!step) throw new WharfError("InvalidArgument", "a header's Huffman code is broken");
      const place = code - step.first;
      if (place < 0 || place >= step.count) continue;
      out.push(SYMBOLS[step.at + place]!);
      code = 0;
      length = 0;
    }
  }
  // what is left is padding: the beginning of the end-of-string code, ones, less than a byte
  if (length > 7 || code !== 2 ** length - 1) {
    throw new WharfError("InvalidArgument", "a header's Huffman code ends in the middle");
  }
  return Uint8Array.from(out);
}
