// ttrpc's frames (containerd/ttrpc, PROTOCOL.md): a 10-byte header, then data. No transport: bytes in, frames out.

export const HEADER = 10;
/** Longer data is refused by every implementation. */
export const MAX_DATA = 4 << 20;

export const TYPE = { REQUEST: 1, RESPONSE: 2, DATA: 3 } as const;

export const FLAG = {
  /** The sender sends no more data on this stream. */
  REMOTE_CLOSED: 1,
  /** The sender will send data on this stream. */
  REMOTE_OPEN: 2,
  /** This frame carries no message, not even an empty one. */
  NO_DATA: 4,
} as const;

export interface Frame {
  /** Odd: begun by the client. */
  stream: number;
  type: number;
  flags: number;
  data: Uint8Array;
  /** The header announced more than MAX_DATA bytes, which were skipped: `data` is empty. */
  oversized: boolean;
}

export function encodeFrame(stream: number, type: number, flags: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER + data.length);
  const { length } = data;
  frame[0] = length >>> 24;
  frame[1] = length >>> 16;
  frame[2] = length >>> 8;
  frame[3] = length;
  frame[4] = stream >>> 24;
  frame[5] = stream >>> 16;
  frame[6] = stream >>> 8;
  frame[7] = stream;
  frame[8] = type;
  frame[9] = flags;
  frame.set(data, HEADER);
  return frame;
}

const NOTHING = new Uint8Array(0);

/** Cuts a byte stream into frames. */
export class FrameReader {
  /** The beginning of a frame that is not whole, with room behind it: one that comes in many pieces is not copied for each. */
  #rest: Uint8Array = NOTHING;
  /** Bytes of it that are there. */
  #length = 0;
  /** Bytes of an oversized frame still to be skipped. */
  #skip = 0;

  /** True when the stream may end here. */
  get idle(): boolean {
    return this.#length === 0 && this.#skip === 0;
  }

  /** The frames that `chunk` completes; their data may lie in `chunk` itself. */
  *push(chunk: Uint8Array): Generator<Frame> {
    const kept = this.#length > 0;
    const bytes = kept ? this.#append(chunk) : chunk;
    let at = 0;
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (bytes.length - at < HEADER) break;
      const length = word(bytes, at);
      const oversized = length > MAX_DATA;
      if (!oversized && bytes.length - at - HEADER < length) break;
      const from = at + HEADER;
      at = oversized ? from : from + length;
      if (oversized) this.#skip = length;
      yield {
        stream: word(bytes, from - 6),
        type: bytes[from - 2]!,
        flags: bytes[from - 1]!,
        data: oversized ? NOTHING : bytes.subarray(from, at),
        oversized,
      };
    }
    if (kept && at === 0) return;
    this.#length = bytes.length - at;
    this.#rest = at < bytes.length ? new Uint8Array(bytes.subarray(at)) : NOTHING;
  }

  /** What is there, with this behind it. */
  #append(chunk: Uint8Array): Uint8Array {
    const length = this.#length + chunk.length;
    if (length > this.#rest.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#rest.length));
      larger.set(this.#rest.subarray(0, this.#length));
      this.#rest = larger;
    }
    this.#rest.set(chunk, this.#length);
    this.#length = length;
    return this.#rest.subarray(0, length);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
