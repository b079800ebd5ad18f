// PAX extended headers (pax(1), "pax Extended Header"): records `LENGTH KEY=VALUE\n`, values binary where they are xattrs.
import { type Extent, malformed } from "./entry.ts";
import { decodeName } from "./names.ts";

/** Longest extended header, and longest GNU long name, that is taken: a mebibyte, as Go's archive/tar has it. */
export const MAX_EXTENDED = 1 << 20;

const XATTR = "SCHILY.xattr.";

/** What extended headers said of the next entry; left out is what they did not mention. */
export interface Pax {
  path?: string;
  linkpath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  mtimeNs?: number;
  xattrs?: Map<string, Uint8Array>;
  /** GNU.sparse.*: 0.0 is a list of pairs, 0.1 a map, 1.0 (`major`) has its map before the data. */
  sparseMajor?: number;
  sparseMinor?: number;
  sparseName?: string;
  sparseSize?: number;
  sparseMap?: string;
  sparsePairs?: number[];
}

function decimal(key: string, text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw malformed(`PAX record ${key} is not a number`);
  return value;
}

function natural(key: string, text: string): number {
  const value = decimal(key, text);
  if (value < 0) throw malformed(`PAX record ${key} is negative`);
  return value;
}

/** Seconds with a fraction of any length, rounded down to nanoseconds. */
function parseTime(pax: Pax, key: string, text: string): void {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match) throw malformed(`PAX record ${key} is not a time`);
  let seconds = Number(match[2]);
  if (!Number.isSafeInteger(seconds)) throw malformed(`PAX record ${key} is out of range`);
  let ns = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1]) {
    seconds = -seconds;
    if (ns > 0) {
      seconds--;
      ns = 1e9 - ns;
    }
  }
  pax.mtime = seconds;
  pax.mtimeNs = ns;
}

type Field = (pax: Pax, key: string, text: string) => void;

const FIELDS = new Map<string, Field>([
  ["path", (pax, _, text) => void (pax.path = text)],
  ["linkpath", (pax, _, text) => void (pax.linkpath = text)],
  ["size", (pax, key, text) => void (pax.size = natural(key, text))],
  ["uid", (pax, key, text) => void (pax.uid = natural(key, text))],
  ["gid", (pax, key, text) => void (pax.gid = natural(key, text))],
  ["mtime", parseTime],
  ["GNU.sparse.major", (pax, key, text) => void (pax.sparseMajor = natural(key, text))],
  ["GNU.sparse.minor", (pax, key, text) => void (pax.sparseMinor = natural(key, text))],
  ["GNU.sparse.name", (pax, _, text) => void (pax.sparseName = text)],
  ["GNU.sparse.size", (pax, key, text) => void (pax.sparseSize = natural(key, text))],
  ["GNU.sparse.realsize", (pax, key, text) => void (pax.sparseSize = natural(key, text))],
  ["GNU.sparse.map", (pax, _, text) => void (pax.sparseMap = text)],
  ["GNU.sparse.offset", (pax, key, text) => void (pax.sparsePairs ??= []).push(natural(key, text))],
  ["GNU.sparse.numbytes", (pax, key, text) => void (pax.sparsePairs ??= []).push(natural(key, text))],
]);

function record(pax: Pax, bytes: Uint8Array, key: string, at: number, end: number): void {
  if (key.startsWith(XATTR)) {
    pax.xattrs ??= new Map();
    pax.xattrs.set(key.slice(XATTR.length), bytes.slice(at, end));
    return;
  }
  const field = FIELDS.get(key);
  // an empty value takes back what an earlier header said: the block's own field counts again
  if (field && end > at) field(pax, key, decodeName(bytes, at, end - at));
}

/** Reads the records in bytes[at … end). DataLoss where they break the rules. */
export function parsePax(bytes: Uint8Array, at: number, end: number, pax: Pax = {}): Pax {
  while (at < end) {
    let i = at;
    let length = 0;
    for (; i < end && i - at < 9; i++) {
      const c = bytes[i]!;
      if (c < 0x30 || c > 0x39) break;
      length = length * 10 + (c - 0x30);
    }
    // some writers pad the header with NULs
    if (i === at && bytes[at] === 0) return pax;
    const next = at + length;
    const equals = bytes.indexOf(0x3d, i);
    if (i === at || bytes[i] !== 0x20 || next > end || equals < 0 || equals >= next || bytes[next - 1] !== 0x0a) {
      throw malformed("a PAX record whose length or form is wrong");
    }
    const key = decodeName(bytes, i + 1, equals - i - 1);
    if (key === "") throw malformed("a PAX record without a key");
    record(pax, bytes, key, equals + 1, next - 1);
    at = next;
  }
  return pax;
}

/** The extents of GNU.sparse 0.0 and 0.1; undefined where the header has none. */
export function paxExtents(pax: Pax): Extent[] | undefined {
  const numbers =
    pax.sparseMap !== undefined
      ? pax.sparseMap.split(",").map((text) => natural("GNU.sparse.map", text))
      : pax.sparsePairs;
  if (!numbers) return undefined;
  if (numbers.length % 2 !== 0) throw malformed("an incomplete sparse map");
  const extents: Extent[] = [];
  for (let i = 0; i < numbers.length; i += 2) extents.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return extents;
}
