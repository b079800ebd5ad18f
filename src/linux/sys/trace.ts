// Spans of linux-world programs: nothing unless the caller's trace is sampled, else JSON lines in <folder>/<traceId>.jsonl.
import { describe } from "../../common/errors.ts";
import {
  newSpanId,
  parseTraceparent,
  type Span,
  type SpanValue,
  spanToLine,
  type TraceContext,
} from "../../common/trace.ts";
import { isErrno } from "./call.ts";
import { close, O, open, writeAll } from "./fs.ts";
import { epochUs, randomBytes } from "./time.ts";

/** A trace that is being recorded. Spans begun in a scope have the scope's span as parent. */
export class Trace {
  readonly #service: string;
  readonly #file: number;
  #context: TraceContext;
  #lines: string[] = [];

  constructor(service: string, context: TraceContext, file: number) {
    this.#service = service;
    this.#context = context;
    this.#file = file;
  }

  /** What a process started now is told in TRACEPARENT. */
  get context(): TraceContext {
    return this.#context;
  }

  /** The descriptor that is written to. */
  get file(): number {
    return this.#file;
  }

  /** Runs `work` as a span. */
  span<T>(name: string, attributes: Record<string, SpanValue> | undefined, work: () => T): T {
    const outer = this.#context;
    const spanId = newSpanId(randomBytes);
    const start = epochUs();
    this.#context = { ...outer, spanId };
    try {
      return work();
    } catch (error) {
      attributes = { ...attributes, error: describe(error) };
      throw error;
    } finally {
      this.#context = outer;
      this.add({
        traceId: outer.traceId,
        spanId,
        parentId: outer.spanId,
        name,
        service: this.#service,
        start,
        duration: epochUs() - start,
        attributes,
      });
    }
  }

  add(span: Span): void {
    this.#lines.push(spanToLine(span));
  }

  /** Something worth saying that takes no time; spans have no place for it. */
  note(_text: string): void {}

  /** What has been recorded, for another process to write. */
  taken(): string {
    const text = this.#lines.join("");
    this.#lines = [];
    return text;
  }

  /** In a forked child: the parent's lines are the parent's to write. */
  forget(): void {
    this.#lines = [];
  }

  /** Appends what has been recorded to the file; call it before exec and at the end. */
  flush(): void {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join("");
    this.#lines = [];
    try {
      writeAll(this.#file, text);
    } catch {
      // a trace that cannot be written is no reason for anything to fail
    }
  }

  close(): void {
    this.flush();
    close(this.#file);
  }
}

/**
 * Spans that are handed to another process: of nobody's trace yet, without ids. A step may forbid this process the system calls that
 * tell the time (the seccomp filter): then there are no spans of what follows.
 */
export class CollectedTrace extends Trace {
  constructor(service: string) {
    super(service, { traceId: "", spanId: "", sampled: true }, -1);
  }

  override span<T>(name: string, attributes: Record<string, SpanValue> | undefined, work: () => T): T {
    const start = this.#now();
    const result = work();
    const end = this.#now();
    if (start > 0 && end > 0)
      this.add({ traceId: "", spanId: "", name, service: "", start, duration: end - start, attributes });
    return result;
  }

  #now(): number {
    try {
      return epochUs();
    } catch {
      return 0;
    }
  }
}

/** Runs `work`, as a span where there is a trace. */
export function traced<T>(trace: Trace | undefined, name: string, work: () => T): T {
  return trace ? trace.span(name, undefined, work) : work();
}

/**
 * The trace the caller wants recorded: `traceparent` (default: the environment's TRACEPARENT) is sampled and there is a
 * folder for it (default: the environment's WHARF_TRACE_DIR). Undefined otherwise, which costs nothing.
 */
export function openTrace(service: string, traceparent?: string, folder?: string): Trace | undefined {
  const context = parseTraceparent(traceparent ?? native.variable("TRACEPARENT"));
  if (!context?.sampled) return undefined;
  const place = folder ?? native.variable("WHARF_TRACE_DIR");
  if (!place) return undefined;
  try {
    return new Trace(service, context, open(`${place}/${context.traceId}.jsonl`, O.WRONLY | O.CREAT | O.APPEND, 0o600));
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR", "EROFS")) return undefined;
    throw error;
  }
}
