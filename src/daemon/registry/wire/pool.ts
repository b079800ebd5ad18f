/**
 * GET for large bodies, straight on the socket: HTTP/1.1 read into a few large buffers that are used again and again.
 * node:http copies every body into new buffers of 64 KiB, which takes three times the CPU (94 MB over the loopback:
 * 150 ms against 35 to 55).
 */

import { NetworkError } from "../errors.ts";
import type { HttpResponse } from "../message.ts";
import { Wire, type WireOptions } from "./connection.ts";

/** How long a connection is kept for the next request; milliseconds. Servers close theirs after five seconds or more. */
const KEEP = 4_000;

/** Connections of one transport, kept by origin. */
export class WirePool implements Disposable {
  readonly #idle = new Map<string, Wire[]>();

  /** Sends a GET. Throws NetworkError, Canceled. */
  async get(url: URL, options: WireOptions): Promise<HttpResponse> {
    for (;;) {
      const kept = this.#idle.get(url.origin)?.pop();
      const wire = kept ?? (await Wire.open(url, options));
      wire.busy();
      try {
        return await wire.get(url, options, () => this.#keep(url.origin, wire));
      } catch (error) {
        wire.destroy();
        // A kept connection may have been closed by the server meanwhile: that says nothing.
        if (kept && error instanceof NetworkError && error.reason === "ECONNRESET" && !options.signal?.aborted)
          continue;
        throw error;
      }
    }
  }

  #keep(origin: string, wire: Wire): void {
    const list = this.#idle.get(origin) ?? [];
    this.#idle.set(origin, list);
    list.push(wire);
    wire.rest(KEEP, () => {
      const at = list.indexOf(wire);
      if (at >= 0) list.splice(at, 1);
      if (list.length === 0 && this.#idle.get(origin) === list) this.#idle.delete(origin);
    });
  }

  [Symbol.dispose](): void {
    for (const list of this.#idle.values()) for (const wire of [...list]) wire.destroy();
    this.#idle.clear();
  }
}
