// One 512-byte header block of a tar: v7, ustar, star and GNU. Runs once for every file of a layer, so it counts its steps.
import { malformed, TYPE } from "./entry.ts";
import { decodeName } from "./names.ts";

export const BLOCK = 512;

const MAGIC = 257;
const PREFIX = 345;
const STAR_TRAILER = 508;

export type Dialect = "v7" | "ustar" | "star" | "gnu";

/** A header block's own fields, before extended headers have their say. The same object is filled again and again. */
export interface RawHeader {
  dialect: Dialect;
  name: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  type: number;
  linkName: string;
  devMajor: number;
  devMinor: number;
}

export function emptyHeader(): RawHeader {
  return {
    dialect: "v7",
    name: "",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    type: 0,
    linkName: "",
    devMajor: 0,
    devMinor: 0,
  };
}

/** GNU's base-256: two's complement, big-endian, the first byte's top bit set. */
function parseBinary(bytes: Uint8Array, at: number, length: number, what: string): number {
  const negative = (bytes[at]! & 0x40) !== 0;
  let value = negative ? (bytes[at]! & 0x7f) - 0x80 : bytes[at]! & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i]!;
  if (!Number.isSafeInteger(value)) throw malformed(`${what} is out of range`);
  return value;
}

/** An octal field with blanks or NULs around it, or a base-256 one. */
export function parseNumber(bytes: Uint8Array, at: number, length: number, what: string): number {
  let c = bytes[at]!;
  if (c & 0x80) return parseBinary(bytes, at, length, what);
  let i = at;
  const end = at + length;
  while (c === 0x20 || c === 0) {
    if (++i === end) return 0;
    c = bytes[i]!;
  }
  let value = 0;
  while (c >= 0x30 && c <= 0x37) {
    value = value * 8 + (c - 0x30);
    if (++i === end) return value;
    c = bytes[i]!;
  }
  // what ends the digits: a NUL, after which nothing counts, or blanks up to one or to the field's end
  while (c === 0x20) {
    if (++i === end) return value;
    c = bytes[i]!;
  }
  if (c !== 0) throw malformed(`${what} is not an octal number`);
  return value;
}

/** A NUL-terminated field. */
export function parseString(bytes: Uint8Array, at: number, length: number): string {
  if (bytes[at] === 0) return "";
  const nul = bytes.indexOf(0, at);
  return decodeName(bytes, at, nul >= 0 && nul < at + length ? nul - at : length);
}

let adler = 0;

/**
 * The sum of the block's bytes with the checksum field taken as blanks, modulo 65521. Adler-32's lower half is the sum modulo that
 * prime plus one: one call of a library function in place of 512 steps.
 */
function checksum(bytes: Uint8Array, address: number, at: number): number {
  adler ||= native.symbol("isal_adler32");
  const sum = (native.call(adler, 0, address + at, BLOCK) & 0xffff) + 8 * 0x20;
  let field = 0;
  for (let i = at + 148; i < at + 156; i++) field += bytes[i]!;
  return (sum - field + 65521) % 65521;
}

/** As old programs computed it: with bytes taken as signed. */
function signedChecksum(bytes: Uint8Array, at: number): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += (bytes[at + i]! << 24) >> 24;
  return sum;
}

export function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < BLOCK; i++) if (bytes[at + i] !== 0) return false;
  return true;
}

function dialectOf(bytes: Uint8Array, at: number): Dialect {
  const m = at + MAGIC;
  // "ustar", then NUL and "00", or two blanks and NUL
  if (bytes[m] !== 0x75 || bytes[m + 1] !== 0x73 || bytes[m + 2] !== 0x74 || bytes[m + 3] !== 0x61) return "v7";
  if (bytes[m + 4] !== 0x72) return "v7";
  if (bytes[m + 5] === 0x20 && bytes[m + 6] === 0x20 && bytes[m + 7] === 0) return "gnu";
  if (bytes[m + 5] !== 0) return "v7";
  const t = at + STAR_TRAILER;
  return bytes[t] === 0x74 && bytes[t + 1] === 0x61 && bytes[t + 2] === 0x72 && bytes[t + 3] === 0 ? "star" : "ustar";
}

/**
 * Reads the block at `at` of `bytes` (whose first byte is at `address`) into `into`.
 * Throws DataLoss for a wrong checksum or a field that is no number.
 */
export function parseHeader(bytes: Uint8Array, address: number, at: number, into: RawHeader): void {
  const stated = parseNumber(bytes, at + 148, 8, "checksum");
  if (stated % 65521 !== checksum(bytes, address, at) && stated !== signedChecksum(bytes, at)) {
    throw malformed("wrong header checksum");
  }
  const dialect = dialectOf(bytes, at);
  into.dialect = dialect;
  into.name = parseString(bytes, at, 100);
  into.mode = parseNumber(bytes, at + 100, 8, "mode");
  into.uid = parseNumber(bytes, at + 108, 8, "uid");
  into.gid = parseNumber(bytes, at + 116, 8, "gid");
  into.size = parseNumber(bytes, at + 124, 12, "size");
  into.mtime = parseNumber(bytes, at + 136, 12, "mtime");
  const type = bytes[at + 156]!;
  into.type = type;
  into.linkName = parseString(bytes, at + 157, 100);
  into.devMajor = 0;
  into.devMinor = 0;
  if (dialect === "v7") return;
  if (type === TYPE.char || type === TYPE.block) {
    into.devMajor = parseNumber(bytes, at + 329, 8, "device number");
    into.devMinor = parseNumber(bytes, at + 337, 8, "device number");
  }
  if (dialect === "gnu" || bytes[at + PREFIX] === 0) return;
  into.name = `${parseString(bytes, at + PREFIX, dialect === "star" ? 131 : 155)}/${into.name}`;
}
