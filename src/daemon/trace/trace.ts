/**
 * The daemon's spans: a ring buffer in memory, and the span that is current in an asynchronous call chain.
 * What a request with a trace context brings about is recorded; nobody could ask for a trace whose id only the daemon knows. What
 * linux-world processes record depends on the sampled flag.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import {
  formatTraceparent,
  parseTraceparent,
  type Span,
  type SpanValue,
  type TraceContext,
} from "../../common/trace.ts";
import { newSpanId } from "./ids.ts";
import { SpanRing } from "./ring.ts";

/** Spans kept. A `run` makes about 40. */
const ring = new SpanRing(8192, "wharfd");

const storage = new AsyncLocalStorage<TraceContext | undefined>();

/** A step under way; `using span = startSpan(…)` ends it with the block. */
export interface ActiveSpan extends Disposable {
  /** Undefined outside of any trace. */
  readonly context: TraceContext | undefined;
  set(name: string, value: SpanValue): void;
  /** Records it; once. */
  end(): void;
}

class RunningSpan implements ActiveSpan {
  readonly context: TraceContext;
  readonly #parentId: string;
  readonly #name: string;
  #attributes: Record<string, SpanValue> | undefined;
  readonly #start = performance.now();
  #open = true;

  constructor(name: string, attributes: Record<string, SpanValue> | undefined, parent: TraceContext) {
    this.context = { traceId: parent.traceId, spanId: newSpanId(), sampled: parent.sampled };
    this.#parentId = parent.spanId;
    this.#name = name;
    this.#attributes = attributes;
  }

  set(name: string, value: SpanValue): void {
    this.#attributes = { ...this.#attributes, [name]: value };
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    const { traceId, spanId } = this.context;
    const start = (performance.timeOrigin + this.#start) * 1000;
    const duration = (performance.now() - this.#start) * 1000;
    ring.add(traceId, spanId, this.#parentId, this.#name, start, duration, this.#attributes);
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** A step that belongs to no trace. */
const UNTRACED: ActiveSpan = { context: undefined, set: () => {}, end: () => {}, [Symbol.dispose]: () => {} };

/** Starts a span below the current one, or below `parent`; one of no trace where there is neither. It does not become current. */
export function startSpan(
  name: string,
  attributes?: Record<string, SpanValue>,
  parent = storage.getStore(),
): ActiveSpan {
  return parent ? new RunningSpan(name, attributes, parent) : UNTRACED;
}

/** Runs `work` as a span below the current one; what it calls is below it. A failure is noted in the attribute `error`. */
export async function withSpan<T>(
  name: string,
  work: (span: ActiveSpan) => Promise<T> | T,
  attributes?: Record<string, SpanValue>,
): Promise<T> {
  using span = startSpan(name, attributes);
  try {
    return await inContext(span.context, () => work(span));
  } catch (error) {
    span.set("error", error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Runs `work` with `context` as the current one, or with none. */
export function inContext<T>(context: TraceContext | undefined, work: () => T): T {
  return context === storage.getStore() ? work() : storage.run(context, work);
}

/** The parent that a request's header names. */
export function contextFromHeader(header: string | undefined): TraceContext | undefined {
  return parseTraceparent(header);
}

/** For the next hop: the current span as a traceparent; undefined outside any. */
export function currentTraceparent(): string | undefined {
  const context = storage.getStore();
  return context && formatTraceparent(context);
}

/** The spans of a trace that are still there, oldest first. */
export function spansOf(traceId: string): Span[] {
  return ring.of(traceId);
}
