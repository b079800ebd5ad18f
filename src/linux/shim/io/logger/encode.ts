// Lines of a log in Docker's json-file form and in CRI's. Whole runs of lines are encoded at once with the engine's own string
// functions, for TypeScript that looks at every byte would be a hundred times slower here.
export type Stream = "stdout" | "stderr";

/** Longer lines are cut into pieces of this length (Docker's and CRI's limit alike). */
export const MAX_LINE = 16384;

/** Go's RFC3339Nano: no trailing zeros in the fraction, none at all for a whole second. */
export function rfc3339Nano(seconds: number, nanos: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (nanos === 0) return `${whole}Z`;
  return `${whole}.${String(nanos).padStart(9, "0").replace(/0+$/, "")}Z`;
}

/** CRI's time has all nine digits. */
export function criTime(seconds: number, nanos: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, "0")}Z`;
}

/** Encodes bytes [from, to) of `buffer`, which is longer than `to`: whole lines with their line ends, or (`partial`) a piece of a line without one. */
export type Encode = (
  buffer: Uint8Array,
  from: number,
  to: number,
  partial: boolean,
  stream: Stream,
  seconds: number,
  nanos: number,
) => Uint8Array;

/** Whether a byte occurs in [from, to): memchr, fifty times faster than looking through a string. */
function has(buffer: Uint8Array, byte: number, from: number, to: number): boolean {
  const at = buffer.indexOf(byte, from);
  return at >= 0 && at < to;
}

/** Bytes as the C string that strcspn() takes for a set. */
function setOf(...ranges: readonly (readonly [first: number, last: number])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [first, last] of ranges) for (let byte = first; byte <= last; byte++) bytes.push(byte);
  return new Uint8Array([...bytes, 0]);
}

const HIGH = setOf([0x80, 0xff]);
/** All that a JSON string of Docker's does not hold as it is, line ends excepted. */
const SPECIAL = setOf(
  [1, 9],
  [0x0b, 0x1f],
  [0x22, 0x22],
  [0x26, 0x26],
  [0x3c, 0x3c],
  [0x3e, 0x3e],
  [0x5c, 0x5c],
  [0x80, 0xff],
);

/** True when [from, to) holds no byte of the set, and no zero. The buffer has a byte to spare behind `to`. */
function isFree(buffer: Uint8Array, from: number, to: number, set: Uint8Array): boolean {
  const behind = buffer[to]!;
  buffer[to] = 0;
  const address = native.address(buffer as Uint8Array<ArrayBuffer>) + from;
  const length = native.call(native.symbol("strcspn"), address, set as Uint8Array<ArrayBuffer>);
  buffer[to] = behind;
  return length === to - from;
}

const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
/** What JSON.stringify() writes otherwise than Docker: byte, what it wrote, what Docker does. */
const OTHERWISE: readonly (readonly [byte: number, written: string, wanted: string])[] = [
  [0x08, "\\b", "\\u0008"],
  [0x09, "\\t", "\\u0009"],
  [0x0c, "\\f", "\\u000c"],
  [0x26, "&", "\\u0026"],
  [0x3c, "<", "\\u003c"],
  [0x3e, ">", "\\u003e"],
];

/** A character that the text does not hold and JSON.stringify() leaves alone. */
function standIn(text: string, ascii: boolean): string {
  let code = 0x80;
  if (!ascii) while (text.includes(String.fromCharCode(code))) code = code === 0x9f ? 0xe000 : code + 1;
  return String.fromCharCode(code);
}

/**
 * Bytes [from, to) as JSON string content, as Docker escapes it; line ends become `between`. They hold nothing of what
 * exceptional() finds. A byte that is not UTF-8 has been read as one U+FFFD.
 */
function plainContent(buffer: Uint8Array, from: number, to: number, between: string): string {
  let text = native.utf8(buffer as Uint8Array<ArrayBuffer>, from, to - from);
  if (isFree(buffer, from, to, SPECIAL)) return text.replaceAll("\n", between);
  const ascii = !has(buffer, 0, from, to) && isFree(buffer, from, to, HIGH);
  let slash = "";
  if (has(buffer, BACKSLASH, from, to)) {
    // out of the way while escapes are looked for
    slash = standIn(text, ascii);
    text = text.replaceAll("\\", slash);
  }
  let json = JSON.stringify(text).slice(1, -1);
  for (const [byte, written, wanted] of OTHERWISE) {
    if (has(buffer, byte, from, to)) json = json.replaceAll(written, wanted);
  }
  if (!ascii) {
    json = json.replaceAll("\ufffd", "\\ufffd").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  }
  json = json.replaceAll("\\n", between);
  return slash === "" ? json : json.replaceAll(slash, "\\\\");
}

/**
 * The next three bytes from `from` on that the engine does not read as Docker's encoder does: a surrogate (no character for
 * Docker: three bad bytes), or U+FFFD itself (not to be taken for a bad byte). `to` when there are none.
 */
function exceptional(buffer: Uint8Array, from: number, to: number): number {
  let first = to;
  for (let at = buffer.indexOf(0xed, from); at >= 0 && at + 2 < first; at = buffer.indexOf(0xed, at + 1)) {
    if (buffer[at + 1]! >= 0xa0 && buffer[at + 1]! < 0xc0 && (buffer[at + 2]! & 0xc0) === 0x80) first = at;
  }
  for (let at = buffer.indexOf(0xef, from); at >= 0 && at + 2 < first; at = buffer.indexOf(0xef, at + 1)) {
    if (buffer[at + 1] === 0xbf && buffer[at + 2] === 0xbd) first = at;
  }
  return first;
}

function content(buffer: Uint8Array, from: number, to: number, between: string): string {
  let at = from;
  let out = "";
  for (;;) {
    const next = exceptional(buffer, at, to);
    const piece = plainContent(buffer, at, next, between);
    if (next === to) return out + piece;
    out += piece + (buffer[next] === 0xed ? "\\ufffd\\ufffd\\ufffd" : "\ufffd");
    at = next + 3;
  }
}

/** `{"log":"…\n","stream":"stdout","time":"…"}`; a piece of a line has no `\n`. `attrs`, JSON of an object in ASCII, stands before the time. */
export function jsonEncoder(attrs: string): Encode {
  const extra = attrs === "" ? "" : `"attrs":${attrs},`;
  return (buffer, from, to, partial, stream, seconds, nanos) => {
    const tail = `","stream":"${stream}",${extra}"time":"${rfc3339Nano(seconds, nanos)}"}\n`;
    const head = '{"log":"';
    if (partial) return native.bytes(head + content(buffer, from, to, "") + tail);
    // a dollar has a meaning in what replaces
    const between = `\\n${extra.includes("$") ? tail.replaceAll("$", "$$$$") : tail}${head}`;
    // without the last line's end, which would begin another line
    return native.bytes(`${head}${content(buffer, from, to - 1, between)}\\n${tail}`);
  };
}

/** `<time> stdout F <line>`, and P instead of F for a piece of a line. Bytes are left as they are. */
export const encodeCri: Encode = (buffer, from, to, partial, stream, seconds, nanos) => {
  const head = `${criTime(seconds, nanos)} ${stream} ${partial ? "P" : "F"} `;
  // what might not be UTF-8 must not become text
  if (partial || !isFree(buffer, from, to, HIGH)) return joinBytes(head, buffer, from, to);
  const text = native.utf8(buffer as Uint8Array<ArrayBuffer>, from, to - 1 - from);
  return native.bytes(`${head}${text.replaceAll("\n", `\n${head}`)}\n`);
};

/** `head` before each line, and a line end behind the last. */
function joinBytes(head: string, buffer: Uint8Array, from: number, to: number): Uint8Array {
  const prefix = native.bytes(head);
  const ends: number[] = [];
  for (let at = from; at < to; at = ends.at(-1)!) {
    const found = buffer.indexOf(NEWLINE, at);
    ends.push(found < 0 || found >= to ? to : found + 1);
  }
  const open = buffer[to - 1] !== NEWLINE;
  const out = new Uint8Array(ends.length * prefix.length + to - from + (open ? 1 : 0));
  let used = 0;
  let at = from;
  for (const end of ends) {
    out.set(prefix, used);
    out.set(buffer.subarray(at, end), used + prefix.length);
    used += prefix.length + end - at;
    at = end;
  }
  if (open) out[used] = NEWLINE;
  return out;
}
