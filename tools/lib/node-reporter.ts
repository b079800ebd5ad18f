// A reporter for node:test that writes one JSON line for each finished test, which tools/lib/run-file.ts reads.
import { inspect } from "node:util";
import type { Outcome } from "./outcome.ts";

interface TestEvent {
  type: string;
  data: {
    name: string;
    nesting: number;
    skip?: boolean | string;
    todo?: boolean | string;
    details?: { type?: string; duration_ms?: number; error?: Error & { cause?: unknown; failureType?: string } };
  };
}

/** Where giving back a resource failed after the test had: first what the test said. */
function explain(error: unknown): string {
  if (!(error instanceof SuppressedError)) return inspect(error, { depth: 8 });
  return `${explain(error.suppressed)}\nand then, giving back: ${explain(error.error)}`;
}

/** Suites are not counted as tests, unless what failed is the suite itself (a hook, say) and not something in it. */
function outcomeOf({ type, data }: TestEvent, path: readonly string[]): Outcome | undefined {
  const error = data.details?.error;
  const passed = type === "test:pass";
  if (data.details?.type === "suite" && (passed || error?.failureType === "subtestsFailed")) return undefined;
  const outcome: Outcome = { name: [...path, data.name].join(" › "), passed };
  if (data.skip !== undefined && data.skip !== false) outcome.skipped = data.skip === true ? "" : data.skip;
  if (!passed) outcome.error = explain(error?.cause ?? error);
  if (data.details?.duration_ms !== undefined) outcome.seconds = data.details.duration_ms / 1000;
  return outcome;
}

async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  // test:start comes parent first and in order, so the names at each level tell where a test stands
  const names: string[] = [];
  for await (const event of source) {
    if (event.type === "test:start") {
      names.length = event.data.nesting;
      names.push(event.data.name);
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      const outcome = outcomeOf(event, names.slice(0, event.data.nesting));
      if (outcome) yield `${JSON.stringify(outcome)}\n`;
    }
  }
}

// Node wants a reporter as the default export: the one place where the house's rule gives way.
// biome-ignore lint/style/noDefaultExport: see above
export default report;
