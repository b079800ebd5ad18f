/** Single flight: several callers who want the same thing done share one doing of it. */

import { canceled, throwIfCanceled } from "../registry/retry.ts";

interface Flight {
  promise: Promise<unknown>;
  listeners: Set<(event: never) => void>;
  last: unknown;
  waiting: number;
  controller: AbortController;
  /** Everybody has left: what it holds it gives back in its own time, and nobody may join it. */
  ending: boolean;
}

export interface JoinOptions<E> {
  signal?: AbortSignal | undefined;
  /** Hears what happens; who joins late hears the latest first. */
  listen?: ((event: E) => void) | undefined;
}

export class Flights {
  readonly #flights = new Map<string, Flight>();

  has(key: string): boolean {
    return this.#flights.get(key)?.ending === false;
  }

  /**
   * Joins the flight `key`, or starts it. Each caller can leave by its own signal; the work is canceled when the last one
   * has left, and whoever leaves last waits for it to end, as does who comes then. A joined flight that fails for its
   * starter's reasons is tried once more on one's own.
   */
  async run<T, E = never>(
    key: string,
    start: (signal: AbortSignal, emit: (event: E) => void) => Promise<T>,
    options: JoinOptions<E> = {},
  ): Promise<T> {
    for (let own = false; ; ) {
      throwIfCanceled(options.signal);
      let flight = this.#flights.get(key);
      if (flight?.ending) {
        await gone(flight, options.signal);
        continue;
      }
      const joined = flight !== undefined;
      flight ??= this.#start(key, start as never);
      try {
        return (await this.#wait(flight, options as JoinOptions<never>)) as T;
      } catch (error) {
        if (!joined || own || options.signal?.aborted) throw error;
        own = true;
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal, emit: (event: unknown) => void) => Promise<unknown>): Flight {
    const controller = new AbortController();
    const flight: Flight = {
      promise: Promise.resolve(),
      listeners: new Set(),
      last: undefined,
      waiting: 0,
      controller,
      ending: false,
    };
    const emit = (event: unknown): void => {
      flight.last = event;
      for (const listen of flight.listeners) listen(event as never);
    };
    this.#flights.set(key, flight);
    flight.promise = work(controller.signal, emit).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    flight.promise.catch(() => {});
    return flight;
  }

  async #wait(flight: Flight, { signal, listen }: JoinOptions<never>): Promise<unknown> {
    flight.waiting++;
    // Of its own identity, so that one function may listen twice.
    const ear = listen && ((event: never) => listen(event));
    if (ear) flight.listeners.add(ear);
    if (ear && flight.last !== undefined) ear(flight.last as never);
    try {
      return await unlessLeft(flight.promise, signal);
    } finally {
      if (ear) flight.listeners.delete(ear);
      if (--flight.waiting === 0 && signal?.aborted) {
        flight.ending = true;
        flight.controller.abort(signal.reason);
        await flight.promise.catch(() => {});
      }
    }
  }
}

/** The promise's end, or Canceled before it. */
async function unlessLeft<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(canceled(signal));
  signal?.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, left.promise]);
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

/** Resolves when it has ended, however. Canceled. */
async function gone({ promise }: Flight, signal: AbortSignal | undefined): Promise<void> {
  await unlessLeft(
    promise.then(
      () => {},
      () => {},
    ),
    signal,
  );
}

/** At most so many at a time; the others wait in order. */
export class Limiter {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Resolves with a place, which is given back when disposed of. Canceled. */
  async enter(signal: AbortSignal | undefined): Promise<Disposable> {
    throwIfCanceled(signal);
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#queue.shift();
        if (next) next();
        else this.#free++;
      },
    };
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(go), 1);
        reject(canceled(signal));
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#queue.push(go);
    });
  }
}

/** How far something that grows has come, for any number of readers, each of which sees the latest and the end. */
export class Growth implements AsyncIterable<number> {
  #size = 0;
  #ended = false;
  #error: unknown;
  #wake = Promise.withResolvers<void>();

  /** All is there, for good. */
  get whole(): boolean {
    return this.#ended && this.#error === undefined;
  }

  advance(size: number): void {
    if (size <= this.#size || this.#ended) return;
    this.#size = size;
    this.#ring();
  }

  /** All is there. */
  end(): void {
    this.#ended = true;
    this.#ring();
  }

  /** It will never be whole: readers get this error. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#ring();
  }

  #ring(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    let told = 0;
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#size > told) {
        told = this.#size;
        yield told;
      } else if (this.#ended) return;
      else await this.#wake.promise;
    }
  }
}
