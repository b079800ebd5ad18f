/**
 * Header blocks (HPACK, RFC 7541): read with the peer's table, written without one, so that nothing has to be
 * remembered between them. Pure.
 */

import { WharfError } from "../errors.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { decodeHuffman } from "./huffman.ts";

/** Names in lower case with their values, in order. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Appendix A: the entries 1 to 61. */
const STATIC: HeaderList = [
  ...[[":authority", ""] as const, [":method", "GET"] as const, [":method", "POST"] as const, [":path", "/"] as const],
  ...[[":path", "/index.html"] as const, [":scheme", "http"] as const, [":scheme", "https"] as const],
  ...["200", "204", "206", "304", "400", "404", "500"].map((status) => [":status", status] as const),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ..."accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
    .concat("content-disposition content-encoding content-language content-length content-location content-range ")
    .concat("content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range ")
    .concat(
      "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ",
    )
    .concat(
      "referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary ",
    )
    .concat("via www-authenticate")
    .split(" ")
    .map((name) => [name, ""] as const),
];
/** What an entry counts beyond its text (section 4.1). */
const OVERHEAD = 32;

const whole = new Map<string, number>();
const named = new Map<string, number>();
for (const [at, [name, value]] of STATIC.entries()) {
  whole.set(`${name}\0${value}`, at + 1);
  if (!named.has(name)) named.set(name, at + 1);
}

function writeInteger(out: number[], value: number, bits: number, flags: number): void {
  const full = 2 ** bits - 1;
  if (value < full) {
    out.push(flags | value);
    return;
  }
  out.push(flags | full);
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}

function writeText(out: number[], text: string): void {
  const bytes = encodeUtf8(text);
  writeInteger(out, bytes.length, 7, 0);
  for (const byte of bytes) out.push(byte);
}

/** A header block that adds nothing to the reader's table. */
export function encodeHeaders(headers: HeaderList): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of headers) {
    const index = whole.get(`${name}\0${value}`);
    if (index !== undefined) {
      writeInteger(out, index, 7, 0x80);
      continue;
    }
    const nameIndex = named.get(name) ?? 0;
    writeInteger(out, nameIndex, 4, 0);
    if (nameIndex === 0) writeText(out, name);
    writeText(out, value);
  }
  return Uint8Array.from(out);
}

/** Reads header blocks of one connection, in their order. InvalidArgument for broken ones: the connection is of no use then. */
export class HeaderDecoder {
  /** Newest first. */
  readonly #entries: (readonly [string, string])[] = [];
  readonly #most: number;
  readonly #longest: number;
  #limit: number;
  #size = 0;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Changes with the table: a block without effect on it means the same as long as this is the same. */
  version = 0;

  /**
   * `limit`: bytes of the table, as announced in SETTINGS_HEADER_TABLE_SIZE. `longest`: of one block's headers together, as
   * SETTINGS_MAX_HEADER_LIST_SIZE counts them; ResourceExhausted above.
   */
  constructor(limit = 4096, longest = Number.POSITIVE_INFINITY) {
    this.#most = limit;
    this.#longest = longest;
    this.#limit = limit;
  }

  decode(block: Uint8Array): HeaderList {
    this.#block = block;
    this.#at = 0;
    const headers: (readonly [string, string])[] = [];
    let left = this.#longest;
    while (this.#at < block.length) {
      const first = block[this.#at]!;
      if (first & 0x80) headers.push(this.#entry(this.#integer(7)));
      else if ((first & 0xe0) === 0x20) {
        // section 4.2
        if (headers.length > 0)
          throw new WharfError("InvalidArgument", "a header table changes its size within a block");
        this.#resize(this.#integer(5));
      } else {
        const kept = (first & 0x40) !== 0;
        const index = this.#integer(kept ? 6 : 4);
        const name = index === 0 ? this.#text() : this.#entry(index)[0];
        const header = [name, this.#text()] as const;
        headers.push(header);
        if (kept) this.#add(header);
      }
      const last = headers.at(-1);
      if (last) left -= last[0].length + last[1].length + OVERHEAD;
      if (left < 0) throw new WharfError("ResourceExhausted", `headers of more than ${this.#longest} bytes`);
    }
    return headers;
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new WharfError("InvalidArgument", "a header block ends in the middle");
    return byte;
  }

  #integer(bits: number): number {
    const full = 2 ** bits - 1;
    let value = this.#byte() & full;
    if (value < full) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (value > 2 ** 31) throw new WharfError("InvalidArgument", "a number in a header block is too big");
      if (byte < 128) return value;
    }
  }

  #text(): string {
    const coded = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new WharfError("InvalidArgument", "a header block ends in the middle");
    this.#at += length;
    return decodeUtf8(coded ? decodeHuffman(bytes) : bytes);
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= STATIC.length ? STATIC[index - 1] : this.#entries[index - STATIC.length - 1];
    if (!entry) throw new WharfError("InvalidArgument", `a header block refers to entry ${index}, which is not there`);
    return entry;
  }

  #resize(limit: number): void {
    if (limit > this.#most) throw new WharfError("InvalidArgument", `a header table of ${limit} bytes was not offered`);
    this.#limit = limit;
    this.version++;
    this.#evict();
  }

  #add(header: readonly [string, string]): void {
    this.version++;
    this.#entries.unshift(header);
    this.#size += size(header);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) this.#size -= size(this.#entries.pop()!);
  }
}

function size([name, value]: readonly [string, string]): number {
  return encodeUtf8(name).length + encodeUtf8(value).length + OVERHEAD;
}
