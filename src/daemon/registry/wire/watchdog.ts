/** Notices that nothing happens any more, without a timer set anew for every piece of data. */

export class Watchdog {
  #last = performance.now();
  #paused = false;
  readonly #timer: NodeJS.Timeout;

  /** Calls `bark` once when neither alive() nor a pause was seen for `milliseconds`. */
  constructor(milliseconds: number, bark: () => void) {
    const look = (): void => {
      if (this.#paused || performance.now() - this.#last < milliseconds) return;
      this.stop();
      bark();
    };
    this.#timer = setInterval(look, Math.min(1000, milliseconds / 4));
  }

  alive(): void {
    this.#last = performance.now();
  }

  /** The waiting is ours for now: a slow receiver is not a slow server. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#last = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
