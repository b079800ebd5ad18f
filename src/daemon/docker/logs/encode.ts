/** Log entries as bytes of an answer. */

import type { LogEntry } from "./reader.ts";

export interface EncodeOptions {
  /** Each entry begins with its time. */
  timestamps: boolean;
  /** Docker's header before each entry: stream, three zeros, length. */
  multiplexed: boolean;
}

export function encodeEntry(entry: LogEntry, { timestamps, multiplexed }: EncodeOptions): Buffer {
  const text = timestamps ? `${entry.time} ${entry.text}` : entry.text;
  if (!multiplexed) return Buffer.from(text);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(8 + length);
  bytes.writeUInt32BE(entry.stream === "stderr" ? 0x02000000 : 0x01000000, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.write(text, 8);
  return bytes;
}
