/** Frames as a server gets them: the client's preface, then frames, of which DATA is handed on piece by piece as it comes. Pure. */

import { WharfError } from "../errors.ts";
import { FLAG, FRAME, type Frame, HEAD, PREFACE, readWord, unpadded } from "./frames.ts";

export interface FrameTaker {
  /** A whole frame, not of DATA; its payload is valid until the call returns. */
  frame(frame: Frame): void;
  /** A piece of DATA. `cost`: what it counts for the windows; `last`: nothing more comes on this stream. */
  data(stream: number, bytes: Uint8Array, cost: number, last: boolean): void;
}

/** Frames but DATA and header blocks are gathered, and none of them has reason to be big. */
const GATHERED = 1 << 16;
const BIG: ReadonlySet<number> = new Set([FRAME.DATA, FRAME.HEADERS, FRAME.CONTINUATION]);
const NOTHING = new Uint8Array(0);

export class ServerReader {
  readonly #limit: number;
  #prefaced = 0;
  /** What the head of the frame under way says. */
  #length = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** A head or a frame that has not come whole: what is there of it. */
  readonly #head = new Uint8Array(HEAD);
  #headed = 0;
  #part: Uint8Array | undefined;
  #have = 0;
  /** What of a DATA frame is still to come. */
  #left = 0;

  /** `limit`: bytes of a payload of DATA or headers. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** InvalidArgument for another preface or padding that is none, ResourceExhausted for a frame above the limit. */
  push(chunk: Uint8Array, taker: FrameTaker): void {
    let at = this.#prefaced < PREFACE.length ? this.#preface(chunk) : 0;
    while (at < chunk.length) {
      if (this.#headed === 0 && chunk.length - at >= HEAD) {
        this.#begin(chunk, at, taker);
        at += HEAD;
        continue;
      }
      if (this.#headed < HEAD) {
        const piece = chunk.subarray(at, at + HEAD - this.#headed);
        this.#head.set(piece, this.#headed);
        this.#headed += piece.length;
        at += piece.length;
        if (this.#headed < HEAD) return;
        this.#begin(this.#head, 0, taker);
        continue;
      }
      if (this.#left > 0) {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        const whole = this.#left === 0;
        if (whole) this.#headed = 0;
        taker.data(this.#stream, piece, piece.length, whole && (this.#flags & FLAG.END_STREAM) !== 0);
      } else at = this.#gather(chunk, at, taker);
    }
  }

  #preface(chunk: Uint8Array): number {
    let at = 0;
    for (; this.#prefaced < PREFACE.length && at < chunk.length; at++) {
      if (chunk[at] !== PREFACE.charCodeAt(this.#prefaced++)) {
        throw new WharfError("InvalidArgument", "the client does not speak HTTP/2");
      }
    }
    return at;
  }

  /** A head lies here. */
  #begin(bytes: Uint8Array, at: number, taker: FrameTaker): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.#headed = HEAD;
    this.#length = length;
    this.#type = bytes[at + 3]!;
    this.#flags = bytes[at + 4]!;
    this.#stream = readWord(bytes, at + 5) & 0x7fffffff;
    const gathered = this.#type !== FRAME.DATA || (this.#flags & FLAG.PADDED) !== 0;
    const limit = BIG.has(this.#type) ? this.#limit : GATHERED;
    if (length > limit) {
      throw new WharfError("ResourceExhausted", `an HTTP/2 frame of ${length} bytes: at most ${limit} are taken`);
    }
    if (length === 0) this.#whole(NOTHING, taker);
    else if (!gathered) this.#left = length;
  }

  #gather(chunk: Uint8Array, at: number, taker: FrameTaker): number {
    const length = this.#length;
    if (!this.#part && chunk.length - at >= length) {
      this.#whole(chunk.subarray(at, at + length), taker);
      return at + length;
    }
    this.#part ??= new Uint8Array(length);
    const piece = chunk.subarray(at, at + length - this.#have);
    this.#part.set(piece, this.#have);
    this.#have += piece.length;
    if (this.#have === length) {
      const whole = this.#part;
      this.#part = undefined;
      this.#have = 0;
      this.#whole(whole, taker);
    }
    return at + piece.length;
  }

  #whole(payload: Uint8Array, taker: FrameTaker): void {
    this.#headed = 0;
    const frame = { type: this.#type, flags: this.#flags, stream: this.#stream, payload };
    if (frame.type !== FRAME.DATA) taker.frame(frame);
    else taker.data(frame.stream, unpadded(frame), payload.length, (frame.flags & FLAG.END_STREAM) !== 0);
  }
}
