/** Messages of a stream on their way to who reads them, one reader. */

export class Inbox<T extends { readonly length: number } = Uint8Array> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  readonly #taken: (bytes: number) => void;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  /** `taken` hears the size of each message that the reader has got. */
  constructor(taken: (bytes: number) => void = () => {}) {
    this.#taken = taken;
  }

  push(message: T): void {
    this.#waiting.push(message);
    this.#wake?.();
  }

  /** Nothing more comes; with an error the reader gets it after what has come before. */
  end(error?: unknown): void {
    if (!this.#ended) this.#failure = error;
    this.#ended = true;
    this.#wake?.();
  }

  /** As `end` with an error, also after an end: the reader gets it in place of that, where it has not come so far. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message) {
        this.#taken(message.length);
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
