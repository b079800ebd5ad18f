/** Requests of a stream on their way to the handler that reads them. */

/** A request's message as it came. A few compressed bytes may stand for megabytes: they are expanded when the handler reads them. */
export interface Incoming {
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
}

/** Bytes that may wait for the handler before the client is held back. */
const FULL = 1 << 20;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** Read by one reader. What was read frees room: the client may send on. */
export class RequestQueue implements AsyncIterable<Incoming> {
  readonly #flow: Flow;
  readonly #waiting: Incoming[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(flow: Flow) {
    this.#flow = flow;
  }

  push(message: Incoming): void {
    this.#waiting.push(message);
    this.#bytes += message.bytes.length;
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

  async *[Symbol.asyncIterator](): AsyncGenerator<Incoming> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message) {
        this.#bytes -= message.bytes.length;
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
