/**
 * What shims have to say goes into the daemon's log. Another's shim gets the FIFO `log` in its bundle, as containerd has it, and is read while it runs. Ours
 * writes a line now and then into a file of that name, which is read when the shim's time is over.
 */

import { closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";
import { Socket } from "node:net";
import { basename, join } from "node:path";
import type { Shared } from "../core/scope.ts";
import type { ShimRecord } from "./task.ts";

export const OUR_SHIM = "containerd-shim-runt-v2";

/** Lines that an error's message cites. */
const LAST = 3;
/** Bytes of a line: what is longer is told in pieces. */
const MAX_LINE = 16 << 10;

type Say = (line: string) => void;

export class ShimLogs implements Disposable {
  readonly #shared: Pick<Shared, "agent" | "log" | "shimLine">;
  /** By bundle. */
  readonly #readers = new Map<string, Reader>();

  constructor(shared: Pick<Shared, "agent" | "log" | "shimLine">) {
    this.#shared = shared;
  }

  /** Before the shim is started, which may wait for somebody to read. */
  async make(record: ShimRecord): Promise<void> {
    if (basename(record.binary) === OUR_SHIM) return;
    await this.#shared.agent.makeFifo(join(record.bundle, "log"));
    this.follow(record);
  }

  /** Reads a FIFO that is there. */
  follow({ namespace, id, bundle }: Pick<ShimRecord, "namespace" | "id" | "bundle">): void {
    const path = join(bundle, "log");
    if (this.#readers.has(bundle) || !statSync(path, { throwIfNoEntry: false })?.isFIFO()) return;
    const say = (line: string) => this.#shared.shimLine(line, { namespace, id });
    const failed = (error: Error) =>
      this.#shared.log(`cannot read the log of the shim of ${JSON.stringify(id)}`, error);
    // With a writer of its own it never ends: shims come and go.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#readers.set(bundle, new Reader(fd, say, failed));
  }

  /** The last lines, for error messages. */
  last(bundle: string): string {
    const reader = this.#readers.get(bundle);
    if (!reader) return linesOf(bundle).slice(-LAST).join("; ");
    reader.drain();
    return reader.last.join("; ");
  }

  /** Before the bundle is removed: what was not told yet is. */
  end({ namespace, id, bundle }: Pick<ShimRecord, "namespace" | "id" | "bundle">): void {
    const reader = this.#readers.get(bundle);
    this.#readers.delete(bundle);
    reader?.[Symbol.dispose]();
    for (const line of linesOf(bundle)) this.#shared.shimLine(line, { namespace, id });
  }

  /** The shims go on; the next daemon reads on. */
  [Symbol.dispose](): void {
    for (const reader of this.#readers.values()) reader[Symbol.dispose]();
    this.#readers.clear();
  }
}

class Reader implements Disposable {
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #say: Say;
  readonly #failed: (error: Error) => void;
  /** The beginning of a line. */
  #rest = Buffer.alloc(0);
  readonly last: string[] = [];

  constructor(fd: number, say: Say, failed: (error: Error) => void) {
    this.#fd = fd;
    this.#say = say;
    this.#failed = failed;
    try {
      this.#socket = new Socket({ fd, readable: true, writable: false });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", failed);
    this.#socket.unref();
  }

  #take(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      const end = bytes.indexOf(10);
      if (end < 0 && bytes.length < MAX_LINE) break;
      const length = end < 0 || end > MAX_LINE ? MAX_LINE : end;
      this.#tell(bytes.subarray(0, length));
      bytes = bytes.subarray(length === end ? end + 1 : length);
    }
    this.#rest = Buffer.from(bytes);
  }

  #tell(bytes: Buffer): void {
    const line = bytes.toString("utf8").trim();
    if (line === "") return;
    this.last.push(line);
    if (this.last.length > LAST) this.last.shift();
    this.#say(line);
  }

  /** Takes what has been written up to now. */
  drain(): void {
    const buffer = Buffer.alloc(64 << 10);
    try {
      for (;;) this.#take(buffer.subarray(0, readSync(this.#fd, buffer)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") this.#failed(error as Error);
    }
  }

  [Symbol.dispose](): void {
    this.drain();
    this.#tell(this.#rest);
    this.#socket.destroy();
  }
}

/** Of a log that is a file. */
function linesOf(bundle: string): string[] {
  const path = join(bundle, "log");
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size === 0) return [];
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}
