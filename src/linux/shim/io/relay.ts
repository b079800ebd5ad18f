// Copies one descriptor to another as fast as both allow: by splice where one is a pipe, so that no byte enters the shim's memory,
// else through a small buffer. Never waits: the loop says when to go on.
import { EPOLL, loop, type Watch } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { smallBuffer } from "./scratch.ts";

const AGAIN = -11;
const INTERRUPTED = -4;
const INVALID = -22;
const MOVE_NONBLOCK = 3;
const CHUNK = 65536;

export interface RelayOptions {
  /** One of the two is a pipe or FIFO. */
  splice: boolean;
  /** The end of the source, or an error of either side. Called once. */
  onEnd?: () => void;
}

export class Relay {
  readonly #from: number;
  readonly #to: number;
  #onEnd: (() => void) | undefined;
  #splice: boolean;
  #source: Watch | undefined;
  #sink: Watch | undefined;
  /** Read, but not written yet. */
  #rest: Uint8Array | undefined;
  #ended = false;

  constructor(from: number, to: number, options: RelayOptions) {
    this.#from = from;
    this.#to = to;
    this.#splice = options.splice;
    this.#onEnd = options.onEnd;
    this.#watchSource();
  }

  #watchSource(): void {
    this.#source = loop().watch(this.#from, EPOLL.IN, () => this.pump());
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Copies what is there now. */
  pump(): void {
    if (this.#sink || this.#ended) return;
    // bounded, so that one busy stream does not starve the rest
    for (let i = 0; i < 16; i++) {
      const n = this.#splice ? this.#spliceOnce() : this.#copyOnce();
      if (n === INTERRUPTED) continue;
      if (n > 0) continue;
      if (n === INVALID && this.#splice) this.#splice = false;
      else if (n === AGAIN) {
        this.#wait();
        return;
      } else {
        this.stop();
        return;
      }
    }
  }

  #spliceOnce(): number {
    return native.syscall(NR.splice, this.#from, 0, this.#to, 0, CHUNK, MOVE_NONBLOCK);
  }

  #copyOnce(): number {
    const buffer = smallBuffer();
    const n = native.syscall(NR.read, this.#from, buffer, buffer.length);
    if (n <= 0) return n;
    for (let at = 0; at < n; ) {
      const written = native.syscall(NR.write, this.#to, native.address(buffer) + at, n - at);
      if (written > 0) at += written;
      else if (written === AGAIN) {
        this.#rest = buffer.slice(at, n);
        this.#waitForSink();
        return AGAIN;
      } else if (written !== INTERRUPTED) return written;
    }
    return n;
  }

  /** A splice that would wait does not say for which side. */
  #wait(): void {
    if (this.#splice && this.#readable()) this.#waitForSink();
  }

  #readable(): boolean {
    const poll = new Int32Array([this.#from, EPOLL.IN]);
    return native.syscall(NR.poll, poll, 1, 0) > 0;
  }

  #waitForSink(): void {
    if (this.#sink) return;
    // not merely paused: a hang-up of the source would be told again and again
    this.#source?.[Symbol.dispose]();
    this.#source = undefined;
    this.#sink = loop().watch(this.#to, EPOLL.OUT, () => this.#writable());
  }

  #writable(): void {
    const rest = this.#rest;
    if (rest) {
      const n = native.syscall(NR.write, this.#to, rest, rest.length);
      if (n === AGAIN || n === INTERRUPTED) return;
      if (n < 0) {
        this.stop();
        return;
      }
      this.#rest = n < rest.length ? rest.slice(n) : undefined;
      if (this.#rest) return;
    }
    this.#sink?.[Symbol.dispose]();
    this.#sink = undefined;
    this.#watchSource();
    this.pump();
  }

  /** Looks at both sides no more; the descriptors stay open. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source?.[Symbol.dispose]();
    this.#sink?.[Symbol.dispose]();
    this.#source = this.#sink = undefined;
    this.#rest = undefined;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }
}
