// A span for each request that comes with a sampled trace; nothing for the others.
import { formatTraceparent, newSpanId, parseTraceparent } from "../../common/trace.ts";
import type { CallContext } from "../../common/ttrpc/server.ts";
import { epochUs, randomBytes } from "../sys/time.ts";
import { openTrace } from "../sys/trace.ts";

type Handler = (request: never, context: CallContext) => unknown;

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
  try {
    const running = run();
    tracing.traceparent = "";
    return await running;
  } finally {
    tracing.traceparent = "";
    const { traceId, spanId } = context;
    const trace = openTrace("shim", text, tracing.folder);
    trace?.add({ traceId, spanId, parentId: caller.spanId, name, service: "shim", start, duration: epochUs() - start });
    trace?.close();
  }
}

/** The handlers, each in a span of its own when the caller's trace is recorded. */
export function traced<H extends object>(handlers: H, tracing: Tracing): H {
  const all: Record<string, Handler> = {};
  for (const [name, handler] of Object.entries(handlers) as [string, Handler][]) {
    all[name] = (request, context) => {
      const text = context.metadata.get("traceparent")?.[0];
      if (text === undefined) return handler(request, context);
      return recorded(`task ${name}`, tracing, text, () => handler(request, context));
    };
  }
  return all as H;
}
