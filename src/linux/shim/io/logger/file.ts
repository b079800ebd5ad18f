// The log file with its rotation: path, path.1, path.2 … No line is cut by a rotation, and none is lost.
import { dirname } from "../../../../common/path.ts";
import { isErrno } from "../../../sys/call.ts";
import { close, fstat, mkdirs, O, open, rename, unlinkIfThere, writeAll } from "../../../sys/fs.ts";
import { warn } from "../../log.ts";
import type { LogPart } from "./replay.ts";

const MODE = 0o640;
const NEWLINE = 0x0a;
const FLAGS = O.WRONLY | O.CREAT | O.APPEND;

export class LogFile {
  readonly #path: string;
  readonly #maxSize: number;
  readonly #maxFiles: number;
  #fd: number;
  #size: number;
  #failing = false;

  /** `maxSize` 0: never rotated. Rotation comes before the first line that would begin at or beyond it, as in Docker. */
  constructor(path: string, maxSize: number, maxFiles: number) {
    this.#path = path;
    this.#maxSize = maxSize;
    this.#maxFiles = maxFiles;
    mkdirs(dirname(path));
    this.#fd = open(path, FLAGS, MODE);
    this.#size = fstat(this.#fd).size;
  }

  /** Appends whole lines. */
  write(lines: Uint8Array): void {
    let rest = lines;
    while (rest.length > 0) {
      if (this.#maxSize > 0 && this.#size >= this.#maxSize) this.#rotate();
      const room = this.#maxSize > 0 ? this.#maxSize - this.#size : rest.length;
      let end = rest.length;
      // up to the line with which the limit is reached
      if (room < end) end = rest.indexOf(NEWLINE, room - 1) + 1 || rest.length;
      this.#append(end === rest.length ? rest : rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }

  #append(lines: Uint8Array): void {
    try {
      writeAll(this.#fd, lines);
      this.#size += lines.length;
      this.#failing = false;
    } catch (error) {
      // a full disk must not stop the container; once is enough to say so
      if (!this.#failing) warn(`log ${this.#path}`, error);
      this.#failing = true;
    }
  }

  #rotate(): void {
    try {
      if (this.#maxFiles > 1) {
        for (let i = this.#maxFiles - 1; i > 0; i--) this.#shift(i === 1 ? this.#path : `${this.#path}.${i - 1}`, i);
      } else unlinkIfThere(this.#path);
      // a reader may hold the old file: a new one, never the old one emptied
      const fd = open(this.#path, FLAGS | O.TRUNC, MODE);
      close(this.#fd);
      this.#fd = fd;
    } catch (error) {
      warn(`rotation of ${this.#path}`, error);
    }
    this.#size = 0;
  }

  #shift(from: string, to: number): void {
    try {
      rename(from, `${this.#path}.${to}`);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  /** The log as it is now: the oldest file first, each opened for reading. */
  snapshot(): LogPart[] {
    const parts: LogPart[] = [];
    for (let i = this.#maxFiles - 1; i >= 0; i--) {
      const path = i === 0 ? this.#path : `${this.#path}.${i}`;
      try {
        const fd = open(path, O.RDONLY);
        parts.push({ fd, size: fstat(fd).size });
      } catch (error) {
        if (!isErrno(error, "ENOENT")) throw error;
      }
    }
    return parts;
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}
