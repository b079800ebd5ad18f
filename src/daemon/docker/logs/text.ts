/** The text of a line in a json-file log: the bytes of a JSON string without its escapes. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const LOWER_U = 0x75;
/** Of a run without escapes, so much is copied byte by byte; the rest of a longer one in one piece. */
const SHORT = 96;

/** What a backslash and the byte stand for; 0: not one of these. */
const ESCAPES = new Uint8Array(256);
for (const pair of ['""', "\\\\", "//", "n\n", "r\r", "t\t", "b\b", "f\f"])
  ESCAPES[pair.charCodeAt(0)] = pair.charCodeAt(1);

/** Values of hexadecimal digits; 16: no digit. */
const DIGITS = new Uint8Array(256).fill(16);
for (let value = 0; value < 16; value++)
  for (const digit of [value.toString(16), value.toString(16).toUpperCase()]) DIGITS[digit.charCodeAt(0)] = value;

export interface Decoded {
  /** Where the quote is that ends the string. */
  from: number;
  /** Where the text ends in `out`. */
  to: number;
}

/**
 * Decodes the string whose first byte is `bytes[from]` into `out` from `to` on, which takes no more room than it has. What is in UTF-8 is
 * copied as it is. False when it is no JSON string on one line.
 */
export function decodeText(bytes: Buffer, from: number, out: Buffer, to: number, decoded: Decoded): boolean {
  let patience = from + SHORT;
  for (;;) {
    const byte = bytes[from];
    if (byte === QUOTE) break;
    if (byte === BACKSLASH) {
      const plain = ESCAPES[bytes[from + 1]!];
      if (plain !== 0 && plain !== undefined) {
        out[to++] = plain;
        from += 2;
      } else {
        const unit = unitAt(bytes, from);
        if (unit < 0) return false;
        const low = (unit & 0xfc00) === 0xd800 ? unitAt(bytes, from + 6) : -1;
        const pair = low >= 0 && (low & 0xfc00) === 0xdc00;
        to = put(out, to, pair ? 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff) : unit);
        from += pair ? 12 : 6;
      }
      patience = from + SHORT;
    } else if (byte === undefined || byte < 0x20) {
      return false;
    } else if (from < patience) {
      out[to++] = byte;
      from++;
    } else {
      const end = plainEnd(bytes, from);
      to += bytes.copy(out, to, from, end);
      from = end;
    }
  }
  decoded.from = from;
  decoded.to = to;
  return true;
}

/** The next quote, backslash or line end. */
function plainEnd(bytes: Buffer, from: number): number {
  let end = bytes.indexOf(NEWLINE, from);
  if (end < 0) end = bytes.length;
  const run = bytes.subarray(from, end);
  const slash = run.indexOf(BACKSLASH);
  const quote = (slash < 0 ? run : run.subarray(0, slash)).indexOf(QUOTE);
  return from + (quote >= 0 ? quote : slash >= 0 ? slash : run.length);
}

/** The UTF-16 unit that `\uXXXX` at `from` stands for; -1 when there is none. */
function unitAt(bytes: Buffer, from: number): number {
  if (bytes[from] !== BACKSLASH || bytes[from + 1] !== LOWER_U) return -1;
  let unit = 0;
  for (let at = from + 2; at < from + 6; at++) {
    const digit = DIGITS[bytes[at] ?? 0]!;
    if (digit > 15) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

/** In UTF-8; half of a pair is none and becomes U+FFFD. */
function put(out: Buffer, to: number, character: number): number {
  const code = character >= 0xd800 && character < 0xe000 ? 0xfffd : character;
  if (code < 0x80) {
    out[to++] = code;
    return to;
  }
  if (code < 0x800) {
    out[to++] = 0xc0 | (code >> 6);
  } else {
    if (code < 0x10000) {
      out[to++] = 0xe0 | (code >> 12);
    } else {
      out[to++] = 0xf0 | (code >> 18);
      out[to++] = 0x80 | ((code >> 12) & 0x3f);
    }
    out[to++] = 0x80 | ((code >> 6) & 0x3f);
  }
  out[to++] = 0x80 | (code & 0x3f);
  return to;
}
