/** One request and its response on the serving end: what waits to be sent, the windows of both directions, and how it ends. Pure. */

import { WharfError } from "../errors.ts";
import { FLAG, FRAME, H2_ERROR, MAX_WINDOW } from "./frames.ts";
import type { Outbox } from "./outbox.ts";

/** What the owner of a stream hears. After `gone` nothing more comes; after the stream's own end nothing but `gone`, or nothing. */
export interface StreamReceiver {
  /** A piece of the body. It may be kept if what `receive` was given may be. */
  data(bytes: Uint8Array): void;
  /** The client has sent all. */
  end(): void;
  /** The client has reset the stream, or the connection is lost. */
  gone(): void;
}

/** What streams share with their connection. */
export interface Link {
  readonly outbox: Outbox;
  /** The biggest payload that the client takes. */
  readonly frameSize: number;
  /** What the client takes on all streams together. */
  window: number;
  /** The transport takes no more for the time being. */
  readonly full: boolean;
  /** Streams that would send if they could. */
  readonly waiting: Set<ServerStream>;
  /** The stream is over. */
  over(stream: ServerStream): void;
}

/** Bytes a client may send on a stream ahead of what is read. */
export const STREAM_WINDOW = 4 << 20;
/** Bytes that wait in a stream before its writer has to. */
const AHEAD = 1 << 20;

/** Bytes that wait, and who wants to know when they are sent. */
interface Piece {
  bytes: Uint8Array;
  readonly sent: (() => void) | undefined;
}

interface Writer {
  resolve(): void;
  reject(error: unknown): void;
}

export class ServerStream {
  readonly id: number;
  receiver: StreamReceiver | undefined;
  readonly #link: Link;
  #queue: Piece[] = [];
  #queued = 0;
  #trailers: Uint8Array | undefined;
  #window: number;
  #writers: Writer[] = [];
  /** Of the client's side: what it may still send, and what was read but not yet given back. */
  #room = STREAM_WINDOW;
  #unacknowledged = 0;
  #paused = false;
  #ended: boolean;
  #closed = false;
  /** Bytes of the body that are still to come, when the client has said how many there are. */
  #promised: number | undefined;

  /** `ended`: the request is its headers alone. `promised`: what the client says it will send (`content-length`). */
  constructor(link: Link, id: number, window: number, ended: boolean, promised: number | undefined) {
    this.#link = link;
    this.id = id;
    this.#window = window;
    this.#ended = ended;
    this.#promised = promised;
  }

  /** The client has sent all, or reset the stream. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing can be sent any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends the response's head, an encoded header block; the `last` of the response or not. */
  headers(block: Uint8Array, last = false): void {
    if (this.#closed) return;
    const flags = last ? FLAG.END_HEADERS | FLAG.END_STREAM : FLAG.END_HEADERS;
    this.#block(block, flags);
    if (last) this.#finish();
  }

  /**
   * Queues bytes of the body, which are not to be changed any more until `sent` is called, which is never for what the end of the stream cuts off. A promise when the client has to catch up;
   * Canceled once gone.
   */
  write(first: Uint8Array, second?: Uint8Array, sent?: () => void): Promise<void> | undefined {
    if (this.#closed) return Promise.reject(gone());
    const size = first.length + (second?.length ?? 0);
    const link = this.#link;
    if (this.#queued === 0 && size > 0 && size <= Math.min(link.frameSize, this.#window, link.window) && !link.full) {
      // What is usual: one frame, and nothing before it.
      link.outbox.head(size, FRAME.DATA, 0, this.id);
      link.outbox.bytes(first);
      if (second) link.outbox.bytes(second);
      if (sent) link.outbox.after(sent);
      this.#window -= size;
      link.window -= size;
      return undefined;
    }
    const both = second !== undefined && second.length > 0;
    if (first.length > 0) this.#queue.push({ bytes: first, sent: both ? undefined : sent });
    if (both) this.#queue.push({ bytes: second, sent });
    this.#queued += size;
    this.flush();
    if (this.#queued <= AHEAD) return undefined;
    return new Promise((resolve, reject) => void this.#writers.push({ resolve, reject }));
  }

  /** Ends the response, after all that was written, with an encoded header block. */
  trailers(block: Uint8Array): void {
    if (this.#closed) return;
    this.#trailers = block;
    this.flush();
  }

  /** Ends the stream in both directions at once. */
  reset(code: number): void {
    if (this.#closed) return;
    this.#link.outbox.wordFrame(FRAME.RST_STREAM, this.id, code);
    this.#close();
  }

  /** The client may not send more than it has leave for, until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#acknowledge();
  }

  /** From the connection: a piece of the body. The error of the stream when that is not right, as what is more than the client had leave for. */
  received(bytes: Uint8Array, cost: number, last: boolean): number | undefined {
    if (this.#ended) return H2_ERROR.STREAM_CLOSED;
    this.#room -= cost;
    if (this.#room < 0) return H2_ERROR.FLOW_CONTROL_ERROR;
    this.#unacknowledged += cost;
    if (this.#promised !== undefined) {
      this.#promised -= bytes.length;
      if (this.#promised < 0) return H2_ERROR.PROTOCOL_ERROR;
    }
    if (bytes.length > 0) this.receiver?.data(bytes);
    if (!last) this.#acknowledge();
    else if (!this.ends()) return H2_ERROR.PROTOCOL_ERROR;
    return undefined;
  }

  /** From the connection: the client has sent all. False when that is less than it promised. */
  ends(): boolean {
    if (this.#closed) return true;
    this.#ended = true;
    if (this.#promised) return false;
    this.receiver?.end();
    return true;
  }

  /** From the connection: the client takes so many bytes more, or fewer. False when that is more than there can be. */
  widen(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > MAX_WINDOW) return false;
    if (bytes > 0) this.flush();
    return true;
  }

  /** From the connection: reset by the client, or lost. */
  gone(): void {
    this.#ended = true;
    this.#close();
    this.receiver?.gone();
  }

  /** Sends what can be sent. */
  flush(): void {
    while (this.step());
    // without a window of its own only its client can help it on
    if (this.#closed || this.#queued === 0 || this.#window <= 0) this.#link.waiting.delete(this);
    else this.#link.waiting.add(this);
  }

  /** Sends one frame; false when there is none to send, or no room. */
  step(): boolean {
    if (this.#closed) return false;
    if (this.#queued === 0) {
      if (!this.#trailers) return false;
      this.#block(this.#trailers, FLAG.END_HEADERS | FLAG.END_STREAM);
      this.#finish();
      return false;
    }
    const link = this.#link;
    const size = Math.min(this.#queued, link.frameSize, this.#window, link.window);
    if (size <= 0 || link.full) return false;
    link.outbox.head(size, FRAME.DATA, 0, this.id);
    let taken = 0;
    for (let left = size; left > 0; ) {
      const piece = this.#queue[taken]!;
      const { bytes, sent } = piece;
      if (bytes.length > left) {
        link.outbox.bytes(bytes.subarray(0, left));
        piece.bytes = bytes.subarray(left);
        break;
      }
      link.outbox.bytes(bytes);
      if (sent) link.outbox.after(sent);
      left -= bytes.length;
      taken++;
    }
    if (taken === this.#queue.length) this.#queue = [];
    else this.#queue.splice(0, taken);
    this.#queued -= size;
    this.#window -= size;
    link.window -= size;
    if (this.#writers.length > 0 && this.#queued <= AHEAD / 2) {
      for (const { resolve } of this.#writers.splice(0)) resolve();
    }
    return true;
  }

  /** A header block, in as many frames as it takes. */
  #block(block: Uint8Array, flags: number): void {
    const { outbox, frameSize } = this.#link;
    if (block.length <= frameSize) {
      outbox.frame(FRAME.HEADERS, flags, this.id, block);
      return;
    }
    outbox.frame(FRAME.HEADERS, flags & ~FLAG.END_HEADERS, this.id, block.subarray(0, frameSize));
    for (let at = frameSize; at < block.length; at += frameSize) {
      const part = block.subarray(at, at + frameSize);
      outbox.frame(FRAME.CONTINUATION, at + frameSize < block.length ? 0 : FLAG.END_HEADERS, this.id, part);
    }
  }

  /** The response is out. A client that has more to send is told that nobody reads it. */
  #finish(): void {
    if (!this.#ended) this.#link.outbox.wordFrame(FRAME.RST_STREAM, this.id, H2_ERROR.NO_ERROR);
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queued = 0;
    this.#link.waiting.delete(this);
    this.#link.over(this);
    for (const { reject } of this.#writers.splice(0)) reject(gone());
  }

  #acknowledge(): void {
    if (this.#paused || this.#ended || this.#closed || this.#unacknowledged < STREAM_WINDOW / 2) return;
    this.#link.outbox.wordFrame(FRAME.WINDOW_UPDATE, this.id, this.#unacknowledged);
    this.#room += this.#unacknowledged;
    this.#unacknowledged = 0;
  }
}

function gone(): WharfError {
  return new WharfError("Canceled", "the client has gone away");
}
