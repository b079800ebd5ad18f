/** Requests of a stream on their way to the handler that reads them. */

/** Bytes that may wait for the handler before the client is held back. */
const FULL = 1 << 20;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** Read by one reader. What was read frees room, so many bytes as the message's length: the client may send on. */
export class RequestQueue<T extends { readonly length: number } = Uint8Array> implements AsyncIterable<T> {
  readonly #flow: Flow;
  readonly #waiting: T[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  push(message: T): void {
    this.#waiting.push(message);
    this.#bytes += message.length;
    if (this.#bytes >= FULL && !this.#paused) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#wake?.();
  }

  /** The client has sent all. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The reader gets this after what has come before. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message) {
        this.#bytes -= message.length;
        if (this.#paused && this.#bytes < FULL / 2) {
          this.#paused = false;
          this.#flow.resume();
        }
        yield message;
      } else if (this.#ended) {
        if (this.#failure !== undefined) throw this.#failure;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}
