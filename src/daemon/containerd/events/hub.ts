/**
 * The event exchange. Subscribers share one chain of events: each holds its place in it, so an event is stored once however many have
 * yet to read it, and a subscriber that has read everything costs nothing. One that falls too far behind is ended.
 */

import { WharfError } from "../../../common/errors.ts";
import { type FieldAdaptor, mapField, parseFilters } from "../../../common/filters.ts";
import type { Envelope } from "../api/events.ts";
import type { CallOptions, Filters } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { decodeEvent, type EventMessage } from "./messages.ts";

/** Events that are held for the slowest reader. */
const BACKLOG = 16_384;

interface Link {
  envelope: Envelope | undefined;
  /** Counts events from the start. */
  sequence: number;
  next: Link | undefined;
}

/** Milliseconds after the start in which subscribers hear of what has happened before it, too. */
const LATE = 10_000;

const TOPIC = /^(?:\/[^/\s]+)+$/;

export class EventHub implements Disposable {
  #last: Link = { envelope: undefined, sequence: 0, next: undefined };
  /** Called when there is something new. */
  readonly #wakers = new Set<() => void>();
  #closed = false;
  readonly #backlog: number;
  /** What has happened before the start and came late. */
  #late: Envelope[] | undefined = [];
  readonly #lateUntil = Date.now() + LATE;

  constructor(backlog = BACKLOG) {
    this.#backlog = backlog;
  }

  /** Publishes an event of the core itself. */
  emit(namespace: string, message: EventMessage, late = false): void {
    this.forward({ timestamp: now(), namespace, ...message }, late);
  }

  /**
   * InvalidArgument for an envelope without namespace, time or proper topic. `late`: it is of a process that an earlier daemon has
   * started; who subscribes shortly after the start, which nobody can before, is told of it as well.
   */
  forward(envelope: Envelope, late = false): void {
    if (!TOPIC.test(envelope.topic)) {
      throw new WharfError(
        "InvalidArgument",
        `bad event topic ${JSON.stringify(envelope.topic)}: it must look like /tasks/exit`,
      );
    }
    if (envelope.namespace === "" || envelope.timestamp === "") {
      throw new WharfError("InvalidArgument", `the event ${envelope.topic} has no namespace or no time`);
    }
    const link: Link = { envelope, sequence: this.#last.sequence + 1, next: undefined };
    this.#last.next = link;
    this.#last = link;
    if (late) this.#missed().push(envelope);
    this.#wake();
  }

  #missed(): Envelope[] {
    if (Date.now() > this.#lateUntil) this.#late = undefined;
    return this.#late ?? [];
  }

  /** See `EventService.subscribe`; begins with this call, not with the first read. */
  subscribe(filters?: Filters, options: CallOptions = {}): AsyncIterable<Envelope> {
    const matches = parseFilters(filters);
    const reader = new Reader(this, this.#last, options.signal);
    const late = [...this.#missed()];
    return {
      [Symbol.asyncIterator]: () => reader.read((envelope) => matches(envelopeAdaptor(envelope)), late),
    };
  }

  /** True when a reader at `sequence` is further behind than events are held for. */
  isBehind(sequence: number): boolean {
    return this.#last.sequence - sequence > this.#backlog;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Has `waker` called with each event until it is taken out again. */
  watch(waker: () => void): () => void {
    this.#wakers.add(waker);
    return () => this.#wakers.delete(waker);
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
  }

  /** Ends all subscriptions after what they have not read yet. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#wake();
  }
}

class Reader {
  readonly #hub: EventHub;
  readonly #signal: AbortSignal | undefined;
  /** The last link read; undefined once too far behind: the chain is then free to go. */
  #at: Link | undefined;
  #wake: (() => void) | undefined;
  readonly #unwatch: () => void;

  constructor(hub: EventHub, at: Link, signal: AbortSignal | undefined) {
    this.#hub = hub;
    this.#at = at;
    this.#signal = signal;
    this.#unwatch = hub.watch(() => {
      if (this.#at && hub.isBehind(this.#at.sequence)) this.#drop();
      this.#wake?.();
    });
    signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  readonly #aborted = () => {
    this.#unwatch();
    this.#wake?.();
  };

  #drop(): void {
    this.#at = undefined;
    this.#unwatch();
  }

  /** Events that match, `first` those that were before. */
  async *read(matches: (envelope: Envelope) => boolean, first: readonly Envelope[]): AsyncGenerator<Envelope> {
    try {
      for (const envelope of first) if (matches(envelope) && !this.#signal?.aborted) yield envelope;
      while (!this.#signal?.aborted) {
        if (!this.#at) {
          throw new WharfError("ResourceExhausted", "the reader of events fell too far behind", {
            hint: "read faster, or narrow the subscription by filters; list the objects anew",
          });
        }
        const next = this.#at.next;
        if (next) {
          this.#at = next;
          if (matches(next.envelope!)) yield next.envelope!;
        } else if (this.#hub.closed) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      this.#drop();
      this.#signal?.removeEventListener("abort", this.#aborted);
    }
  }
}

function envelopeAdaptor(envelope: Envelope): FieldAdaptor {
  let fields: Record<string, unknown> | undefined;
  return (path) => {
    switch (path[0]) {
      case "namespace":
        return envelope.namespace;
      case "topic":
        return envelope.topic;
      case "event":
        fields ??= decodeEvent(envelope.event) ?? {};
        return eventField(fields, path.slice(1));
      default:
        return undefined;
    }
  };
}

/** A field of an event by its .proto name (`container_id`). */
function eventField(value: unknown, path: readonly string[]): string | undefined {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== "object" || value === null) return undefined;
  const name = first.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const field = (value as Record<string, unknown>)[name];
  if (name === "labels" && rest.length > 0) return mapField(rest, field as Record<string, string>);
  if (rest.length > 0) return eventField(field, rest);
  switch (typeof field) {
    case "string":
      return field;
    case "number":
    case "boolean":
    case "bigint":
      return String(field);
    default:
      return undefined;
  }
}
