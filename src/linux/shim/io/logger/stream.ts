// One output stream on its way into the log and to attached clients: read as it comes, logged line by line.
import { EPOLL, loop, type Watch } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import { now } from "../../clock.ts";
import { BIG, bigBuffer, SMALL, smallBuffer } from "../scratch.ts";
import type { AttachServer } from "./attach.ts";
import { type Encode, MAX_LINE, type Stream } from "./encode.ts";
import type { LogFile } from "./file.ts";

const AGAIN = -11;
const INTERRUPTED = -4;
const NEWLINE = 0x0a;
/** Lines encoded at once, as far as a single one is not longer. */
const RUN = 8192;
/** Reads in one turn of the loop. */
const READS = 8;
/** Reads when the process has ended: more than a pipe holds, but not for ever, for what it has left behind may go on writing. */
const LAST_READS = 1024;
const NOTHING = new Uint8Array(0);

export interface Sinks {
  log: { file: LogFile; encode: Encode } | undefined;
  attach: AttachServer | undefined;
}

export class LogStream {
  readonly #fd: number;
  readonly #name: Stream;
  readonly #sinks: Sinks;
  readonly #onEnd: () => void;
  #watch: Watch | undefined;
  /** The beginning of a line whose end has not come. */
  #line: Uint8Array = NOTHING;
  #busy = false;
  #ended = false;
  #last = false;

  /** Reads `fd`, which is nonblocking and stays the caller's. */
  constructor(fd: number, name: Stream, sinks: Sinks, onEnd: () => void) {
    this.#fd = fd;
    this.#name = name;
    this.#sinks = sinks;
    this.#onEnd = onEnd;
    this.resume();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The beginning of a line that is not in the log yet. */
  get unfinished(): { stream: Stream; bytes: Uint8Array } {
    return { stream: this.#name, bytes: this.#line };
  }

  /** Goes on after the attached clients have caught up. */
  resume(): void {
    if (!this.#ended) this.#watch ??= loop().watch(this.#fd, EPOLL.IN, () => this.pump(READS));
  }

  /** Takes what is there, with at most `reads` reads. */
  pump(reads: number): void {
    const { attach } = this.#sinks;
    attach?.acceptWaiting();
    for (let i = 0; i < reads && !this.#ended; i++) {
      if (attach?.blocked && !this.#last) {
        this.#watch?.[Symbol.dispose]();
        this.#watch = undefined;
        return;
      }
      if (!this.#read()) return;
    }
  }

  /** The process has ended: what it has written is taken now, for nobody waits for slow clients any more. */
  finish(): void {
    this.#last = true;
    this.resume();
    this.pump(LAST_READS);
  }

  /** False when there was nothing to read. */
  #read(): boolean {
    const have = this.#line.length;
    const big = this.#busy || have > SMALL / 2;
    const buffer = big ? bigBuffer() : smallBuffer();
    // the encoder needs a byte behind the last
    const room = (big ? BIG : SMALL) - have - 1;
    buffer.set(this.#line);
    const n = native.syscall(NR.read, this.#fd, native.address(buffer) + have, room);
    if (n === AGAIN || n === INTERRUPTED) {
      this.#busy = false;
      return n === INTERRUPTED;
    }
    // a terminal whose last user is gone answers EIO
    if (n <= 0) {
      this.#end(buffer);
      return false;
    }
    this.#busy = n === room;
    this.#sinks.attach?.send(this.#name, buffer, have, n);
    const rest = this.#sinks.log ? this.#lines(buffer, have + n) : have + n;
    this.#line = rest === have + n ? NOTHING : buffer.slice(rest, have + n);
    return true;
  }

  /** Logs the lines in [0, end) and returns where the unfinished one begins. */
  #lines(buffer: Uint8Array, end: number): number {
    let at = 0;
    while (at < end) {
      let last = buffer.lastIndexOf(NEWLINE, Math.min(at + RUN, end) - 1);
      if (last < at && end - at > RUN) last = buffer.lastIndexOf(NEWLINE, Math.min(at + MAX_LINE, end) - 1);
      if (last >= at) {
        this.#log(buffer, at, last + 1, false);
        at = last + 1;
      } else if (end - at >= MAX_LINE) {
        this.#log(buffer, at, at + MAX_LINE, true);
        at += MAX_LINE;
      } else break;
    }
    return at;
  }

  #log(buffer: Uint8Array, from: number, to: number, partial: boolean): void {
    const { file, encode } = this.#sinks.log!;
    const { seconds, nanos } = now();
    file.write(encode(buffer, from, to, partial, this.#name, seconds, nanos));
  }

  #end(buffer: Uint8Array): void {
    if (this.#line.length > 0 && this.#sinks.log) this.#log(buffer, 0, this.#line.length, true);
    this.stop();
    this.#onEnd();
  }

  stop(): void {
    this.#ended = true;
    this.#line = NOTHING;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }
}
