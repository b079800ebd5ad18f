/** The newest spans, column by column: an object each would be made, moved and thrown away by the collector for all those that nobody ever asks for. */

import type { Span, SpanValue } from "../../common/trace.ts";

export class SpanRing {
  readonly #capacity: number;
  readonly #service: string;
  readonly #traceIds: (string | undefined)[];
  readonly #spanIds: string[];
  readonly #parentIds: (string | undefined)[];
  readonly #names: string[];
  readonly #attributes: (Record<string, SpanValue> | undefined)[];
  /** Microseconds. */
  readonly #starts: Float64Array;
  readonly #durations: Float64Array;
  #next = 0;

  constructor(capacity: number, service: string) {
    this.#capacity = capacity;
    this.#service = service;
    this.#traceIds = new Array<undefined>(capacity).fill(undefined);
    this.#spanIds = new Array<string>(capacity).fill("");
    this.#parentIds = new Array<undefined>(capacity).fill(undefined);
    this.#names = new Array<string>(capacity).fill("");
    this.#attributes = new Array<undefined>(capacity).fill(undefined);
    this.#starts = new Float64Array(capacity);
    this.#durations = new Float64Array(capacity);
  }

  /** Takes a finished span; the oldest one goes. Times in microseconds, `start` since the epoch. */
  add(
    traceId: string,
    spanId: string,
    parentId: string | undefined,
    name: string,
    start: number,
    duration: number,
    attributes: Record<string, SpanValue> | undefined,
  ): void {
    const at = this.#next;
    this.#traceIds[at] = traceId;
    this.#spanIds[at] = spanId;
    this.#parentIds[at] = parentId;
    this.#names[at] = name;
    this.#attributes[at] = attributes;
    this.#starts[at] = start;
    this.#durations[at] = duration;
    this.#next = (at + 1) % this.#capacity;
  }

  /** The spans of a trace that are still there, oldest first. */
  of(traceId: string): Span[] {
    const found: Span[] = [];
    for (let i = 0; i < this.#capacity; i++) {
      const at = (this.#next + i) % this.#capacity;
      if (this.#traceIds[at] !== traceId) continue;
      const parentId = this.#parentIds[at];
      const attributes = this.#attributes[at];
      found.push({
        traceId,
        spanId: this.#spanIds[at]!,
        ...(parentId === undefined ? {} : { parentId }),
        name: this.#names[at]!,
        service: this.#service,
        start: Math.round(this.#starts[at]!),
        duration: Math.round(this.#durations[at]!),
        ...(attributes ? { attributes } : {}),
      });
    }
    return found;
  }
}
