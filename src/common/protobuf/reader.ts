// Protobuf's wire format, reading: checked against the end at every step, so that no input reads beyond its own bytes.
import { WharfError } from "../errors.ts";
import { decodeUtf8 } from "../utf8.ts";
import { WIRE } from "./schema.ts";

const MAX_DEPTH = 100;

export function malformed(what: string): WharfError {
  return new WharfError("InvalidArgument", `protobuf: ${what}`);
}

export class Reader {
  readonly buffer: Uint8Array;
  at = 0;
  /** Halves of the last 64-bit value, unsigned. */
  low = 0;
  high = 0;
  depth = 0;

  constructor(buffer: Uint8Array) {
    // a Node Buffer's slice() would share memory with a buffer that is used again
    const plain = buffer.constructor === Uint8Array;
    this.buffer = plain ? buffer : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  }

  /** Reads a varint into low and high, and returns low. */
  varint(end: number): number {
    const { buffer } = this;
    let byte = this.#byte(end);
    this.high = 0;
    if (byte < 0x80) return (this.low = byte);
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.at < end ? buffer[this.at++]! : this.#byte(end);
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (this.low = low);
    }
    byte = this.#byte(end);
    this.low = (low | (byte << 28)) >>> 0;
    let high = (byte & 0x7f) >>> 4;
    for (let shift = 3; byte >= 0x80; shift += 7) {
      if (shift > 31) throw malformed("varint of more than ten bytes");
      byte = this.#byte(end);
      high |= (byte & 0x7f) << shift;
    }
    this.high = high >>> 0;
    return this.low;
  }

  #byte(end: number): number {
    if (this.at >= end) throw malformed("message is cut short");
    return this.buffer[this.at++]!;
  }

  fixed32(end: number): number {
    this.need(4, end);
    const { buffer, at } = this;
    this.at += 4;
    return (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0;
  }

  fixed64(end: number): void {
    this.low = this.fixed32(end);
    this.high = this.fixed32(end);
  }

  float(bytes: 4 | 8, end: number): number {
    this.need(bytes, end);
    const view = new DataView(this.buffer.buffer, this.buffer.byteOffset + this.at, bytes);
    this.at += bytes;
    return bytes === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  }

  need(n: number, end: number): void {
    if (n > end - this.at) throw malformed("message is cut short");
  }

  /** Reads a length and returns where the bytes it counts end. */
  until(end: number): number {
    const length = this.varint(end);
    if (this.high !== 0) throw malformed("message is cut short");
    this.need(length, end);
    return this.at + length;
  }

  bytes(end: number): Uint8Array {
    const to = this.until(end);
    const bytes = this.buffer.slice(this.at, to);
    this.at = to;
    return bytes;
  }

  string(end: number): string {
    const to = this.until(end);
    const text = to === this.at ? "" : decodeUtf8(this.buffer.subarray(this.at, to));
    this.at = to;
    return text;
  }

  enter(): void {
    if (++this.depth > MAX_DEPTH) throw malformed(`messages nested more than ${MAX_DEPTH} deep`);
  }

  /** Steps over a field's value; groups (wire type 3) with all that is in them. */
  skip(wire: number, no: number, end: number): void {
    if (wire === WIRE.VARINT) this.varint(end);
    else if (wire === WIRE.I64) this.#jump(8, end);
    else if (wire === WIRE.LEN) this.at = this.until(end);
    else if (wire === WIRE.I32) this.#jump(4, end);
    else if (wire === WIRE.START) {
      this.enter();
      for (;;) {
        const tag = this.varint(end);
        if ((tag & 7) === WIRE.END) {
          if (tag >>> 3 !== no) throw malformed("group ends with another number than it began with");
          break;
        }
        this.skip(tag & 7, tag >>> 3, end);
      }
      this.depth--;
    } else throw malformed(`field ${no} has wire type ${wire}`);
  }

  #jump(n: number, end: number): void {
    this.need(n, end);
    this.at += n;
  }
}
