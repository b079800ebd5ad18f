import assert from "node:assert/strict";
import { test } from "node:test";
import { type EncodeOptions, LineEncoder } from "./encode.ts";
import { LastLines } from "./last.ts";

interface Line {
  log: string;
  stream: "stdout" | "stderr";
  time: string;
  attrs?: Record<string, string>;
}

const TIMES = ["2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:06Z"];
const NORMAL = TIMES.map((time) => `${`${time.slice(0, -1)}${time.includes(".") ? "" : "."}`.padEnd(29, "0")}Z`);
const TEXTS = [
  "short\n",
  "\n",
  'quotes " and \\ and / and <&>\n',
  "tab\tbell\u0007 return\r\n",
  "umlauts äöü, 漢字, 😀, 𭠀 and half a pair \ud83d here\n",
  "\u2028\u2029\ufffd\n",
  `${"x".repeat(95)}\\${"y".repeat(96)}"${"z".repeat(97)}\n`,
  `${"long ".repeat(4000)}\n`,
  '","stream":"stderr","time":"2026-01-02T03:04:05Z"}\n',
];

/** Numbers below `below`, always the same ones. */
function numbers(): (below: number) => number {
  let state = 7;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** As the shim writes it, or in another form of the same. */
function written({ log, stream, time, attrs }: Line, form: number): string {
  const text = JSON.stringify(log);
  const beside = attrs ? `"attrs":${JSON.stringify(attrs)},` : "";
  // Docker's escapes: as numbers what JSON.stringify leaves or has a letter for.
  const numbered = text.replace(/[<>&äö漢\ud800-\udfff]|\\t/g, (part) => {
    const character = JSON.parse(`"${part}"`) as string;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return [
    `{"log":${text},"stream":"${stream}",${beside}"time":"${time}"}\n`,
    `{"log":${numbered},"stream":"${stream}",${beside}"time":"${time}"}\n`,
    `${JSON.stringify({ time, stream, log, ...(attrs && { attrs }) })}\n`,
    `{ "log": ${text}, "stream": "${stream}", ${beside} "time": "${time}" }\n`,
  ][form]!;
}

const GARBAGE = [
  "garbage\n",
  "\n",
  '{"log":"cut\n',
  '{"log":"a","stream":"stdout"}\n',
  '{"log":1,"time":"x"}\n',
  '{"log":"\\x"}\n',
];

function frame(stream: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

/** What is to come out, line by line. */
function expected(lines: readonly Line[], options: EncodeOptions): Buffer[] {
  const shown: Buffer[] = [];
  for (const { log, stream, time, attrs } of lines) {
    const normal = NORMAL[TIMES.indexOf(time)]!;
    if (options.until !== undefined && normal > options.until) break;
    if (!options[stream] || (options.since !== undefined && normal < options.since)) continue;
    const beside = Object.entries(attrs ?? {}).map(([name, value]) => `${name}=${value}`);
    const details = options.details ? `${beside.join(",")} ` : "";
    const text = `${options.timestamps ? `${normal} ` : ""}${details}${log}`;
    if (!options.multiplexed) shown.push(Buffer.from(text));
    else shown.push(frame(stream === "stderr" ? 2 : 1, text));
  }
  return shown;
}

/** Some lines and how they stand in the log, with garbage between them, in a few pieces. */
function someLog(next: (below: number) => number, count: number): { lines: Line[]; pieces: Buffer[] } {
  const lines: Line[] = [];
  const pieces: Buffer[] = [];
  let piece = "";
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (next(12) === 0 && at < TIMES.length - 1) at++;
    const line: Line = {
      log: TEXTS[next(TEXTS.length)]!,
      stream: next(4) === 0 ? "stderr" : "stdout",
      time: TIMES[at]!,
    };
    if (next(3) === 0) line.attrs = { tag: "a", time: "b" };
    lines.push(line);
    if (next(8) === 0) piece += GARBAGE[next(GARBAGE.length)];
    piece += written(line, next(3) === 0 ? next(4) : 0);
    if (next(10) === 0) {
      pieces.push(Buffer.from(piece));
      piece = "";
    }
  }
  return { lines, pieces: [...pieces, Buffer.from(piece)] };
}

const OPTIONS: Partial<EncodeOptions>[] = [
  {},
  { multiplexed: false },
  { stderr: false },
  { stdout: false },
  { timestamps: true },
  { details: true, timestamps: true },
  { details: true, multiplexed: false },
  { since: NORMAL[1]! },
  { until: NORMAL[1]! },
  { since: NORMAL[1]!, until: NORMAL[1]!, timestamps: true },
];

test("LineEncoder.encode() says what JSON.parse() reads, whatever the form of the lines and their order", () => {
  const next = numbers();
  for (const some of OPTIONS) {
    const options = { stdout: true, stderr: true, multiplexed: true, ...some };
    for (let round = 0; round < 5; round++) {
      const { lines, pieces } = someLog(next, 60);
      const wanted = expected(lines, options);
      const encoder = new LineEncoder(options);
      const shown = pieces.flatMap((piece) => {
        const ends: number[] = [];
        const bytes = Buffer.from(encoder.encode(piece, ends));
        assert.equal(ends.at(-1) ?? 0, bytes.length);
        return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
      });
      assert.deepEqual(shown.map(String), wanted.map(String), JSON.stringify(some));
      assert.ok(Buffer.concat(shown).equals(Buffer.concat(wanted)), "byte by byte");
      assert.equal(encoder.past, options.until !== undefined && lines.some(({ time }) => time === TIMES[2]));
    }
  }
});

test("LineEncoder.encode() says several lines of a stream under one header when that is wanted", () => {
  const encoder = new LineEncoder({ stdout: true, stderr: true, multiplexed: true, joined: true, timestamps: true });
  const line = (log: string, stream: Line["stream"], at: number) => written({ log, stream, time: TIMES[at]! }, 0);
  const log = line("a\n", "stdout", 0) + line("b\n", "stdout", 1) + line("c\n", "stderr", 1) + line("d\n", "stdout", 1);
  const [first, second] = NORMAL;
  assert.deepEqual(
    encoder.encode(Buffer.from(log)),
    Buffer.concat([frame(1, `${first} a\n${second} b\n`), frame(2, `${second} c\n`), frame(1, `${second} d\n`)]),
  );
  // Each answer begins with a header: what came before is sent.
  assert.deepEqual(encoder.encode(Buffer.from(line("e\n", "stdout", 1))), frame(1, `${second} e\n`));
});

test("LastLines.take() gives the last lines, over pieces", () => {
  for (let count = 0; count < 12; count++) {
    const last = new LastLines(count);
    for (const piece of ["0 1 ", "", "2 3 4 ", "5 ", "6 7 8 9 "]) {
      const ends = [...piece.matchAll(/ /g)].map(({ index }) => index + 1);
      last.add(Buffer.from(piece), ends);
    }
    const all = "0 1 2 3 4 5 6 7 8 9 ";
    assert.equal(Buffer.concat(last.take()).toString(), count === 0 ? "" : all.slice(-2 * count), String(count));
    assert.deepEqual(last.take(), []);
  }
});
