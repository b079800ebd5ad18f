// Protobuf's wire format, writing: one growing buffer that is used again and again.
import { WharfError } from "../errors.ts";
import { encodeUtf8, writeAscii } from "../utf8.ts";

const FIRST = 512;
/** A bigger buffer is not kept. */
const KEPT = 1 << 18;
const TWO32 = 4294967296;

export class Writer {
  buffer = new Uint8Array(0);
  at = 0;

  #grow(more: number): void {
    let size = Math.max(FIRST, this.buffer.length * 2);
    while (size < this.at + more) size *= 2;
    const bigger = new Uint8Array(size);
    bigger.set(this.buffer.subarray(0, this.at));
    this.buffer = bigger;
  }

  /** Makes room for n more bytes. */
  need(n: number): void {
    if (this.at + n > this.buffer.length) this.#grow(n);
  }

  /** A copy of what was written from `from` on, which is forgotten here. */
  take(from: number): Uint8Array<ArrayBuffer> {
    const bytes = this.buffer.slice(from, this.at);
    this.at = from;
    if (from === 0 && this.buffer.length > KEPT) this.buffer = new Uint8Array(0);
    return bytes;
  }

  /** 0 to 2^32 - 1. */
  varint(value: number): void {
    this.need(5);
    const { buffer } = this;
    while (value > 0x7f) {
      buffer[this.at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[this.at++] = value;
  }

  /** A 64-bit value as two unsigned halves. */
  varint64(low: number, high: number): void {
    this.need(10);
    const { buffer } = this;
    while (high > 0) {
      buffer[this.at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.varint(low);
  }

  /** A safe integer or a bigint, two's complement in 64 bits. */
  integer64(value: number | bigint): void {
    if (typeof value === "number") this.varint64(value >>> 0, Math.floor(value / TWO32) >>> 0);
    else this.varint64(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  fixed32(value: number): void {
    this.need(4);
    for (let i = 0; i < 4; i++) this.buffer[this.at++] = (value >>> (i * 8)) & 0xff;
  }

  fixed64(value: number | bigint): void {
    const low = typeof value === "number" ? value >>> 0 : Number(BigInt.asUintN(32, value));
    const high = typeof value === "number" ? Math.floor(value / TWO32) : Number(BigInt.asUintN(32, value >> 32n));
    this.fixed32(low);
    this.fixed32(high >>> 0);
  }

  float(value: number, bytes: 4 | 8): void {
    this.need(bytes);
    const view = new DataView(this.buffer.buffer, this.at, bytes);
    if (bytes === 4) view.setFloat32(0, value, true);
    else view.setFloat64(0, value, true);
    this.at += bytes;
  }

  raw(bytes: Uint8Array): void {
    this.need(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  string(text: string): void {
    const { length } = text;
    this.need(length + 1);
    // Its length takes one byte, then.
    if (length < 0x80 && writeAscii(text, this.buffer, this.at + 1)) {
      this.buffer[this.at] = length;
      this.at += length + 1;
    } else this.bytes(encodeUtf8(text));
  }

  /** Begins something with a length before it; closed by end(). */
  begin(): number {
    this.need(1);
    return this.at++;
  }

  /** Writes the length of what came since begin(); moves it when the length needs more than one byte. */
  end(start: number): void {
    const length = this.at - start - 1;
    if (length < 0x80) {
      this.buffer[start] = length;
      return;
    }
    if (length > 0x7fffffff) throw new WharfError("ResourceExhausted", "protobuf: message of more than 2 GiB");
    let size = 1;
    for (let rest = length; rest > 0x7f; rest >>>= 7) size++;
    this.need(size - 1);
    this.buffer.copyWithin(start + size, start + 1, this.at);
    this.at = start;
    this.varint(length);
    this.at += length;
  }
}
