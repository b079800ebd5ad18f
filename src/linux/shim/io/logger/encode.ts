// Lines of a log in Docker's json-file form and in CRI's. Whole runs of lines are encoded at once with the engine's own string
// functions, for TypeScript that looks at every byte would be a hundred times slower here.
export type Stream = "stdout" | "stderr";

/** Longer lines are cut into pieces of this length (Docker's and CRI's limit alike). */
export const MAX_LINE = 16384;

/** Stands for a backslash while line ends are looked for: JSON leaves it alone, and it is hardly ever in a log. */
const STAND_IN = "\x7f";

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

/** Encodes bytes [from, to) of `buffer`: whole lines with their line ends, or (`partial`) a piece of a line without one. */
export type Encode = (
  buffer: Uint8Array,
  from: number,
  to: number,
  partial: boolean,
  stream: Stream,
  seconds: number,
  nanos: number,
) => Uint8Array;

/** True when the text came from valid UTF-8 and holds nothing that reading could have put there. */
function faithful(text: string): boolean {
  return !text.includes("\ufffd") && text.isWellFormed();
}

/**
 * `text` as JSON string content, as Docker escapes it; its line ends become `\n`, then `between`. Undefined when it holds
 * something that only byteByByte() gets right.
 */
function jsonContent(text: string, between: string): string | undefined {
  const slashes = text.includes("\\");
  if (!faithful(text) || (slashes && text.includes(STAND_IN))) return undefined;
  let json = JSON.stringify(slashes ? text.replaceAll("\\", STAND_IN) : text);
  if (text.includes("\t")) json = json.replaceAll("\\t", "\\u0009");
  if (text.includes("\b")) json = json.replaceAll("\\b", "\\u0008");
  if (text.includes("\f")) json = json.replaceAll("\\f", "\\u000c");
  if (text.includes("<")) json = json.replaceAll("<", "\\u003c");
  if (text.includes(">")) json = json.replaceAll(">", "\\u003e");
  if (text.includes("&")) json = json.replaceAll("&", "\\u0026");
  if (text.includes("\u2028")) json = json.replaceAll("\u2028", "\\u2028");
  if (text.includes("\u2029")) json = json.replaceAll("\u2029", "\\u2029");
  if (between !== "") json = json.replaceAll("\\n", between);
  if (slashes) json = json.replaceAll(STAND_IN, "\\\\");
  return json.slice(1, -1);
}

/** Length of the UTF-8 character at `at`, 0 when there is none that is valid and ends before `to`. */
function characterLength(buffer: Uint8Array, at: number, to: number): number {
  const first = buffer[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > to) return 0;
  for (let i = 1; i < length; i++) if ((buffer[at + i]! & 0xc0) !== 0x80) return 0;
  const second = buffer[at + 1]!;
  // overlong forms, surrogates, and what lies beyond Unicode
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return length;
}

const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** The slow way, for whatever is not valid UTF-8: each bad byte becomes `\ufffd`, as Docker writes it. */
function byteByByte(buffer: Uint8Array, from: number, to: number, between: string): string {
  const parts: string[] = [];
  let plain = from;
  for (let at = from; at < to; ) {
    const length = characterLength(buffer, at, to);
    const byte = buffer[at]!;
    let escaped: string | undefined;
    if (length === 0) escaped = "\\ufffd";
    else if (byte === 0x0a && between !== "") escaped = between;
    else if (length === 1 && byte < 0x20) {
      escaped = ESCAPES[String.fromCharCode(byte)] ?? `\\u00${byte.toString(16).padStart(2, "0")}`;
    } else if (length === 1) escaped = ESCAPES[String.fromCharCode(byte)];
    else if (length === 3 && byte === 0xe2) escaped = ESCAPES[native.utf8(buffer, at, 3)];
    if (escaped !== undefined) {
      if (plain < at) parts.push(native.utf8(buffer, plain, at - plain));
      parts.push(escaped);
      plain = at + (length || 1);
    }
    at += length || 1;
  }
  if (plain < to) parts.push(native.utf8(buffer, plain, to - plain));
  return parts.join("");
}

/** `{"log":"…\n","stream":"stdout","time":"…"}`; a piece of a line has no `\n`. */
export const encodeJson: Encode = (buffer, from, to, partial, stream, seconds, nanos) => {
  const tail = `","stream":"${stream}","time":"${rfc3339Nano(seconds, nanos)}"}\n`;
  const between = partial ? "" : `\\n${tail}{"log":"`;
  const text = native.utf8(buffer, from, to - from);
  const content = jsonContent(text, between) ?? byteByByte(buffer, from, to, between);
  const all = `{"log":"${content}`;
  // the last line's end has put the beginning of one more line behind it
  return native.bytes(partial ? all + tail : all.slice(0, -'{"log":"'.length));
};

/** `<time> stdout F <line>`, and P instead of F for a piece of a line. Bytes are left as they are. */
export const encodeCri: Encode = (buffer, from, to, partial, stream, seconds, nanos) => {
  const head = `${criTime(seconds, nanos)} ${stream} ${partial ? "P" : "F"} `;
  const text = native.utf8(buffer, from, to - from);
  if (partial) return faithful(text) ? native.bytes(`${head}${text}\n`) : joinBytes(head, buffer, from, to);
  if (faithful(text)) return native.bytes(head + text.slice(0, -1).replaceAll("\n", `\n${head}`) + text.slice(-1));
  return joinBytes(head, buffer, from, to);
};

/** The slow way for CRI: bytes are copied, not read as text. */
function joinBytes(head: string, buffer: Uint8Array, from: number, to: number): Uint8Array {
  const prefix = native.bytes(head);
  let lines = 1;
  for (let at = from; at < to - 1; at++) if (buffer[at] === 0x0a) lines++;
  const ended = buffer[to - 1] === 0x0a;
  const out = new Uint8Array(lines * prefix.length + to - from + (ended ? 0 : 1));
  let used = 0;
  for (let at = from; at < to; ) {
    const found = buffer.indexOf(0x0a, at);
    const end = found < 0 || found >= to ? to : found + 1;
    out.set(prefix, used);
    out.set(buffer.subarray(at, end), used + prefix.length);
    used += prefix.length + end - at;
    at = end;
  }
  if (!ended) out[used] = 0x0a;
  return out;
}
