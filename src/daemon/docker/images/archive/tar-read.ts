/** Reads a tar entry by entry while it arrives: ustar, GNU long names and pax headers. Data is streamed, never held. */

import { WharfError } from "../../../../common/errors.ts";

export interface TarEntry {
  /** As in the archive, without leading `./` and `/`. */
  name: string;
  type: "file" | "directory" | "link" | "other";
  size: number;
  /** Where a link leads: of a symbolic one beside the entry, of a hard one from the archive's root. */
  target: string;
  symbolic: boolean;
  /** A file's bytes; what is not read is skipped. */
  data: AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
/** Bytes of a long name or pax header. */
const MAX_META = 1 << 20;
const MAX_ENTRIES = 1_000_000;

/** InvalidArgument for what is no tar, DataLoss for one that breaks off. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const input = new Input(source);
  let pax: Record<string, string> = {};
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let count = 0; count < MAX_ENTRIES; count++) {
    const block = await input.take(BLOCK, count === 0);
    if (!block || block.every((byte) => byte === 0)) return;
    checkSum(block);
    const flag = String.fromCharCode(block[156]!);
    const size = pax.size === undefined ? number(block.subarray(124, 136)) : Number(pax.size);
    if (!Number.isSafeInteger(size) || size < 0) throw noTar("an entry's size is none");
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K") {
      if (size > MAX_META) throw noTar("a header is larger than 1 MiB");
      const bytes = (await input.take(padded(size), false))!.subarray(0, size);
      if (flag === "x") pax = readPax(bytes);
      else if (flag === "L") longName = text(bytes);
      else if (flag === "K") longLink = text(bytes);
      continue;
    }
    const prefix = text(block.subarray(257, 262)) === "ustar" ? text(block.subarray(345, 500)) : "";
    const short = text(block.subarray(0, 100));
    const name = pax.path ?? longName ?? (prefix === "" ? short : `${prefix}/${short}`);
    const target = pax.linkpath ?? longLink ?? text(block.subarray(157, 257));
    pax = {};
    longName = longLink = undefined;
    const file = flag === "0" || flag === "\0" || flag === "7";
    const length = file ? size : 0;
    let left = length;
    const data = async function* () {
      while (left > 0) {
        const piece = await input.some(left);
        left -= piece.length;
        yield piece;
      }
    };
    yield {
      name: name.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, ""),
      type: file ? "file" : flag === "5" ? "directory" : flag === "1" || flag === "2" ? "link" : "other",
      size: length,
      target,
      symbolic: flag === "2",
      data: data(),
    };
    while (left > 0) left -= (await input.some(left)).length;
    await input.take(padded(length) - length, false);
  }
  throw new WharfError("ResourceExhausted", `the archive has more than ${MAX_ENTRIES} entries`);
}

class Input {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** One to `most` bytes. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) throw new WharfError("DataLoss", "the archive breaks off", { operation: "read archive" });
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Exactly so many bytes; undefined at a clean end, unless it is the first block. */
  async take(count: number, first: boolean): Promise<Uint8Array | undefined> {
    if (count === 0) return new Uint8Array(0);
    const whole = new Uint8Array(count);
    let have = 0;
    while (have < count) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#source.next();
        if (done) {
          if (have === 0 && !first && count === BLOCK) return undefined;
          if (first) throw noTar("it has no entries");
          throw new WharfError("DataLoss", "the archive breaks off", { operation: "read archive" });
        }
        this.#rest = value;
        continue;
      }
      const piece = this.#rest.subarray(0, count - have);
      whole.set(piece, have);
      have += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    return whole;
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function checkSum(block: Uint8Array): void {
  let sum = 0;
  for (const [at, byte] of block.entries()) sum += at >= 148 && at < 156 ? 32 : byte;
  if (sum !== number(block.subarray(148, 156))) throw noTar("a header's checksum is wrong");
}

/** Octal text, or GNU's binary form for large numbers. */
function number(field: Uint8Array): number {
  if (field[0]! & 0x80) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const digits = text(field).trim();
  return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

/** `27 path=long/name\n` and so on. */
function readPax(bytes: Uint8Array): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(Buffer.from(bytes.subarray(at, space)).toString("latin1"));
    if (!Number.isInteger(length) || length < 5 || at + length > bytes.length) throw noTar("a pax header is broken");
    const record = Buffer.from(bytes.subarray(space + 1, at + length - 1)).toString("utf8");
    const equals = record.indexOf("=");
    if (equals > 0) found[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return found;
}

function noTar(why: string): WharfError {
  return new WharfError("InvalidArgument", `this is no tar archive: ${why}`, { operation: "read archive" });
}
