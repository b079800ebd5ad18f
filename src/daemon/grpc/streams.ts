/** The streams that calls refer to by id (containerd.services.streaming.v1): one call opens one, another (a transfer) uses it. */

import { WharfError } from "../../common/errors.ts";
import type { Any } from "../containerd/api/types.ts";

/** The serving end of one. */
export class ClientStream {
  readonly #incoming: AsyncIterator<Any>;
  readonly #outgoing: { any: Any; sent: () => void }[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(incoming: AsyncIterator<Any>) {
    this.#incoming = incoming;
  }

  /** The next message of the client; undefined when it has no more. One caller at a time. */
  async receive(): Promise<Any | undefined> {
    if (this.#closed) return undefined;
    const { done, value } = await this.#incoming.next();
    return done ? undefined : value;
  }

  /** Resolves when it is on its way. One after the end is dropped: the client no longer listens. */
  send(any: Any): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((sent) => {
      this.#outgoing.push({ any, sent });
      this.#wake?.();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Ends it after what was sent. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** What the call that opened the stream answers with, until it is closed. */
  async *outgoing(): AsyncGenerator<Any> {
    try {
      for (;;) {
        const next = this.#outgoing.shift();
        if (next) {
          yield next.any;
          next.sent();
        } else if (this.#closed) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      this.#closed = true;
      for (const { sent } of this.#outgoing) sent();
    }
  }
}

/** All open streams, by namespace and id. */
export class Streams {
  readonly #open = new Map<string, ClientStream>();

  /** AlreadyExists. Disposing of the answer takes it out. */
  register(namespace: string, id: string, stream: ClientStream): Disposable {
    const key = `${namespace}/${id}`;
    if (this.#open.has(key)) throw new WharfError("AlreadyExists", `stream ${JSON.stringify(id)} already exists`);
    this.#open.set(key, stream);
    return { [Symbol.dispose]: () => void this.#open.delete(key) };
  }

  /** NotFound. */
  get(namespace: string, id: string): ClientStream {
    const stream = this.#open.get(`${namespace}/${id}`);
    if (!stream) throw new WharfError("NotFound", `stream ${JSON.stringify(id)} not found`, { subject: id });
    return stream;
  }
}
