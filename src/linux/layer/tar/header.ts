// One 512-byte header block of a tar: v7, ustar, star and GNU. Runs once for every file of a layer, so it counts its steps.
import { malformed, TYPE } from "./entry.ts";
import { decodeName } from "./names.ts";
import type { TarMemory } from "./source.ts";

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

/** Four octal digits as a little-endian word; -1 when a byte is none. */
function fourDigits(word: number): number {
  if ((word & 0xf8f8f8f8) !== 0x30303030) return -1;
  return ((word & 7) << 9) | (((word >> 8) & 7) << 6) | (((word >> 16) & 7) << 3) | ((word >> 24) & 7);
}

/** Three octal digits and a NUL or a blank; -1 when it is something else. */
function threeDigits(word: number): number {
  if ((word & 0xdff8f8f8) !== 0x00303030) return -1;
  return ((word & 7) << 6) | (((word >> 8) & 7) << 3) | ((word >> 16) & 7);
}

/**
 * A number field of 8 or 12 bytes. Nearly all of them are digits up to a terminator in the last byte, and a block lies on a word's
 * boundary: two or three words are read in place of a dozen bytes.
 */
function numberField(view: DataView, bytes: Uint8Array, at: number, length: 8 | 12, what: string): number {
  const high = fourDigits(view.getInt32(at, true));
  if (high >= 0) {
    if (length === 8) {
      const low = threeDigits(view.getInt32(at + 4, true));
      if (low >= 0) return high * 512 + low;
    } else {
      const middle = fourDigits(view.getInt32(at + 4, true));
      const low = threeDigits(view.getInt32(at + 8, true));
      if (middle >= 0 && low >= 0) return (high * 4096 + middle) * 512 + low;
    }
  }
  return parseNumber(bytes, at, length, what);
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

/** The checksum's field: six digits, a NUL and a blank, unless an odd program wrote it. */
function checksumField(view: DataView, bytes: Uint8Array, at: number): number {
  const high = fourDigits(view.getInt32(at, true));
  const rest = view.getInt32(at + 4, true);
  if (high >= 0 && (rest & 0xfffff8f8) === 0x20003030) return high * 64 + (rest & 7) * 8 + ((rest >> 8) & 7);
  return parseNumber(bytes, at, 8, "checksum");
}

/** A NUL-terminated field. */
function parseString(bytes: Uint8Array, at: number, length: number): string {
  if (bytes[at] === 0) return "";
  const nul = bytes.indexOf(0, at);
  return decodeName(bytes, at, nul >= 0 && nul < at + length ? nul - at : length);
}

let adler = 0;

/**
 * The sum of the block's bytes with the checksum field taken as blanks, modulo 65521. The lower half of an Adler-32 that starts at 0
 * is that: one call of a library function in place of 512 steps.
 */
function checksum(bytes: Uint8Array, address: number, at: number): number {
  adler ||= native.symbol("isal_adler32");
  const sum = (native.call(adler, 0, address + at, BLOCK) & 0xffff) + 8 * 0x20;
  const f = at + 148;
  const field =
    bytes[f]! +
    bytes[f + 1]! +
    bytes[f + 2]! +
    bytes[f + 3]! +
    bytes[f + 4]! +
    bytes[f + 5]! +
    bytes[f + 6]! +
    bytes[f + 7]!;
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

const USTA = 0x61747375;
const R_NUL_00 = 0x30300072;
const R_BLANKS_NUL = 0x00202072;

function dialectOf(view: DataView, bytes: Uint8Array, at: number): Dialect {
  if (view.getInt32(at + MAGIC, true) !== USTA) return "v7";
  const rest = view.getInt32(at + MAGIC + 4, true);
  if (rest === R_BLANKS_NUL) return "gnu";
  if (rest !== R_NUL_00 && (rest & 0xffff) !== 0x0072) return "v7";
  const t = at + STAR_TRAILER;
  return bytes[t] === 0x74 && bytes[t + 1] === 0x61 && bytes[t + 2] === 0x72 && bytes[t + 3] === 0 ? "star" : "ustar";
}

/**
 * Reads the block at `at` of the source's memory into `into`. Throws DataLoss for a wrong checksum or a field that is no number.
 */
export function parseHeader({ bytes, view, address }: TarMemory, at: number, into: RawHeader): void {
  const stated = checksumField(view, bytes, at + 148);
  if (stated % 65521 !== checksum(bytes, address, at) && stated !== signedChecksum(bytes, at)) {
    throw malformed("wrong header checksum");
  }
  const dialect = dialectOf(view, bytes, at);
  const type = bytes[at + 156]!;
  into.dialect = dialect;
  into.type = type;
  into.name = parseString(bytes, at, 100);
  into.mode = numberField(view, bytes, at + 100, 8, "mode");
  into.uid = numberField(view, bytes, at + 108, 8, "uid");
  into.gid = numberField(view, bytes, at + 116, 8, "gid");
  into.size = numberField(view, bytes, at + 124, 12, "size");
  into.mtime = numberField(view, bytes, at + 136, 12, "mtime");
  into.linkName = bytes[at + 157] === 0 ? "" : parseString(bytes, at + 157, 100);
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
