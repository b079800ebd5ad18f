// Docker's multiplexed output: frames of [stream, 0, 0, 0, size as 32-bit big-endian] and the bytes.
import { WharfError } from "../errors.ts";

/** Streams of a frame; 3 carries an error text of the daemon. */
const STDOUT = 1;
export const STDERR = 2;
const SYSTEM_ERROR = 3;

/** Takes frames apart as they come, whatever the pieces they come in. */
export class FrameDecoder {
  #header = new Uint8Array(8);
  #have = 0;
  #left = 0;
  #stream = 0;
  #error: number[] = [];

  /** True between frames: the stream may end here. */
  get clean(): boolean {
    return this.#have === 0 && this.#left === 0;
  }

  /**
   * Decodes bytes[0, length). Neighbouring pieces of one stream are moved together in place, so that `emit` is called as
   * rarely as possible with views into `bytes`, which are used before it returns.
   */
  push(bytes: Uint8Array, length: number, emit: (stream: number, piece: Uint8Array) => void): void {
    let at = 0;
    let runStart = 0;
    let runEnd = 0;
    let runStream = 0;
    const flush = () => {
      if (runEnd > runStart) emit(runStream, bytes.subarray(runStart, runEnd));
    };
    while (at < length) {
      if (this.#left === 0) {
        const n = Math.min(8 - this.#have, length - at);
        for (let i = 0; i < n; i++) this.#header[this.#have + i] = bytes[at + i]!;
        this.#have += n;
        at += n;
        if (this.#have < 8) break;
        this.#have = 0;
        this.#open();
        continue;
      }
      const end = Math.min(length, at + this.#left);
      this.#left -= end - at;
      if (this.#stream === SYSTEM_ERROR) {
        this.#error.push(...bytes.subarray(at, end));
        if (this.#left === 0) this.#fail();
      } else if (this.#stream === runStream) {
        if (runEnd !== at) bytes.copyWithin(runEnd, at, end);
        runEnd += end - at;
      } else {
        flush();
        runStream = this.#stream;
        runStart = at;
        runEnd = end;
      }
      at = end;
    }
    flush();
  }

  #open(): void {
    const h = this.#header;
    // Stream 0 (stdin) was written by old daemons for stdout.
    this.#stream = h[0] === 0 ? STDOUT : h[0]!;
    if (this.#stream > SYSTEM_ERROR || h[1] !== 0 || h[2] !== 0 || h[3] !== 0) {
      throw new WharfError(
        "DataLoss",
        `the output is not in frames: a header starts with ${h.subarray(0, 4).join(" ")}`,
      );
    }
    this.#left = ((h[4]! << 24) | (h[5]! << 16) | (h[6]! << 8) | h[7]!) >>> 0;
  }

  #fail(): void {
    const text = String.fromCharCode(...this.#error);
    this.#error = [];
    throw new WharfError("Internal", text.trim());
  }
}
