/**
 * What is known of a line in a json-file log from what stands after its text: its stream, what lies beside it, and its time, in the order in
 * which the shim writes them. All but the time is mostly that of the line before.
 */

import { normalTime } from "./times.ts";

export interface LineOptions {
  stdout: boolean;
  stderr: boolean;
  /** RFC 3339 with nine decimals. */
  since?: string | undefined;
  until?: string | undefined;
  /** Each line begins with its time, always with nine decimals. */
  timestamps?: boolean | undefined;
  /** Each line begins with what the log options put beside it. */
  details?: boolean | undefined;
}

export interface Entry {
  log: string;
  stream: unknown;
  time: string;
  attrs: unknown;
}

const NONE = Buffer.alloc(0);
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const CLOSE = 0x7d;
const TIME = '"time":"';
/** Longer than any RFC 3339 time. */
const LONGEST_TIME = 40;

/** Undefined for what is no entry. */
export function parseEntry(line: string): Entry | undefined {
  try {
    const { log, stream, time, attrs } = JSON.parse(line) as Record<string, unknown>;
    return typeof log === "string" && typeof time === "string" ? { log, stream, time, attrs } : undefined;
  } catch {
    return undefined;
  }
}

export class LineKind {
  stream: 1 | 2 = 1;
  /** The line is to be shown. */
  wanted = false;
  /** There was one later than `until`. */
  past = false;
  /** What comes before its text. */
  prefix: Buffer = NONE;
  readonly #options: LineOptions;
  readonly #timed: boolean;
  /** From the quote that ends the text to where the time begins; empty when nothing is known. */
  #fore: Buffer = NONE;
  #given = false;
  #details = "";
  #time: Buffer = NONE;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#timed = options.timestamps === true || options.since !== undefined || options.until !== undefined;
  }

  /**
   * Whether the line whose text ends with the quote at `quote` is of this kind; it is of that time, then. Answers where the next line
   * begins, and -1 when it is another, or one with another prefix.
   */
  match(lines: Buffer, quote: number): number {
    const fore = this.#fore;
    if (fore.length === 0) return -1;
    for (let i = fore.length - 1; i >= 0; i--) if (lines[quote + i] !== fore[i]) return -1;
    const begin = quote + fore.length;
    let end = begin;
    while (end - begin < LONGEST_TIME && lines[end] !== QUOTE) end++;
    if (lines[end] !== QUOTE || lines[end + 1] !== CLOSE || lines[end + 2] !== NEWLINE) return -1;
    if (this.#timed && !this.#isTime(lines, begin, end)) {
      const { length } = this.prefix;
      if (!this.#at(lines.toString("latin1", begin, end)) || this.prefix.length !== length) return -1;
      this.#time = Buffer.from(lines.subarray(begin, end));
    }
    return end + 3;
  }

  #isTime(lines: Buffer, begin: number, end: number): boolean {
    const time = this.#time;
    if (time.length !== end - begin) return false;
    for (let i = time.length - 1; i >= 0; i--) if (lines[begin + i] !== time[i]) return false;
    return true;
  }

  /** Becomes the kind of the line whose text ends with the quote at `quote`; false when that is not of the shim's form. */
  learn(lines: Buffer, quote: number): boolean {
    const newline = lines.indexOf(NEWLINE, quote);
    const tail = lines.subarray(quote, newline < 0 ? lines.length : newline + 1);
    const entry = parseEntry(`{"log":"${tail.toString()}`);
    const time = tail.lastIndexOf(TIME) + TIME.length;
    // One without another text, and with its time at the end.
    if (entry?.log !== "" || tail.toString("latin1", time, time + entry.time.length) !== entry.time) return false;
    if (!this.become(entry)) return false;
    this.#fore = Buffer.from(tail.subarray(0, time));
    return true;
  }

  /** Becomes the kind of one entry, which tells nothing of the next line; false when that has no time. */
  become({ stream, time, attrs }: Entry): boolean {
    const { stdout, stderr, details } = this.#options;
    this.#fore = this.#time = NONE;
    this.stream = stream === "stderr" ? 2 : 1;
    this.#given = stream === "stderr" ? stderr : stdout;
    this.#details = details ? `${detailsOf(attrs)} ` : "";
    return this.#at(time);
  }

  #at(time: string): boolean {
    const { since, until, timestamps } = this.#options;
    this.wanted = this.#given;
    let prefix = this.#details;
    if (this.#timed) {
      let normal: string;
      try {
        normal = normalTime(time);
      } catch {
        return false;
      }
      if (until !== undefined && normal > until) this.past = true;
      if (this.past || (since !== undefined && normal < since)) this.wanted = false;
      if (timestamps) prefix = `${normal} ${prefix}`;
    }
    this.prefix = prefix === "" ? NONE : Buffer.from(prefix);
    return true;
  }
}

/** `name=value,name=value`, as a query is written, sorted. */
function detailsOf(attrs: unknown): string {
  return Object.entries((typeof attrs === "object" && attrs) || {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.map((text) => queryEscape(String(text))).join("="))
    .join(",");
}

function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
