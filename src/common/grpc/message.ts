/**
 * gRPC's messages on the wire: one byte that says whether it is compressed, a 32-bit big-endian length, the bytes
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Pure: bytes in, bytes out.
 */

import { concat } from "../bytes.ts";
import { WharfError } from "../errors.ts";

/** Bytes before each message. */
export const PREFIX = 5;
/** The biggest message that is taken (containerd, defaults). */
export const MAX_MESSAGE = 16 << 20;

/** Bytes that a message may have at most, as it is on the wire. */
export interface MessageLimits {
  receive: number;
  send: number;
}

/** As containerd's configuration has them by default. */
export const MESSAGE_LIMITS: MessageLimits = { receive: MAX_MESSAGE, send: MAX_MESSAGE };

/** A part smaller than this may be a small piece of the buffer it came in, which it keeps: parts of such a size are copied together. */
const SMALL = 4096;
const GATHER = 1 << 16;

/**
 * A message whose bytes were put together by hand: `head`, then the parts, which are not copied. Stands for an encoded message. `sent` is called
 * when nobody looks at the parts any more; never, if the call ends before.
 */
export class RawMessage {
  readonly head: Uint8Array;
  readonly parts: readonly Uint8Array[];
  readonly sent: (() => void) | undefined;

  constructor(head: Uint8Array, parts: readonly Uint8Array[], sent?: () => void) {
    this.head = head;
    this.parts = parts;
    this.sent = sent;
  }

  get length(): number {
    return this.parts.reduce((sum, part) => sum + part.length, this.head.length);
  }
}

/** Puts the prefix before a message. */
export function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREFIX + message.length);
  writePrefix(bytes, message.length);
  bytes.set(message, PREFIX);
  return bytes;
}

/** The first five of `bytes` become the prefix of a message of `length` bytes. */
export function writePrefix(bytes: Uint8Array, length: number): void {
  bytes[0] = 0;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
}

/** Takes bytes as they come and gives whole messages. */
export class MessageReader {
  readonly #limit: number;
  readonly #packed: boolean;
  #compressed = false;
  /** The beginning of a prefix that came in several chunks. */
  #prefix: Uint8Array | undefined;
  #prefixed = 0;
  #length = 0;
  /** Of the message under way: its parts, and how many bytes they have. */
  #parts: Uint8Array[] = [];
  #have = 0;
  /** Small parts side by side: the last of the parts, with room behind it. */
  #small: Uint8Array | undefined;
  #smallSize = 0;

  /** `packed`: compressed messages are taken, too. */
  constructor(limit = MAX_MESSAGE, packed = false) {
    this.#limit = limit;
    this.#packed = packed;
  }

  /** True when the last message is whole. */
  get complete(): boolean {
    return this.#prefixed === 0;
  }

  /**
   * Hands each message that `chunk` completes to `take`, compressed as it came; valid as long as `chunk` is. Internal for a compressed
   * one where none is expected, ResourceExhausted for one above the limit.
   */
  push(chunk: Uint8Array, take: (message: Uint8Array, compressed: boolean) => void): void {
    let at = 0;
    for (;;) {
      if (this.#prefixed === 0 && chunk.length - at >= PREFIX) {
        this.#begin(chunk, at);
        this.#prefixed = PREFIX;
        at += PREFIX;
      } else if (this.#prefixed < PREFIX) {
        const prefix = (this.#prefix ??= new Uint8Array(PREFIX));
        while (this.#prefixed < PREFIX && at < chunk.length) prefix[this.#prefixed++] = chunk[at++]!;
        if (this.#prefixed < PREFIX) return;
        this.#begin(prefix, 0);
      }
      const bytes = chunk.subarray(at, at + this.#length - this.#have);
      at += bytes.length;
      this.#have += bytes.length;
      const whole = this.#have === this.#length;
      if (!whole || this.#parts.length > 0) this.#keep(bytes);
      if (!whole) return;
      const message = this.#parts.length > 0 ? concat(this.#parts, this.#length) : bytes;
      this.#prefixed = 0;
      this.#have = 0;
      this.#parts = [];
      this.#small = undefined;
      take(message, this.#compressed);
    }
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length >= SMALL) {
      this.#parts.push(bytes);
      this.#small = undefined;
      return;
    }
    if (bytes.length === 0) return;
    if (!this.#small || this.#smallSize + bytes.length > this.#small.length) {
      this.#small = new Uint8Array(Math.min(GATHER, this.#length - this.#have + bytes.length));
      this.#smallSize = 0;
      this.#parts.push(this.#small);
    }
    this.#small.set(bytes, this.#smallSize);
    this.#smallSize += bytes.length;
    this.#parts[this.#parts.length - 1] = this.#small.subarray(0, this.#smallSize);
  }

  #begin(bytes: Uint8Array, at: number): void {
    const [a, b, c, d] = [bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!];
    this.#length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (bytes[at]! > 1) throw new WharfError("Internal", `a message of the unknown form ${bytes[at]}`);
    this.#compressed = bytes[at] === 1;
    if (this.#compressed && !this.#packed)
      throw new WharfError("Internal", "a compressed message, and no grpc-encoding says by what");
    if (this.#length > this.#limit) {
      throw new WharfError("ResourceExhausted", `a message of ${this.#length} bytes: at most ${this.#limit} are taken`);
    }
  }
}
