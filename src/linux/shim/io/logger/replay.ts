// What a log already holds, for a client that wants it before the live output: read back in a helper process and written, in the form of
// the attach socket, into a file that is then sent.
import { WharfError } from "../../../../common/errors.ts";
import { close, fstat, read, writeAll } from "../../../sys/fs.ts";
import { inChild } from "../../child.ts";
import type { Reaper } from "../../reaper.ts";
import type { Hello } from "./client.ts";
import type { Stream } from "./encode.ts";
import { unpacked } from "./pack.ts";

/** A part of the log: an open file, and how many bytes of it count. Closed by who takes it. */
export interface LogPart {
  fd: number;
  size: number;
  /** With gzip, and whole. */
  packed: boolean;
}

/** What there was at one moment. */
export interface History {
  form: "json-file" | "cri";
  /** The oldest first. */
  parts: LogPart[];
  /** Beginnings of lines that are not in the log yet. */
  unfinished: { stream: Stream; bytes: Uint8Array }[];
}

const CHUNK = 65536;
const HEADER = 8;
/** Where inChild() puts its result pipe, and what comes after. */
const FIRST_PART = 4;
const OUTPUT = 1;

type Line = readonly [stream: Stream, text: Uint8Array];

function jsonLine(bytes: Uint8Array): Line {
  const { log, stream } = JSON.parse(native.utf8(bytes as Uint8Array<ArrayBuffer>)) as { log: string; stream: Stream };
  return [stream, native.bytes(log)];
}

/** `<time> <stream> F|P <text>`, with the line end only after F. */
function criLine(bytes: Uint8Array): Line {
  const space = 0x20;
  const first = bytes.indexOf(space);
  const second = bytes.indexOf(space, first + 1);
  const third = bytes.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) throw new WharfError("DataLoss", "log: a line not of CRI's form");
  const stream = bytes[first + 4] === 0x65 ? "stderr" : "stdout";
  const whole = bytes[second + 1] === 0x46;
  return [stream, bytes.subarray(third + 1, whole ? bytes.length : bytes.length - 1)];
}

/** Gathers pieces of one stream into frames. */
class Output {
  readonly #multiplexed: boolean;
  readonly #buffer = new Uint8Array(HEADER + CHUNK);
  #used = HEADER;
  #stream: Stream = "stdout";

  constructor(multiplexed: boolean) {
    this.#multiplexed = multiplexed;
  }

  add(stream: Stream, text: Uint8Array): void {
    if (stream !== this.#stream || this.#used + text.length > this.#buffer.length) this.flush();
    this.#stream = stream;
    this.#buffer.set(text, this.#used);
    this.#used += text.length;
  }

  flush(): void {
    const length = this.#used - HEADER;
    if (length === 0) return;
    this.#buffer[0] = this.#stream === "stdout" ? 1 : 2;
    new DataView(this.#buffer.buffer).setUint32(4, length);
    writeAll(OUTPUT, this.#buffer.subarray(this.#multiplexed ? 0 : HEADER, this.#used));
    this.#used = HEADER;
  }
}

/** `size` bytes of a file, piece by piece. */
function* pieces(fd: number, size: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK);
  for (let left = size; left > 0; ) {
    const n = read(fd, buffer.subarray(0, Math.min(CHUNK, left)));
    if (n === 0) return;
    left -= n;
    yield buffer.subarray(0, n);
  }
}

function readBack(from: Iterable<Uint8Array>, parse: (line: Uint8Array) => Line, put: (line: Line) => void): void {
  let rest = new Uint8Array(0);
  for (const piece of from) {
    const buffer = new Uint8Array(rest.length + piece.length);
    buffer.set(rest);
    buffer.set(piece, rest.length);
    let at = 0;
    for (let next = buffer.indexOf(0x0a); next >= 0; next = buffer.indexOf(0x0a, at)) {
      try {
        put(parse(buffer.subarray(at, next + 1)));
      } catch {
        // a line cut off by a full disk
      }
      at = next + 1;
    }
    rest = buffer.slice(at);
  }
}

/** Writes the history into `output`, an empty file, and answers its size. Takes the parts. */
export async function replay(
  reaper: Reaper,
  history: History,
  output: number,
  hello: Hello,
  multiplexed: boolean,
): Promise<number> {
  const { parts, form } = history;
  const parse = form === "cri" ? criLine : jsonLine;
  try {
    await inChild(
      reaper,
      () => {
        const out = new Output(multiplexed);
        for (const [i, { size, packed }] of parts.entries()) {
          const fd = FIRST_PART + i;
          readBack(packed ? unpacked(fd) : pieces(fd, size), parse, ([stream, text]) => {
            if (hello[stream]) out.add(stream, text);
          });
        }
        out.flush();
      },
      [undefined, output, undefined],
      parts.map(({ fd }) => fd),
    );
  } finally {
    for (const { fd } of parts) close(fd);
  }
  return fstat(output).size;
}
