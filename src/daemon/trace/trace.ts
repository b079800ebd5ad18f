/**
 * The daemon's spans: a ring buffer in memory, and the span that is current in an asynchronous call chain.
 * Recording is always on and costs about a microsecond; only what linux-world processes record depends on the sampled flag.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import {
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  type Span,
  type SpanValue,
  type TraceContext,
} from "../../common/trace.ts";

/** Spans kept. A `run` makes about 40. */
const CAPACITY = 8192;

const ring: (Span | undefined)[] = new Array(CAPACITY);
let next = 0;

const storage = new AsyncLocalStorage<TraceContext>();

/** A step under way; `using span = startSpan(…)` ends it with the block. */
export interface ActiveSpan extends Disposable {
  readonly context: TraceContext;
  set(name: string, value: SpanValue): void;
  /** Records it; once. */
  end(): void;
}

/** Starts a span below the current one, or below `parent`, or as the root of a new trace. It does not become current. */
export function startSpan(
  name: string,
  attributes?: Record<string, SpanValue>,
  parent = storage.getStore(),
): ActiveSpan {
  const context: TraceContext = {
    traceId: parent?.traceId ?? newTraceId(randomBytes),
    spanId: newSpanId(randomBytes),
    sampled: parent?.sampled ?? false,
  };
  const start = performance.timeOrigin + performance.now();
  const span: Span = {
    traceId: context.traceId,
    spanId: context.spanId,
    name,
    service: "wharfd",
    start: 0,
    duration: 0,
  };
  if (parent) span.parentId = parent.spanId;
  if (attributes) span.attributes = attributes;
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    span.start = Math.round(start * 1000);
    span.duration = Math.round((performance.timeOrigin + performance.now() - start) * 1000);
    record(span);
  };
  return {
    context,
    set(key, value) {
      span.attributes = { ...span.attributes, [key]: value };
    },
    end,
    [Symbol.dispose]: end,
  };
}

/** Runs `work` as a span below the current one; what it calls is below it. A failure is noted in the attribute `error`. */
export async function withSpan<T>(
  name: string,
  work: (span: ActiveSpan) => Promise<T> | T,
  attributes?: Record<string, SpanValue>,
): Promise<T> {
  using span = startSpan(name, attributes);
  try {
    return await storage.run(span.context, work, span);
  } catch (error) {
    span.set("error", error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** Runs `work` with `context` as the current one. */
export function inContext<T>(context: TraceContext, work: () => T): T {
  return storage.run(context, work);
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

/** Takes a finished span into the ring; the oldest one goes. */
export function record(span: Span): void {
  ring[next] = span;
  next = (next + 1) % CAPACITY;
}

/** The spans of a trace that are still there, oldest first. */
export function spansOf(traceId: string): Span[] {
  const found: Span[] = [];
  for (let at = 0; at < CAPACITY; at++) {
    const span = ring[(next + at) % CAPACITY];
    if (span?.traceId === traceId) found.push(span);
  }
  return found;
}
