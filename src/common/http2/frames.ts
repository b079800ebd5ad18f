/** HTTP/2 frames (RFC 9113, sections 4 and 6): nine bytes of head, then the payload. Pure: bytes in, bytes out. */

import { WharfError } from "../errors.ts";

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;
export const SETTING = {
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;
export const H2_ERROR = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

/** What a client sends before its first frame. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** A payload's size unless SETTINGS say more. */
export const DEFAULT_FRAME = 16384;
/** A stream's and the connection's window at the beginning. */
export const DEFAULT_WINDOW = 65535;
/** No window may be bigger. */
export const MAX_WINDOW = 2 ** 31 - 1;
/** Bytes of a frame's head. */
export const HEAD = 9;

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  /** Valid as long as the chunk it came in. */
  payload: Uint8Array;
}

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD + payload.length);
  writeHead(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, HEAD);
  return bytes;
}

/** A frame's head, for a payload of `length` bytes. */
export function writeHead(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeWord(bytes, at + 5, stream);
}

/** The payload of a SETTINGS frame. */
export function encodeSettings(settings: Readonly<Record<number, number>>): Uint8Array {
  const entries = Object.entries(settings);
  const bytes = new Uint8Array(entries.length * 6);
  for (const [i, [id, value]] of entries.entries()) {
    bytes[i * 6 + 1] = Number(id);
    writeWord(bytes, i * 6 + 2, value);
  }
  return bytes;
}

export function* decodeSettings(payload: Uint8Array): Generator<readonly [id: number, value: number]> {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    yield [(payload[at]! << 8) | payload[at + 1]!, readWord(payload, at + 2)] as const;
  }
}

/** 32 bits, big-endian. */
export function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeWord(bytes, 0, value);
  return bytes;
}

export function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** The payload of DATA or HEADERS without padding and priority. InvalidArgument when the padding is longer than the frame. */
export function unpadded({ type, flags, payload }: Frame): Uint8Array {
  let from = 0;
  let to = payload.length;
  if (flags & FLAG.PADDED) {
    to -= payload[0] ?? 0;
    from = 1;
  }
  if (type === FRAME.HEADERS && flags & FLAG.PRIORITY) from += 5;
  if (from > to) throw new WharfError("InvalidArgument", "an HTTP/2 frame has more padding than bytes");
  return payload.subarray(from, to);
}

/** Takes bytes as they come and gives whole frames. */
export class FrameReader {
  readonly #limit: number;
  #rest = new Uint8Array(0);

  constructor(limit = DEFAULT_FRAME) {
    this.#limit = limit;
  }

  /** ResourceExhausted for a frame above the limit. */
  push(chunk: Uint8Array, take: (frame: Frame) => void): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    while (bytes.length - at >= HEAD) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (length > this.#limit) {
        throw new WharfError(
          "ResourceExhausted",
          `an HTTP/2 frame of ${length} bytes: at most ${this.#limit} are taken`,
        );
      }
      if (bytes.length - at < HEAD + length) break;
      const stream = readWord(bytes, at + 5) & 0x7fffffff;
      const payload = bytes.subarray(at + HEAD, at + HEAD + length);
      const frame = { type: bytes[at + 3]!, flags: bytes[at + 4]!, stream, payload };
      at += HEAD + length;
      take(frame);
    }
    this.#rest = bytes.slice(at);
  }
}
