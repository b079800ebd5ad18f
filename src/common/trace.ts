/**
 * Trace context and spans, shared by all hops from the CLI to the runtime.
 * Wire form: W3C Trace Context level 1, https://www.w3.org/TR/trace-context/#traceparent-header
 */

/** Where in a trace one is. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  traceId: string;
  /** The span that is the parent of what comes next: 16 lower-case hex digits, not all zero. */
  spanId: string;
  /** Linux-world processes record only sampled traces. */
  sampled: boolean;
}

/** A step with its time. Also a line of `<state>/trace/<traceId>.jsonl`. */
export interface Span {
  traceId: string;
  spanId: string;
  /** Absent for the root. */
  parentId?: string | undefined;
  /** What was done: "POST /containers/create", "mount proc". */
  name: string;
  /** Who did it: "wharf", "wharfd", "agent", "shim", "runt". */
  service: string;
  /** Microseconds since the epoch. */
  start: number;
  /** Microseconds. */
  duration: number;
  attributes?: Record<string, SpanValue> | undefined;
}

export type SpanValue = string | number | boolean;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);
const SAMPLED = 1;

/** Reads a traceparent; undefined for one that is malformed, which the specification says to ignore. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const match = TRACEPARENT.exec(text?.trim() ?? "");
  if (!match) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  if (version === "ff" || traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  // Version 00 has exactly four fields; a later one may have more.
  if (version === "00" && rest !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

/** Gives `count` random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

function newTraceId(random: RandomBytes): string {
  return notZero(16, random);
}

export function newSpanId(random: RandomBytes): string {
  return notZero(8, random);
}

/** A trace that begins here. */
export function newTrace(random: RandomBytes, sampled: boolean): TraceContext {
  return { traceId: newTraceId(random), spanId: newSpanId(random), sampled };
}

/** One span as a line of a trace file. */
export function spanToLine(span: Span): string {
  return `${JSON.stringify(span)}\n`;
}

/** The spans of a trace file; a last line that is cut off, and lines that are no spans, are left out. */
export function spansFromLines(text: string): Span[] {
  const spans: Span[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const span = JSON.parse(line) as Partial<Span>;
      if (typeof span.spanId === "string" && typeof span.name === "string" && typeof span.start === "number")
        spans.push({ duration: 0, service: "?", traceId: "", ...span } as Span);
    } catch {
      // A writer was killed in the middle of a line.
    }
  }
  return spans;
}

/** A span with those it caused, in the order of their start. */
export interface SpanNode extends Span {
  children: SpanNode[];
}

/** Spans as trees. One whose parent is not there stands at the top. */
export function spanTree(spans: readonly Span[]): SpanNode[] {
  const nodes = new Map(spans.map((span): [string, SpanNode] => [span.spanId, { ...span, children: [] }]));
  const roots: SpanNode[] = [];
  for (const node of [...nodes.values()].sort((a, b) => a.start - b.start)) {
    const parent = node.parentId === undefined ? undefined : nodes.get(node.parentId);
    (parent && parent !== node ? parent.children : roots).push(node);
  }
  return roots;
}

function notZero(count: number, random: RandomBytes): string {
  for (;;) {
    const bytes = random(count);
    if (bytes.some((byte) => byte !== 0)) return hex(bytes);
  }
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte + 256).toString(16).slice(1);
  return text;
}
