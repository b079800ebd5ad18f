/** Whether a request's client is still there. */

import { WharfError } from "../../common/errors.ts";

export class Presence {
  #controller: AbortController | undefined;
  #gone = false;

  /** Made when it is asked for: most short requests do without. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#gone) this.#abort();
    }
    return this.#controller.signal;
  }

  /** True once the client has gone away before its answer was complete. */
  get gone(): boolean {
    return this.#gone;
  }

  /** It has. */
  leave(): void {
    this.#gone = true;
    this.#abort();
  }

  #abort(): void {
    this.#controller?.abort(new WharfError("Canceled", "the client closed the connection"));
  }
}
