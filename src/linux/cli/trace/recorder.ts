// The trace of one call of the CLI: its context for every request, and with --trace its own spans.
import { describe } from "../../../common/errors.ts";
import {
  formatTraceparent,
  newSpanId,
  newTrace,
  parseTraceparent,
  type RandomBytes,
  type Span,
  type SpanValue,
  type TraceContext,
} from "../../../common/trace.ts";
import { epochUs } from "../../sys/time.ts";

const SERVICE = "wharf";

export class Recorder {
  readonly spans: Span[] = [];
  /** The caller's span, where TRACEPARENT names one. */
  readonly #outer: TraceContext | undefined;
  readonly #root: TraceContext;
  readonly #random: RandomBytes;
  #current: string;
  #sampled: boolean;
  #start = 0;

  constructor(traceparent: string | undefined, random: RandomBytes) {
    this.#random = random;
    this.#outer = parseTraceparent(traceparent);
    this.#sampled = this.#outer?.sampled ?? false;
    this.#root = this.#outer ? { ...this.#outer, spanId: newSpanId(random) } : newTrace(random, false);
    this.#current = this.#root.spanId;
  }

  get traceId(): string {
    return this.#root.traceId;
  }

  get sampled(): boolean {
    return this.#sampled;
  }

  /** Begins to record; `name` is the whole call. */
  record(): void {
    this.#sampled = true;
    this.#start = epochUs();
  }

  /** The header of a request made now. */
  traceparent(): string {
    return formatTraceparent({ traceId: this.traceId, spanId: this.#current, sampled: this.#sampled });
  }

  /** Carries out `run` as a span of its own. Spans of one call are made one after the other or side by side, never nested across. */
  async span<T>(name: string, run: () => Promise<T>, attributes?: Record<string, SpanValue>): Promise<T> {
    if (!this.#sampled) return run();
    const spanId = newSpanId(this.#random);
    const parentId = this.#root.spanId;
    const start = epochUs();
    // A request takes the context when it is sent, which is before `run` waits for the first time.
    this.#current = spanId;
    const promise = run();
    this.#current = parentId;
    let more = attributes;
    try {
      return await promise;
    } catch (error) {
      more = { ...attributes, error: describe(error) };
      throw error;
    } finally {
      const duration = epochUs() - start;
      this.spans.push({
        traceId: this.traceId,
        spanId,
        parentId,
        name,
        service: SERVICE,
        start,
        duration,
        attributes: more,
      });
    }
  }

  /** Ends the span of the whole call. */
  finish(name: string): void {
    const { traceId, spanId } = this.#root;
    const duration = epochUs() - this.#start;
    this.spans.push({
      traceId,
      spanId,
      parentId: this.#outer?.spanId,
      name,
      service: SERVICE,
      start: this.#start,
      duration,
    });
  }
}
