// The log's lines against a plain, slow description of what Docker and CRI write.
import { equal, ok, test } from "../../../testing.ts";
import { criTime, encodeCri, jsonEncoder, rfc3339Nano } from "./encode.ts";

const HEX = "0123456789abcdef";

/** moby's encoder, byte by byte: what is not a valid UTF-8 character becomes \ufffd. */
function dockerString(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const [a = 0, b = 0, c = 0] = bytes.subarray(at + 1, at + size);
    const tail = (byte: number) => byte >= 0x80 && byte <= 0xbf;
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    let valid = size === 1 || (first >= 0xc2 && first <= 0xf4 && at + size <= bytes.length && a >= low && a <= high);
    if (size > 2) valid &&= tail(b);
    if (size > 3) valid &&= tail(c);
    if (!valid) {
      out += "\\ufffd";
      at++;
      continue;
    }
    const text = native.utf8(bytes as Uint8Array<ArrayBuffer>, at, size);
    if (text === "\\" || text === '"') out += `\\${text}`;
    else if (text === "\n") out += "\\n";
    else if (text === "\r") out += "\\r";
    else if (first < 0x20 || "<>&".includes(text)) out += `\\u00${HEX[first >> 4]}${HEX[first & 15]}`;
    else if (text === "\u2028" || text === "\u2029") out += `\\u202${text === "\u2028" ? 8 : 9}`;
    else out += text;
    at += size;
  }
  return out;
}

function lines(bytes: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at) + 1 || bytes.length;
    out.push(bytes.subarray(at, end));
    at = end;
  }
  return out;
}

const TAIL = '","stream":"stdout","time":"2026-01-02T03:04:05.6Z"}\n';
const SECONDS = Date.UTC(2026, 0, 2, 3, 4, 5) / 1000;

function check(bytes: Uint8Array, partial: boolean): void {
  const padded = new Uint8Array(bytes.length + 6).fill(0x3c);
  padded.set(bytes, 3);
  const got = native.utf8(
    jsonEncoder("")(padded, 3, 3 + bytes.length, partial, "stdout", SECONDS, 600_000_000) as never,
  );
  const all = partial ? [bytes] : lines(bytes);
  equal(got, all.map((line) => `{"log":"${dockerString(line)}${TAIL}`).join(""), `encoding of ${bytes}`);
}

test("jsonEncoder() writes what Docker writes, for every pair of bytes and for random ones", () => {
  const interesting = [
    0, 8, 9, 10, 12, 13, 27, 31, 32, 34, 38, 60, 62, 65, 92, 0x6e, 127, 0x80, 0xa8, 0xbd, 0xbf, 0xc3, 0xe2, 0xed, 0xef,
    0xf0, 255,
  ];
  for (const a of interesting) {
    for (const b of interesting) check(new Uint8Array([a, b, 10]), false);
  }
  let seed = 42;
  const random = (n: number) => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8) % n;
  for (let round = 0; round < 4000; round++) {
    const bytes = new Uint8Array(1 + random(40)).map(() =>
      random(2) ? interesting[random(interesting.length)]! : random(256),
    );
    check(
      bytes.filter((byte) => byte !== 10),
      true,
    );
    check(new Uint8Array([...bytes, 10]), false);
  }
  for (const text of ["\ufffd\ud7ff häfen\u2028", "한국어 中文，🐳", "\x80\x81\\", "a\\nb\tc\\t"]) {
    check(native.bytes(`${text}\n`), false);
    check(new Uint8Array([...native.bytes(text), 0xff, 0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80, 10]), false);
  }
});

test("encodeCri() leaves bytes alone and marks pieces", () => {
  const cri = (bytes: number[], partial: boolean) => [
    ...encodeCri(new Uint8Array(bytes), 0, bytes.length, partial, "stderr", SECONDS, 7),
  ];
  const head = [...native.bytes("2026-01-02T03:04:05.000000007Z stderr F ")];
  const part = [...native.bytes("2026-01-02T03:04:05.000000007Z stderr P ")];
  equal(cri([65, 10, 10, 66, 10], false), [...head, 65, 10, ...head, 10, ...head, 66, 10]);
  equal(cri([0xff, 10, 0xfe, 10], false), [...head, 0xff, 10, ...head, 0xfe, 10]);
  equal(cri([65, 66], true), [...part, 65, 66, 10]);
  equal(cri([0xc3], true), [...part, 0xc3, 10]);
});

test("times: Go's RFC3339Nano drops zeros at the end, CRI's does not", () => {
  equal(rfc3339Nano(SECONDS, 0), "2026-01-02T03:04:05Z");
  equal(rfc3339Nano(SECONDS, 120), "2026-01-02T03:04:05.00000012Z");
  equal(criTime(SECONDS, 120), "2026-01-02T03:04:05.000000120Z");
  ok(rfc3339Nano(SECONDS, 999_999_999).endsWith(".999999999Z"), "all nine");
});
