// Writes a tar in PAX format: plain ustar where that says it all, an extended header where it does not. The same tree gives the same
// bytes.
import { TYPE } from "./entry.ts";
import { BLOCK } from "./header.ts";
import { encodeName } from "./names.ts";

/** What is written of one file. */
export interface Written {
  type: number;
  /** A directory's ends with a slash. */
  name: string;
  linkName?: string | undefined;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of data that follow. */
  size: number;
  /** Whole seconds since the epoch. */
  mtime: number;
  devMajor?: number | undefined;
  devMinor?: number | undefined;
  xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Where the bytes go: memory that is filled and then committed. */
export interface TarOutput {
  readonly bytes: Uint8Array;
  /** Of bytes[0]. */
  readonly address: number;
  /** Waits until `count` bytes (at most a mebibyte) can be written in one piece; where in `bytes`. */
  reserve(count: number): number;
  /** The first `count` reserved bytes have been written. */
  commit(count: number): void;
}

const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const ASCII = /^[\x01-\x7f]*$/;

/** Splits a long name at a slash for ustar's prefix field; undefined when it does not fit. */
function split(name: string): { prefix: string; name: string } | undefined {
  if (name.length <= 100) return { prefix: "", name };
  if (name.length > 256) return undefined;
  const slash = name.lastIndexOf("/", name.endsWith("/") ? Math.min(155, name.length - 2) : 155);
  const rest = name.slice(slash + 1);
  return slash > 0 && rest.length <= 100 && rest.length > 0 ? { prefix: name.slice(0, slash), name: rest } : undefined;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = native.bytes(` ${key}=`);
  const bare = rest.length + value.length + 1;
  let length = bare + String(bare).length;
  if (bare + String(length).length !== length) length = bare + String(length).length;
  const head = native.bytes(String(length));
  const record = new Uint8Array(length);
  record.set(head);
  record.set(rest, head.length);
  record.set(value, head.length + rest.length);
  record[length - 1] = 0x0a;
  return record;
}

/** The extended records an entry needs; empty for most. */
function paxRecords(entry: Written): Uint8Array[] {
  const records: Uint8Array[] = [];
  const text = (key: string, value: string | number): void => {
    records.push(paxRecord(key, encodeName(String(value))));
  };
  const { name, linkName = "", uid, gid, size, mtime, xattrs } = entry;
  if (gid > MAX_OCTAL_7) text("gid", gid);
  if (linkName.length > 100 || !ASCII.test(linkName)) text("linkpath", linkName);
  if (mtime < 0 || mtime > MAX_OCTAL_11) text("mtime", mtime);
  if (!ASCII.test(name) || !split(name)) text("path", name);
  if (size > MAX_OCTAL_11) text("size", size);
  if (uid > MAX_OCTAL_7) text("uid", uid);
  for (const [key, value] of [...(xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push(paxRecord(`SCHILY.xattr.${key}`, value));
  }
  return records;
}

/** A header with nothing in it: number fields of zeros, the checksum as it counts. */
const TEMPLATE = new Uint8Array(BLOCK);
for (const [at, length] of [
  [100, 7],
  [108, 7],
  [116, 7],
  [124, 11],
  [136, 11],
  [329, 7],
  [337, 7],
] as const) {
  TEMPLATE.fill(0x30, at, at + length);
}
TEMPLATE.fill(0x20, 148, 156);
TEMPLATE.set([0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30], 257);

/** The checksum field before its digits: six zeros, a NUL and a blank. */
const NO_SUM = new Uint8Array([0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0, 0x20]);

let adler = 0;

/** The sum of a block's bytes: the lower half of an Adler-32 that starts at 0. A half block's is below the modulus, so nothing is lost. */
function blockSum(address: number): number {
  adler ||= native.symbol("isal_adler32");
  const half = BLOCK / 2;
  return (native.call(adler, 0, address, half) & 0xffff) + (native.call(adler, 0, address + half, half) & 0xffff);
}

export class TarWriter {
  readonly #output: TarOutput;
  /** Bytes written. */
  size = 0;

  constructor(output: TarOutput) {
    this.#output = output;
  }

  #commit(count: number): void {
    this.#output.commit(count);
    this.size += count;
  }

  #string(at: number, length: number, text: string): void {
    const bytes = encodeName(text);
    this.#output.bytes.set(bytes.length > length ? bytes.subarray(0, length) : bytes, at);
  }

  /** Digits up to the last byte, over the template's zeros; 0 for what does not fit and is said in an extended header. */
  #octal(at: number, length: number, value: number, most: number): void {
    const { bytes } = this.#output;
    let left = value >= 0 && value <= most ? value : 0;
    for (let i = at + length - 2; left > 0; i--) {
      bytes[i] = 0x30 + (left % 8);
      left = Math.floor(left / 8);
    }
  }

  #block(entry: Written): void {
    const at = this.#output.reserve(BLOCK);
    const { bytes } = this.#output;
    bytes.set(TEMPLATE, at);
    const { prefix, name } = split(entry.name) ?? { prefix: "", name: entry.name };
    this.#string(at, 100, name);
    this.#octal(at + 100, 8, entry.mode & 0o7777, MAX_OCTAL_7);
    this.#octal(at + 108, 8, entry.uid, MAX_OCTAL_7);
    this.#octal(at + 116, 8, entry.gid, MAX_OCTAL_7);
    this.#octal(at + 124, 12, entry.size, MAX_OCTAL_11);
    this.#octal(at + 136, 12, entry.mtime, MAX_OCTAL_11);
    bytes[at + 156] = entry.type;
    if (entry.linkName) this.#string(at + 157, 100, entry.linkName);
    if (entry.devMajor) this.#octal(at + 329, 8, entry.devMajor, MAX_OCTAL_7);
    if (entry.devMinor) this.#octal(at + 337, 8, entry.devMinor, MAX_OCTAL_7);
    if (prefix !== "") this.#string(at + 345, 155, prefix);
    const sum = blockSum(this.#output.address + at);
    bytes.set(NO_SUM, at + 148);
    this.#octal(at + 148, 7, sum, MAX_OCTAL_7);
    this.#commit(BLOCK);
  }

  /** Writes an entry's header; `size` bytes of data and `pad()` follow. */
  header(entry: Written): void {
    const records = paxRecords(entry);
    if (records.length > 0) this.#extended(entry, records);
    this.#block(entry);
  }

  #extended(entry: Written, records: readonly Uint8Array[]): void {
    const size = records.reduce((sum, record) => sum + record.length, 0);
    const base = entry.name.replace(/\/$/, "").slice(entry.name.lastIndexOf("/", entry.name.length - 2) + 1);
    const name = `PaxHeaders.0/${ASCII.test(base) ? base.slice(0, 80) : "name"}`;
    this.#block({ type: TYPE.pax, name, mode: 0o644, uid: 0, gid: 0, size, mtime: 0 });
    for (const record of records) {
      const at = this.#output.reserve(record.length);
      this.#output.bytes.set(record, at);
      this.#commit(record.length);
    }
    this.pad();
  }

  /** Writes data: `fill` puts at most `length` bytes at `address` and says how many; 0 ends it early, with zeros for the rest. */
  data(size: number, fill: (address: number, length: number) => number): void {
    for (let left = size; left > 0; ) {
      const want = Math.min(left, 256 << 10);
      const at = this.#output.reserve(want);
      let n = fill(this.#output.address + at, want);
      if (n === 0) {
        this.#output.bytes.fill(0, at, at + want);
        n = want;
      }
      this.#commit(n);
      left -= n;
    }
    this.pad();
  }

  /** Zeros up to the next block. */
  pad(): void {
    const count = (BLOCK - (this.size % BLOCK)) % BLOCK;
    if (count === 0) return;
    const at = this.#output.reserve(count);
    this.#output.bytes.fill(0, at, at + count);
    this.#commit(count);
  }

  /** Two blocks of zeros. */
  end(): void {
    const at = this.#output.reserve(2 * BLOCK);
    this.#output.bytes.fill(0, at, at + 2 * BLOCK);
    this.#commit(2 * BLOCK);
  }
}
