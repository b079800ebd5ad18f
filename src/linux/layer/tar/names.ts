// File names are bytes; ours are strings. What is no UTF-8 becomes lone surrogates U+DC80 to U+DCFF, one a byte, and back.

const REPLACEMENT = "\ufffd";
const ESCAPED = /[\udc80-\udcff]/;
/** Whether there ever was such a name in this process: the question is asked for every file. */
let anyEscaped = false;

function isEscaped(name: string): boolean {
  return anyEscaped && ESCAPED.test(name);
}

/** Length of the valid UTF-8 sequence at `at`; 0 when there is none. */
function sequence(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > end) return 0;
  const second = bytes[at + 1]!;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return length;
}

function decodeEscaped(bytes: Uint8Array, from: number, end: number): string {
  anyEscaped = true;
  let text = "";
  let good = from;
  for (let at = from; at < end; ) {
    const length = sequence(bytes, at, end);
    if (length > 0) {
      at += length;
      continue;
    }
    if (at > good) text += native.utf8(bytes, good, at - good);
    text += String.fromCharCode(0xdc00 + bytes[at]!);
    good = ++at;
  }
  return good < end ? text + native.utf8(bytes, good, end - good) : text;
}

/** The name in `length` bytes at `at`. */
export function decodeName(bytes: Uint8Array, at: number, length: number): string {
  const text = native.utf8(bytes, at, length);
  return text.indexOf(REPLACEMENT) >= 0 ? decodeEscaped(bytes, at, at + length) : text;
}

/** The bytes of a name. */
export function encodeName(name: string): Uint8Array {
  if (!isEscaped(name)) return native.bytes(name);
  const parts: number[] = [];
  for (const char of name) {
    const code = char.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00);
    else for (const byte of native.bytes(char)) parts.push(byte);
  }
  return new Uint8Array(parts);
}

/** A name as a system call takes it: the string itself, or its NUL-terminated bytes where the string would not do. */
export function cName(name: string): string | Uint8Array {
  if (!isEscaped(name)) return name;
  const bytes = encodeName(name);
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}
