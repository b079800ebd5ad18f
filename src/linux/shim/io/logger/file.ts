// The log file with its rotation: path, path.1, path.2 … No line is cut by a rotation, and none is lost. Where files are packed, that is
// done beside; until it is done the file that is written grows on.
import { failpoint } from "../../../../common/failpoint.ts";
import { dirname } from "../../../../common/path.ts";
import { isErrno, sys } from "../../../sys/call.ts";
import { close, exists, fstat, mkdirs, O, open, rename, unlinkIfThere } from "../../../sys/fs.ts";
import { NR } from "../../../sys/nr.ts";
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
  /** Puts `<path>.gz` in the place of `path`; undefined where files stay as they are. */
  readonly #pack: ((path: string) => Promise<void>) | undefined;
  #packing = false;

  /** `maxSize` 0: never rotated. Rotation comes before the first line that would begin at or beyond it, as in Docker. */
  constructor(path: string, maxSize: number, maxFiles: number, pack?: (path: string) => Promise<void>) {
    this.#path = path;
    this.#maxSize = maxSize;
    this.#maxFiles = maxFiles;
    mkdirs(dirname(path));
    this.#fd = open(path, FLAGS, MODE);
    this.#size = fstat(this.#fd).size;
    this.#pack = maxFiles > 1 ? pack : undefined;
    // left by a shim that ended too early
    this.#packRotated();
  }

  #packRotated(): void {
    const path = `${this.#path}.1`;
    if (!this.#pack || !exists(path)) return;
    this.#packing = true;
    this.#pack(path)
      .catch((error: unknown) => warn(`packing of ${path}`, error))
      .finally(() => {
        this.#packing = false;
      });
  }

  /** Appends whole lines. */
  write(lines: Uint8Array): void {
    let rest = lines;
    while (rest.length > 0) {
      const limited = this.#maxSize > 0 && !this.#packing;
      if (limited && this.#size >= this.#maxSize) this.#rotate();
      const room = limited && !this.#packing ? this.#maxSize - this.#size : rest.length;
      let end = rest.length;
      // up to the line with which the limit is reached
      if (room < end) end = rest.indexOf(NEWLINE, room - 1) + 1 || rest.length;
      this.#append(end === rest.length ? rest : rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  }

  #append(lines: Uint8Array): void {
    let rest = lines;
    try {
      while (rest.length > 0) {
        rest = rest.subarray(sys("write", this.#path, NR.write, this.#fd, rest, rest.length));
      }
      this.#size += lines.length;
      this.#failing = false;
    } catch (error) {
      // a full disk must not stop the container; once is enough to say so
      if (!this.#failing) warn(`log ${this.#path}`, error);
      this.#failing = true;
      this.#takeBack(lines, lines.length - rest.length);
    }
  }

  /** Of lines of which only `written` bytes found room: the whole ones stay, for what comes next must not go on in the midst of one. */
  #takeBack(lines: Uint8Array, written: number): void {
    if (written === 0) return;
    const whole = lines.lastIndexOf(NEWLINE, written - 1) + 1;
    this.#size += whole;
    try {
      const size = fstat(this.#fd).size - (written - whole);
      sys("truncate", this.#path, NR.ftruncate, this.#fd, size);
    } catch (error) {
      warn(`log ${this.#path}`, error);
    }
  }

  #rotate(): void {
    failpoint("log.rotate");
    try {
      if (this.#maxFiles > 1) {
        for (let i = this.#maxFiles - 1; i > 0; i--) this.#shift(i);
      } else unlinkIfThere(this.#path);
      // a reader may hold the old file: a new one, never the old one emptied
      const fd = open(this.#path, FLAGS | O.TRUNC, MODE);
      close(this.#fd);
      this.#fd = fd;
      this.#packRotated();
    } catch (error) {
      warn(`rotation of ${this.#path}`, error);
    }
    this.#size = 0;
  }

  /** Makes file `i - 1` file `i`, packed or not. */
  #shift(i: number): void {
    const from = i === 1 ? this.#path : `${this.#path}.${i - 1}`;
    const to = `${this.#path}.${i}`;
    let moved = renameIfThere(from, to) ? to : "";
    if (this.#pack && i > 1 && renameIfThere(`${from}.gz`, `${to}.gz`)) moved = `${to}.gz`;
    // of what was at this place nothing may stay, in neither form
    if (this.#pack && moved !== "") unlinkIfThere(moved === to ? `${to}.gz` : to);
  }

  /** The log as it is now: the oldest file first, each opened for reading. */
  snapshot(): LogPart[] {
    const parts: LogPart[] = [];
    for (let i = this.#maxFiles - 1; i >= 0; i--) {
      const path = i === 0 ? this.#path : `${this.#path}.${i}`;
      const plain = openIfThere(path);
      const packed = plain === undefined && i > 0 && this.#pack ? openIfThere(`${path}.gz`) : undefined;
      const fd = plain ?? packed;
      if (fd !== undefined) parts.push({ fd, size: fstat(fd).size, packed: packed !== undefined });
    }
    return parts;
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }
}

function renameIfThere(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return false;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return open(path, O.RDONLY);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return undefined;
  }
}
