/** Reads a json-file log: from its beginning or its last lines, to its end or as it grows, over rotations. */

import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openLogFiles, successor } from "./files.ts";
import type { LogPart } from "./part.ts";
import { tailStart } from "./tail.ts";

export interface ReadOptions {
  /** The last so many entries; all by default. */
  tail?: number | undefined;
  /** Resolves when nothing more will be written; without it reading ends where the log ended when it was begun. */
  until?: Promise<void> | undefined;
  signal: AbortSignal;
}

/** What is read at a time, but for longer lines: its lines are read in one turn of the event loop. */
const CHUNK = 128 << 10;
const NEWLINE = 0x0a;
const NONE = Buffer.alloc(0);
/** Milliseconds between looks at a file that gave no notice; also covers a rotation that falls between looking and watching. */
const LOOK = 500;
/** Milliseconds between looks at a log that grows all the time: a look costs more than the few lines that each write brings. */
const GATHER = 10;

/**
 * Whole lines, as many as one read brought, in order; they lie in a buffer that the next read uses. An empty one comes when all that there
 * was has been read, and then no other. A log that does not exist is empty, too.
 */
export async function* readLog(path: string, options: ReadOptions): AsyncGenerator<Buffer> {
  const files = await openLogFiles(path);
  using growth = options.until ? new Growth(path, options) : undefined;
  let over = options.until === undefined;
  let caughtUp = files.length === 0;
  try {
    if (caughtUp) yield NONE;
    const newest = files.at(-1);
    // What is written from now on would make more of the last lines than were asked for, and go on for ever.
    const end = newest && { file: newest, size: (await (await newest.data()).stat()).size };
    const start =
      !end || options.tail === undefined ? { file: 0, offset: 0 } : await tailStart(files, options.tail, end.size);
    while (files.length === 0) {
      if (over || options.signal.aborted) return;
      over = await growth!.next();
      files.push(...(await openLogFiles(path)));
    }
    for (const passed of files.splice(0, start.file)) await passed.close();
    const lines = new LineReader();
    let position = start.offset;
    for (;;) {
      const [file] = files;
      const stop = options.until === undefined && end && file === end.file ? end.size : undefined;
      const some = await lines.read(file!, position, stop);
      position += some.length;
      if (some.length > 0) yield some;
      if (options.signal.aborted) return;
      if (some.length > 0) continue;
      if (stop !== undefined) {
        yield NONE;
        return;
      }
      if ((await (await file!.data()).stat()).size < position) {
        // Truncated in place: a rotation that keeps one file.
        position = 0;
        continue;
      }
      if (files.length === 1) {
        const next = await successor(path, file!);
        if (next) files.push(next);
      }
      if (files.length > 1) {
        // What was written between the last read and the rotation.
        const rest = await lines.read(file!, position);
        position += rest.length;
        if (rest.length > 0) {
          yield rest;
          continue;
        }
        // A file that ends in the middle of a line: its writer was killed.
        await files.shift()!.close();
        position = 0;
        continue;
      }
      if (!caughtUp) yield NONE;
      caughtUp = true;
      if (over) return;
      over = await growth!.next();
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

class LineReader {
  #buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK);

  /** Lines from `position`, where one begins, to `end` at most; without any when there is no whole one. */
  async read(file: LogPart, position: number, end = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const data = await file.data();
    for (let have = 0; ; ) {
      const room = Math.min(this.#buffer.length - have, end - position - have);
      const { bytesRead } = await data.read(this.#buffer, have, room, position + have);
      const last = this.#buffer.subarray(have, have + bytesRead).lastIndexOf(NEWLINE);
      if (last >= 0) return this.#buffer.subarray(0, have + last + 1);
      have += bytesRead;
      if (have < this.#buffer.length) return NONE;
      this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafe(have)]);
    }
  }
}

/** Users have a limited number of inotify's watches and instances (inotify(7)). */
const NO_MORE: readonly (string | undefined)[] = ["ENOSPC", "EMFILE", "ENFILE"];

function watchIfPossible(folder: string, changed: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, changed);
  } catch (error) {
    if (NO_MORE.includes((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
}

/** Tells when a log may have grown or rotated. */
class Growth implements Disposable {
  /** None where the kernel gives no more of them: then it is looked at from time to time. */
  readonly #watcher: FSWatcher | undefined;
  readonly #options: ReadOptions;
  #wake = Promise.withResolvers<void>();
  #over = false;
  #changed = false;
  #looked = Number.NEGATIVE_INFINITY;

  constructor(path: string, options: ReadOptions) {
    this.#options = options;
    // The folder, not the file: it also tells of renaming.
    this.#watcher = watchIfPossible(dirname(path), () => this.#ring());
    this.#watcher?.on("error", () => {});
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
    if (!before && performance.now() - this.#looked < GATHER) await sleep(GATHER);
    if (!this.#changed && !before) {
      this.#wake = Promise.withResolvers();
      const timer = setTimeout(this.#ring, LOOK);
      await this.#wake.promise;
      clearTimeout(timer);
    }
    this.#changed = false;
    this.#looked = performance.now();
    return this.#over || this.#options.signal.aborted;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#options.signal.removeEventListener("abort", this.#ring);
    this.#wake.resolve();
  }
}
