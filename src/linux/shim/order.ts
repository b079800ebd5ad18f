// In which order what is asked of a container is done: changes one after the other, starts of execs beside each other.

/** One container's. What fails holds nothing up: its own caller hears of it. */
export class Order {
  #last: Promise<unknown> = Promise.resolve();
  /** Under way: they do not wait for each other, and every change waits for them. */
  readonly #beside = new Set<Promise<unknown>>();

  /** After everything before it. */
  serial<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#beside.size === 0 ? this.#last : Promise.all([this.#last, ...this.#beside]);
    const result = before.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** After the changes before it, beside others of its kind. */
  beside<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    const over = result.then(
      () => void this.#beside.delete(over),
      () => void this.#beside.delete(over),
    );
    this.#beside.add(over);
    return result;
  }
}
