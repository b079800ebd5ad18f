/**
 * The event exchange. Subscribers share one list of events: each holds its place in it, so an event is stored once however many have
 * yet to read it, and a subscriber that has read everything costs nothing. One that falls too far behind is ended.
 */

import { WharfError } from "../../../common/errors.ts";
import { type FieldAdaptor, mapField, parseFilters } from "../../../common/filters.ts";
import { TaskDelete, TaskExit } from "../../../common/gen/containerd/events/task.ts";
import { isAny } from "../../../common/protobuf/any.ts";
import type { Envelope } from "../api/events.ts";
import type { CallOptions, Filters } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { decodeEvent, type EventMessage } from "./messages.ts";

/** Events that are held for the slowest reader. */
const BACKLOG = 16_384;

/** Events that may be held though all have read them: looking for the slowest reader takes its time. */
const SLACK = 256;

/** Milliseconds after the start in which subscribers hear of what has happened before it, too. */
const LATE = 10_000;

/**
 * Milliseconds that they do not hear of it yet, unless its task is deleted: a dockerd that has just started, too, asks how its tasks are, and one that is told
 * of an end before it has asked does not delete the container.
 */
const PAUSE = 2000;

/** Milliseconds from the start until all have been told of what came late. */
export const LATE_TOLD = LATE + PAUSE;

/** What has happened before the start. `due`: its task is deleted. */
interface Late {
  readonly envelope: Envelope;
  due: boolean;
}

const TOPIC = /^(?:\/[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)+$/;

export class EventHub implements Disposable {
  /** Those that someone has yet to read, and some before them. A chain would do, but the collector keeps what old, dead links lead to. */
  readonly #held: Envelope[] = [];
  /** How many there were before these. */
  #before = 0;
  #trimAt = SLACK;
  readonly #readers = new Set<Reader>();
  #closed = false;
  readonly #backlog: number;
  /** What has happened before the start and came late. */
  #late: Late[] = [];
  readonly #began = Date.now();

  constructor(backlog = BACKLOG) {
    this.#backlog = backlog;
  }

  /** Publishes an event of the core itself. */
  emit(namespace: string, message: EventMessage, late = false): void {
    this.forward({ timestamp: now(), namespace, ...message }, late);
  }

  /**
   * InvalidArgument for an envelope without namespace, time or proper topic. `late`: it is of a process that an earlier daemon has
   * started; who subscribes shortly after the start, which nobody can before, is told of it as well, and all after a while.
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
    const deleted = isAny(envelope.event, TaskDelete);
    if (deleted && this.#late.length > 0)
      this.hasten(envelope.namespace, String(decodeEvent(envelope.event)?.containerId));
    if (late && this.#isEarly(LATE_TOLD)) {
      const told = { envelope, due: deleted };
      this.#late.push(told);
      for (const reader of this.#readers) reader.expect(told);
      return;
    }
    this.#held.push(envelope);
    for (const reader of this.#readers) {
      if (this.#end - reader.at > this.#backlog) reader.drop();
      reader.wake();
    }
    if (this.#held.length >= this.#trimAt) this.#trim();
  }

  /** How many events there have been. */
  get #end(): number {
    return this.#before + this.#held.length;
  }

  /** Lets go of what all have read. */
  #trim(): void {
    let read = this.#end;
    for (const { at } of this.#readers) read = Math.min(read, at);
    this.#held.splice(0, read - this.#before);
    this.#before = read;
    this.#trimAt = this.#held.length * 2 + SLACK;
  }

  #isEarly(ms: number): boolean {
    return Date.now() - this.#began <= ms;
  }

  /** A task, or one of its processes, is deleted: who has not heard yet of an end before the start hears of it now. */
  hasten(namespace: string, task: string, process?: string): void {
    if (this.#late.length === 0) return;
    if (!this.#isEarly(LATE_TOLD)) this.#late = [];
    for (const late of this.#late) {
      const { envelope } = late;
      if (envelope.namespace !== namespace || !isAny(envelope.event, TaskExit)) continue;
      const { containerId, id } = decodeEvent(envelope.event) ?? {};
      if (containerId === task && (process === undefined || process === id)) late.due = true;
    }
    for (const reader of this.#readers) reader.wake();
  }

  /** See `EventService.subscribe`; begins with this call, not with the first read. */
  subscribe(filters?: Filters, options: CallOptions = {}): AsyncIterable<Envelope> {
    const matches = parseFilters(filters);
    const reader = new Reader(this, this.#end, options.signal);
    if (this.#isEarly(LATE)) for (const late of this.#late) reader.expect(late);
    return { [Symbol.asyncIterator]: () => reader.read((envelope) => matches(envelopeAdaptor(envelope))) };
  }

  /** The event after `count` others; undefined when it has not happened yet. */
  event(count: number): Envelope | undefined {
    return this.#held[count - this.#before];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Has `reader` woken with each event, and what it has not read held, until it is left. */
  join(reader: Reader): void {
    this.#readers.add(reader);
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
  }

  /** Ends all subscriptions after what they have not read yet. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.wake();
  }
}

class Reader {
  readonly #hub: EventHub;
  readonly #signal: AbortSignal | undefined;
  /** How many events come before the next one to read. */
  at: number;
  #dropped = false;
  #wake: (() => void) | undefined;
  /** What it is told of when its time has come. */
  readonly #expected: { late: Late; due: boolean }[] = [];

  constructor(hub: EventHub, at: number, signal: AbortSignal | undefined) {
    this.#hub = hub;
    this.at = at;
    this.#signal = signal;
    hub.join(this);
    signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  readonly #aborted = () => {
    this.#hub.leave(this);
    this.wake();
  };

  wake(): void {
    this.#wake?.();
  }

  expect(late: Late): void {
    const expected = { late, due: false };
    this.#expected.push(expected);
    const tell = () => {
      expected.due = true;
      this.wake();
    };
    if (late.due) tell();
    else setTimeout(tell, PAUSE).unref();
  }

  #takeLate(): Envelope | undefined {
    const at = this.#expected.findIndex(({ late, due }) => due || late.due || this.#hub.closed);
    return at < 0 ? undefined : this.#expected.splice(at, 1)[0]!.late.envelope;
  }

  /** What it has not read is free to go. */
  drop(): void {
    this.#dropped = true;
    this.#hub.leave(this);
  }

  /** Events that match. */
  async *read(matches: (envelope: Envelope) => boolean): AsyncGenerator<Envelope> {
    try {
      while (!this.#signal?.aborted) {
        if (this.#dropped) {
          throw new WharfError("ResourceExhausted", "the reader of events fell too far behind", {
            hint: "read faster, or narrow the subscription by filters; list the objects anew",
          });
        }
        const late = this.#takeLate();
        const next = late ?? this.#hub.event(this.at);
        if (next) {
          if (!late) this.at++;
          if (matches(next)) yield next;
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
      this.drop();
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
