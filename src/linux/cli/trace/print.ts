// `--trace`: the spans of one call, the CLI's and the daemon's, as a tree with bars on stderr.
import { ellipsis } from "../../../common/cli/width.ts";
import { type Span, type SpanNode, spanTree } from "../../../common/trace.ts";
import type { Cli } from "../cli.ts";

const NAME_COLUMNS = 46;

function ms(us: number): string {
  return us >= 1e6 ? `${(us / 1e6).toFixed(2)} s ` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
}

function bar(node: Span, start: number, total: number, columns: number): string {
  const scale = (us: number) => Math.round((us / Math.max(total, 1)) * columns);
  const from = Math.min(Math.max(scale(node.start - start), 0), columns - 1);
  const length = Math.max(1, Math.min(scale(node.duration), columns - from));
  return `${" ".repeat(from)}${"█".repeat(length)}`.padEnd(columns);
}

/** Lines of the tree. */
export function renderTrace(spans: readonly Span[], width: number, colour: boolean): string {
  const roots = spanTree(spans);
  const start = Math.min(...spans.map((span) => span.start));
  const total = Math.max(...spans.map((span) => span.start + span.duration)) - start;
  const names = Math.min(NAME_COLUMNS, Math.max(20, width - 40));
  const bars = Math.max(10, Math.min(40, width - names - 34));
  const dim = (text: string) => (colour ? `\x1b[90m${text}\x1b[0m` : text);
  const cyan = (text: string) => (colour ? `\x1b[36m${text}\x1b[0m` : text);
  let text = `${dim(`${"service".padEnd(9)}${"span".padEnd(names)} ${"start".padStart(9)} ${"duration".padStart(10)}`)}\n`;
  const visit = (node: SpanNode, prefix: string, branch: string, below: string) => {
    const what = node.name.replace(/\b[0-9a-f]{64}\b/g, (id) => id.slice(0, 12));
    const name = ellipsis(`${prefix}${branch}${what}`, names).padEnd(names);
    const when = `+${ms(node.start - start)}`.padStart(9);
    text += `${dim(node.service.padEnd(9).slice(0, 9))}${name} ${when} ${ms(node.duration).padStart(10)}  ${cyan(bar(node, start, total, bars)).trimEnd()}\n`;
    for (const [i, child] of node.children.entries()) {
      const last = i === node.children.length - 1;
      visit(child, prefix + below, last ? "└ " : "├ ", last ? "  " : "│ ");
    }
  };
  for (const root of roots) visit(root, "", "", "");
  return text;
}

/** Ends the recording, fetches what the daemon knows of this trace, and prints both. */
export async function printTrace(cli: Cli, name: string): Promise<void> {
  const { trace } = cli;
  trace.finish(name);
  let spans: readonly Span[] = trace.spans;
  try {
    const theirs = await cli.api.json<readonly Span[] | { spans: readonly Span[] }>(
      "GET",
      `/wharf/trace/${trace.traceId}`,
    );
    const known = new Set(spans.map((span) => span.spanId));
    const list = "spans" in theirs ? theirs.spans : theirs;
    spans = [...spans, ...list.filter((span) => !known.has(span.spanId))];
  } catch (error) {
    cli.warn(`the daemon gave no spans: ${error instanceof Error ? error.message : String(error)}`);
  }
  cli.err(`trace ${trace.traceId}\n${renderTrace(spans, cli.terminalSize(2)?.columns ?? 120, cli.colour(2))}`);
}
