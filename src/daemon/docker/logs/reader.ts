/** Reads a json-file log: from its beginning or its last lines, to its end or as it grows, over rotations. */

import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { openLogFiles, successor } from "./files.ts";
import type { LogPart } from "./part.ts";
import { tailStart } from "./tail.ts";

export interface LogEntry {
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  time: string;
  /** What the log options put beside each line. */
  attrs?: Record<string, string> | undefined;
  /** With its newline, unless it is a piece of a long line or the last one without. */
  text: string;
}

export interface ReadOptions {
  /** The last so many entries; all by default. */
  tail?: number | undefined;
  /** Resolves when nothing more will be written; without it reading ends at the end. */
  until?: Promise<void> | undefined;
  signal: AbortSignal;
}

/** What is read at a time: its lines are read in one turn of the event loop. */
const CHUNK = 128 << 10;
/** Milliseconds between looks at a file that gave no notice; also covers a rotation that falls between looking and watching. */
const LOOK = 500;

/** Entries in batches of what one read brought, in order. A log that does not exist is empty. */
export async function* readLog(path: string, options: ReadOptions): AsyncGenerator<LogEntry[]> {
  const files = await openLogFiles(path);
  using growth = options.until ? new Growth(path, options) : undefined;
  let over = options.until === undefined;
  try {
    while (files.length === 0) {
      if (over || options.signal.aborted) return;
      over = await growth!.next();
      files.push(...(await openLogFiles(path)));
    }
    const start = options.tail === undefined ? { file: 0, offset: 0 } : await tailStart(files, options.tail);
    for (const passed of files.splice(0, start.file)) await passed.close();
    const lines = new LineParser();
    let position = start.offset;
    for (;;) {
      const [file] = files;
      const { entries, bytes } = await readOn(file!, position, lines);
      position += bytes;
      if (entries.length > 0) yield entries;
      if (options.signal.aborted) return;
      if (bytes > 0) continue;
      if ((await (await file!.data()).stat()).size < position) {
        // Truncated in place: a rotation that keeps one file.
        position = 0;
        lines.reset();
        continue;
      }
      if (files.length === 1) {
        const next = await successor(path, file!);
        if (next) files.push(next);
      }
      if (files.length > 1) {
        // What was written between the last read and the rotation.
        const rest = await readOn(file!, position, lines);
        position += rest.bytes;
        if (rest.entries.length > 0) yield rest.entries;
        if (rest.bytes > 0) continue;
        await files.shift()!.close();
        position = 0;
        lines.reset();
      } else if (over) return;
      else over = await growth!.next();
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function readOn(
  file: LogPart,
  position: number,
  lines: LineParser,
): Promise<{ entries: LogEntry[]; bytes: number }> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  const { bytesRead } = await (await file.data()).read(buffer, 0, CHUNK, position);
  return { entries: bytesRead > 0 ? lines.push(buffer.subarray(0, bytesRead)) : [], bytes: bytesRead };
}

/** Cuts bytes into lines and reads them; what is no entry is left out. */
class LineParser {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): LogEntry[] {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const entries: LogEntry[] = [];
    let begin = 0;
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, begin)) {
      const entry = parseEntry(data.toString("utf8", begin, end));
      if (entry) entries.push(entry);
      begin = end + 1;
    }
    this.#rest = Buffer.from(data.subarray(begin));
    return entries;
  }

  /** A file ended in the middle of a line: its writer was killed. */
  reset(): void {
    this.#rest = Buffer.alloc(0);
  }
}

function parseEntry(line: string): LogEntry | undefined {
  try {
    const { log, stream, time, attrs } = JSON.parse(line) as Record<string, unknown>;
    if (typeof log !== "string" || typeof time !== "string") return undefined;
    const entry: LogEntry = { text: log, stream: stream === "stderr" ? "stderr" : "stdout", time };
    if (typeof attrs === "object" && attrs !== null) entry.attrs = attrs as Record<string, string>;
    return entry;
  } catch {
    return undefined;
  }
}

/** Tells when a log may have grown or rotated. */
class Growth implements Disposable {
  readonly #watcher: FSWatcher;
  readonly #options: ReadOptions;
  #wake = Promise.withResolvers<void>();
  #over = false;
  #changed = false;

  constructor(path: string, options: ReadOptions) {
    this.#options = options;
    // The folder, not the file: it also tells of renaming.
    this.#watcher = watch(dirname(path), { persistent: false }, () => this.#ring());
    this.#watcher.on("error", () => {});
    options.signal.addEventListener("abort", this.#ring);
    void options.until?.then(() => {
      this.#over = true;
      this.#ring();
    });
  }

  readonly #ring = (): void => {
    this.#changed = true;
    this.#wake.resolve();
  };

  /** Resolves at the next change; with true when it was the last: what is there then is all. */
  async next(): Promise<boolean> {
    const before = this.#over;
    if (!this.#changed && !before) {
      this.#wake = Promise.withResolvers();
      const timer = setTimeout(this.#ring, LOOK);
      await this.#wake.promise;
      clearTimeout(timer);
    }
    this.#changed = false;
    return this.#over || this.#options.signal.aborted;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    this.#options.signal.removeEventListener("abort", this.#ring);
    this.#wake.resolve();
  }
}
