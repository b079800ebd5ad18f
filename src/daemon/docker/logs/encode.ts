/** Log entries as bytes of an answer. */

import type { LogEntry } from "./reader.ts";
import { normalTime } from "./times.ts";

const HEADER = 8;

export interface EncodeOptions {
  /** Each entry begins with its time, always with nine decimals. */
  timestamps: boolean;
  /** Each entry begins with what the log options put beside it. */
  details: boolean;
  /** Docker's header before each entry: stream, three zeros, length. */
  multiplexed: boolean;
}

/** Entries one after another. */
export function encodeEntries(entries: readonly LogEntry[], options: EncodeOptions): Buffer {
  if (options.timestamps || options.details || !options.multiplexed)
    return Buffer.concat(entries.map((entry) => encodeEntry(entry, options)));
  // No more than three bytes a character (of UTF-16).
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, { text }) => sum + HEADER + 3 * text.length, 0));
  let at = 0;
  for (const { stream, text } of entries) {
    const length = bytes.write(text, at + HEADER);
    bytes.writeUInt32BE(stream === "stderr" ? 0x02000000 : 0x01000000, at);
    bytes.writeUInt32BE(length, at + 4);
    at += HEADER + length;
  }
  return bytes.subarray(0, at);
}

export function encodeEntry(entry: LogEntry, { timestamps, details, multiplexed }: EncodeOptions): Buffer {
  let text = details ? `${detailsOf(entry)} ${entry.text}` : entry.text;
  if (timestamps) text = `${normalTime(entry.time)} ${text}`;
  if (!multiplexed) return Buffer.from(text);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(8 + length);
  bytes.writeUInt32BE(entry.stream === "stderr" ? 0x02000000 : 0x01000000, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.write(text, 8);
  return bytes;
}

/** `name=value,name=value`, as a query is written, sorted. */
function detailsOf({ attrs = {} }: LogEntry): string {
  return Object.entries(attrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map(queryEscape).join("="))
    .join(",");
}

function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
