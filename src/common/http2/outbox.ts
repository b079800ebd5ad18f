/**
 * What a connection has to send, gathered until its transport takes it: small pieces side by side in one buffer, big ones as they
 * are, without a copy. Pure.
 */

import { HEAD, writeHead, writeWord } from "./frames.ts";

/** Pieces from this size on are not copied. */
const BIG = 4096;
const SLAB = 1 << 16;
const NONE: readonly (() => void)[] = [];

/** Shared by all connections, as their small pieces follow each other; never written twice, as a transport may still hold it. */
let slab = new Uint8Array(0);
let used = 0;

export class Outbox {
  readonly #wake: () => void;
  #parts: Uint8Array[] = [];
  /** The part that grows: where it begins in which slab, and how long it is. */
  #slab: Uint8Array | undefined;
  #from = 0;
  #to = 0;
  #sent: (() => void)[] = [];
  /** Bytes that wait. */
  size = 0;

  /** `wake` is called with the first bytes after each `take`. */
  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** The head of a frame; its payload follows with `bytes`. */
  head(length: number, type: number, flags: number, stream: number): void {
    // first: it may bring another slab
    const at = this.#reserve(HEAD);
    writeHead(slab, at, length, type, flags, stream);
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length < BIG) {
      const at = this.#reserve(bytes.length);
      slab.set(bytes, at);
      return;
    }
    this.#close();
    this.#parts.push(bytes);
    this.#count(bytes.length);
  }

  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.head(payload.length, type, flags, stream);
    this.bytes(payload);
  }

  /** A frame whose payload is 32 bits. */
  wordFrame(type: number, stream: number, value: number): void {
    this.head(4, type, 0, stream);
    const at = this.#reserve(4);
    writeWord(slab, at, value);
  }

  /** Has `sent` called when what waits has been sent. */
  after(sent: () => void): void {
    this.#sent.push(sent);
  }

  /** What is to be called when all that waits has been sent; to be asked for before `take`. */
  takeSent(): readonly (() => void)[] {
    if (this.#sent.length === 0 || this.size === 0) return NONE;
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** All that waits, in order. It is the caller's from now on. */
  take(): Uint8Array[] {
    this.#close();
    const parts = this.#parts;
    this.#parts = [];
    this.size = 0;
    return parts;
  }

  /** Room for a few bytes at the end: their place in `slab`. */
  #reserve(length: number): number {
    if (used + length > slab.length) {
      slab = new Uint8Array(SLAB);
      used = 0;
    }
    // another connection may have written in between
    if (this.#slab !== slab || this.#to !== used) {
      this.#close();
      this.#slab = slab;
      this.#from = used;
    }
    const at = used;
    used += length;
    this.#to = used;
    this.#count(length);
    return at;
  }

  #close(): void {
    if (this.#slab) this.#parts.push(this.#slab.subarray(this.#from, this.#to));
    this.#slab = undefined;
  }

  #count(length: number): void {
    const first = this.size === 0;
    this.size += length;
    if (first) this.#wake();
  }
}
