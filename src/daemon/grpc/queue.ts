/** Requests of a stream on their way to the handler that reads them. */
import { Inbox } from "../../common/grpc/inbox.ts";

/** Bytes that may wait for the handler before the client is held back. */
const FULL = 1 << 20;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** Read by one reader. What was read frees room, so many bytes as the message's length: the client may send on. */
export class RequestQueue<T extends { readonly length: number } = Uint8Array> implements AsyncIterable<T> {
  readonly #flow: Flow;
  readonly #inbox = new Inbox<T>((bytes) => this.#taken(bytes));
  #bytes = 0;
  #paused = false;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  push(message: T): void {
    this.#bytes += message.length;
    if (this.#bytes >= FULL && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#inbox.push(message);
  }

  #taken(bytes: number): void {
    this.#bytes -= bytes;
    if (!this.#paused || this.#bytes >= FULL / 2) return;
    this.#paused = false;
    this.#flow.resume();
  }

  /** The client has sent all. */
  end(): void {
    this.#inbox.end();
  }

  /** The reader gets this after what has come before. */
  fail(error: unknown): void {
    this.#inbox.fail(error);
  }

  [Symbol.asyncIterator](): AsyncGenerator<T> {
    return this.#inbox[Symbol.asyncIterator]();
  }
}
