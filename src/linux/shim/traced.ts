// A span for each request that comes with a sampled trace; nothing for the others.
import { describe } from "../../common/errors.ts";
import { formatTraceparent, newSpanId, parseTraceparent } from "../../common/trace.ts";
import type { CallContext } from "../../common/ttrpc/server.ts";
import { epochUs, randomBytes } from "../sys/time.ts";
import { openTrace } from "../sys/trace.ts";

/** What is traced now, for whoever starts a part of the work before the first wait. */
export interface Tracing {
  /** Folder of the traces; "" for none. */
  readonly folder: string;
  /** Parent of the spans of the work; "" when it is not recorded. */
  traceparent: string;
}

async function recorded(name: string, tracing: Tracing, text: string, run: () => unknown): Promise<unknown> {
  const caller = parseTraceparent(text);
  if (!caller?.sampled || tracing.folder === "") return run();
  const context = { ...caller, spanId: newSpanId(randomBytes) };
  const start = epochUs();
  tracing.traceparent = formatTraceparent(context);
  let attributes: Record<string, string> | undefined;
  try {
    const running = run();
    tracing.traceparent = "";
    return await running;
  } catch (error) {
    attributes = { error: describe(error) };
    throw error;
  } finally {
    tracing.traceparent = "";
    const { traceId, spanId } = context;
    const trace = openTrace("shim", text, tracing.folder);
    const duration = epochUs() - start;
    trace?.add({ traceId, spanId, parentId: caller.spanId, name, service: "shim", start, duration, attributes });
    trace?.close();
  }
}

/** Runs a handler, in a span when its caller's trace is recorded. */
export function traced(name: string, context: CallContext, tracing: Tracing, run: () => unknown): unknown {
  const text = context.metadata.get("traceparent")?.[0];
  return text === undefined ? run() : recorded(name, tracing, text, run);
}
