/** Lines of a json-file log as bytes of an answer. Bytes become bytes, for a log has millions of lines. */

import { LineKind, type LineOptions, parseEntry } from "./kind.ts";
import { type Decoded, decodeText } from "./text.ts";

export interface EncodeOptions extends LineOptions {
  /** With Docker's header (stream, three zeros, length) before each line. */
  multiplexed: boolean;
  /** A header may be for several lines. */
  joined?: boolean | undefined;
}

const HEADER = 8;
const NEWLINE = 0x0a;
const HEAD = Buffer.from('{"log":"');
const NONE = Buffer.alloc(0);

/** What is no entry is left out. */
export class LineEncoder {
  readonly #multiplexed: boolean;
  readonly #joined: boolean;
  readonly #kind: LineKind;
  readonly #decoded: Decoded = { from: 0, to: 0 };
  #out: Buffer = NONE;
  #used = 0;
  /** Where the last header is, and of which stream. */
  #header = -1;
  #stream = 0;

  constructor(options: EncodeOptions) {
    this.#kind = new LineKind(options);
    this.#multiplexed = options.multiplexed;
    this.#joined = options.joined === true;
  }

  /** A line came that is later than `until`: so are all that follow. */
  get past(): boolean {
    return this.#kind.past;
  }

  /**
   * Whole lines. Puts into `ends`, where given, where each of those that are wanted ends in the answer, which lies in a buffer that the next
   * call uses: one for each would have all of the daemon's memory looked through again and again for what is not needed any more.
   */
  encode(lines: Buffer, ends?: number[]): Buffer {
    this.#used = 0;
    this.#header = -1;
    for (let at = 0; at < lines.length; ) {
      const before = this.#used;
      at = this.#line(lines, at);
      if (this.#used > before) ends?.push(this.#used);
    }
    return this.#out.subarray(0, this.#used);
  }

  /** Takes the line at `at`; answers where the next one begins. */
  #line(lines: Buffer, at: number): number {
    const kind = this.#kind;
    for (let tries = 0; isAt(lines, at, HEAD); tries++) {
      // As if it were of the kind of the line before, for mostly it is.
      const text = this.#begin(lines.length - at);
      if (!decodeText(lines, at + HEAD.length, this.#out, text, this.#decoded)) break;
      const { from, to } = this.#decoded;
      const next = kind.match(lines, from);
      if (next >= 0) {
        this.#end(text, to);
        return next;
      }
      if (tries > 0 || !kind.learn(lines, from)) break;
    }
    return this.#slowly(lines, at);
  }

  /** A line of a form that is not the shim's. */
  #slowly(lines: Buffer, at: number): number {
    const newline = lines.indexOf(NEWLINE, at);
    const next = newline < 0 ? lines.length : newline + 1;
    const entry = parseEntry(lines.toString("utf8", at, next));
    if (!entry || !this.#kind.become(entry)) return next;
    const bytes = Buffer.from(entry.log);
    const text = this.#begin(bytes.length + lines.length - next);
    this.#out.set(bytes, text);
    this.#end(text, text + bytes.length);
    return next;
  }

  /** Whether a line of this kind gets a header of its own. */
  get #headed(): boolean {
    return this.#multiplexed && !(this.#joined && this.#header >= 0 && this.#kind.stream === this.#stream);
  }

  /** Where the text of a line of this kind is put; there is room for `length` bytes. */
  #begin(length: number): number {
    const text = this.#used + (this.#headed ? HEADER : 0) + this.#kind.prefix.length;
    if (this.#out.length < text + length) {
      const larger = Buffer.allocUnsafe(2 * (text + length));
      this.#out.copy(larger, 0, 0, this.#used);
      this.#out = larger;
    }
    return text;
  }

  /** The text is there; header and prefix come before it. */
  #end(text: number, end: number): void {
    const { stream, wanted, prefix } = this.#kind;
    if (!wanted) return;
    if (prefix.length > 0) this.#out.set(prefix, text - prefix.length);
    if (this.#multiplexed) {
      if (this.#headed) {
        this.#header = this.#used;
        this.#stream = stream;
      }
      const at = this.#header;
      const length = end - at - HEADER;
      this.#out[at] = stream;
      this.#out[at + 1] = this.#out[at + 2] = this.#out[at + 3] = 0;
      this.#out[at + 4] = length >>> 24;
      this.#out[at + 5] = length >>> 16;
      this.#out[at + 6] = length >>> 8;
      this.#out[at + 7] = length;
    }
    this.#used = end;
  }
}

function isAt(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}
