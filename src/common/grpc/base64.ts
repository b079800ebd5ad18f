/** Base64 of metadata whose names end in `-bin`: written without padding, read with and without. Pure. */

import { WharfError } from "../errors.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...LETTERS].map((letter, value) => [letter, value]));

export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += LETTERS[group >>> 18]! + LETTERS[(group >>> 12) & 63]!;
    if (left > 1) text += LETTERS[(group >>> 6) & 63]!;
    if (left > 2) text += LETTERS[group & 63]!;
  }
  return text;
}

/** With padding, as it is written everywhere else. */
export function paddedBase64(bytes: Uint8Array): string {
  const text = encodeBase64(bytes);
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** InvalidArgument for other letters. */
export function decodeBase64(text: string): Uint8Array {
  const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  const bytes = new Uint8Array((end * 3) >>> 2);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    const value = VALUES.get(text[i]!);
    if (value === undefined) throw new WharfError("InvalidArgument", "metadata that is no base64");
    held = (held << 6) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >>> bits) & 255;
  }
  return bytes;
}
