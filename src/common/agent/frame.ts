/** Frames of the agent protocol: one type byte, a 32-bit big-endian length, the payload. */
import { WharfError } from "../errors.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";

/**
 * `request` (JSON, client to agent), `data` (either way; an empty one ends the client's stream), `progress` (JSON, agent to client),
 * `result` and `error` (JSON; the last frame of an operation).
 */
export const FRAME = { request: 0x51, data: 0x44, progress: 0x50, result: 0x52, error: 0x45 } as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  type: FrameType;
  payload: Uint8Array;
}

export const FRAME_HEADER = 5;
/** Longest payload that is taken; what streams is sent in frames of at most 256 KiB. */
export const MAX_FRAME = 16 << 20;
export const DATA_CHUNK = 256 << 10;

const TYPES = new Set<number>(Object.values(FRAME));

export function frameHeader(type: FrameType, length: number): Uint8Array {
  return new Uint8Array([type, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]);
}

export function encodeFrame(type: FrameType, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER + payload.length);
  bytes.set(frameHeader(type, payload.length));
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

export function encodeJson(type: FrameType, value: unknown): Uint8Array {
  return encodeFrame(type, encodeUtf8(JSON.stringify(value)));
}

export function decodeJson(frame: Frame): unknown {
  try {
    return JSON.parse(decodeUtf8(frame.payload));
  } catch (cause) {
    throw new WharfError("InvalidArgument", "agent protocol: a frame that is not JSON", { cause });
  }
}

/** What a header says; throws InvalidArgument for a type or length that cannot be. */
export function parseHeader(bytes: Uint8Array, at = 0): { type: FrameType; length: number } {
  const type = bytes[at]!;
  const length = bytes[at + 1]! * 0x1000000 + ((bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!);
  if (!TYPES.has(type)) throw new WharfError("InvalidArgument", `agent protocol: unknown frame type ${type}`);
  if (length > MAX_FRAME) throw new WharfError("InvalidArgument", `agent protocol: frame of ${length} bytes`);
  return { type: type as FrameType, length };
}

/** Cuts a byte stream into frames. */
export class FrameDecoder {
  #parts: Uint8Array[] = [];
  #have = 0;

  /** The first `length` bytes of what has come, as one piece; they are there. */
  #take(length: number): Uint8Array {
    let first = this.#parts[0] ?? new Uint8Array(0);
    if (first.length < length) {
      const joined = new Uint8Array(this.#have);
      let at = 0;
      for (const part of this.#parts) {
        joined.set(part, at);
        at += part.length;
      }
      this.#parts = [joined];
      first = joined;
    }
    return first.subarray(0, length);
  }

  #drop(length: number): void {
    this.#have -= length;
    const first = this.#parts[0]!;
    if (first.length === length) this.#parts.shift();
    else this.#parts[0] = first.subarray(length);
  }

  /** Every frame that `chunk` completes. Payloads may share the chunk's memory. */
  *push(chunk: Uint8Array): Generator<Frame> {
    if (chunk.length === 0) return;
    this.#parts.push(chunk);
    this.#have += chunk.length;
    while (this.#have >= FRAME_HEADER) {
      const { type, length } = parseHeader(this.#take(FRAME_HEADER));
      if (this.#have < FRAME_HEADER + length) return;
      const payload = this.#take(FRAME_HEADER + length).subarray(FRAME_HEADER);
      this.#drop(FRAME_HEADER + length);
      yield { type, payload };
    }
  }
}
