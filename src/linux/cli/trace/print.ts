// `--trace`: the spans of one call, the CLI's and the daemon's, as a tree with bars on stderr.
import { displayWidth, ellipsis } from "../../../common/cli/width.ts";
import { type Span, type SpanNode, spanTree } from "../../../common/trace.ts";
import { timesByService } from "../../../common/trace-times.ts";
import type { Cli } from "../cli.ts";

const NAME_COLUMNS = 60;
const BAR_COLUMNS = 40;

/** Who is who, from the top to the kernel. */
const SERVICES: Readonly<Record<string, string>> = {
  wharf: "this program, the command line",
  wharfd: "the daemon: Docker's API, images, snapshots, containers",
  agent: "the daemon's hands: mounts, networks, starting shims",
  shim: "the container's keeper, which stays with it",
  runt: "the runtime, step by step in the kernel",
};

function ms(us: number): string {
  return us >= 1e6 ? `${(us / 1e6).toFixed(2)} s ` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
}

function bar(node: Span, start: number, total: number, columns: number): string {
  const scale = (us: number) => Math.round((us / Math.max(total, 1)) * columns);
  const from = Math.min(Math.max(scale(node.start - start), 0), columns - 1);
  const length = Math.max(1, Math.min(scale(node.duration), columns - from));
  return `${" ".repeat(from)}${"█".repeat(length)}`.padEnd(columns);
}

/** Cut in the middle: what a mount is on stands at the end. */
function shorten(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  const tail = Math.floor(columns / 2);
  return `${ellipsis(text, Math.max(1, columns - tail))}${text.slice(-tail)}`;
}

/** Lines of the tree, and what each service took of the time. */
export function renderTrace(spans: readonly Span[], width: number, colour: boolean): string {
  const roots = spanTree(spans);
  const start = Math.min(...spans.map((span) => span.start));
  const total = Math.max(...spans.map((span) => span.start + span.duration)) - start;
  const names = Math.min(NAME_COLUMNS, Math.max(20, width - 34 - BAR_COLUMNS, Math.min(46, width - 40)));
  const bars = Math.max(10, Math.min(BAR_COLUMNS, width - names - 34));
  const dim = (text: string) => (colour ? `\x1b[90m${text}\x1b[0m` : text);
  const cyan = (text: string) => (colour ? `\x1b[36m${text}\x1b[0m` : text);
  const red = (text: string) => (colour ? `\x1b[31m${text}\x1b[0m` : text);
  let text = `${dim(`${"service".padEnd(9)}${"span".padEnd(names)} ${"start".padStart(9)} ${"duration".padStart(10)}`)}\n`;
  const visit = (node: SpanNode, prefix: string, branch: string, below: string) => {
    const what = node.name.replace(/\b[0-9a-f]{64}\b/g, (id) => id.slice(0, 12));
    const failed = node.attributes?.error !== undefined;
    const shown = shorten(what, names - prefix.length - branch.length - (failed ? 2 : 0));
    const name = `${prefix}${branch}${failed ? `✗ ${shown}` : shown}`.padEnd(names);
    const when = `+${ms(node.start - start)}`.padStart(9);
    text += `${dim(node.service.padEnd(9).slice(0, 9))}${name} ${when} ${ms(node.duration).padStart(10)}  ${(failed ? red : cyan)(bar(node, start, total, bars).trimEnd())}\n`;
    for (const [i, child] of node.children.entries()) {
      const last = i === node.children.length - 1;
      visit(child, prefix + below, last ? "└ " : "├ ", last ? "  " : "│ ");
    }
  };
  for (const root of roots) visit(root, "", "", "");
  const times = timesByService(roots);
  text += "\n";
  for (const service of new Set([...Object.keys(SERVICES), ...times.keys()])) {
    const time = times.get(service);
    if (time !== undefined)
      text += `${dim(service.padEnd(9))}${ms(time).padStart(9)}  ${dim(SERVICES[service] ?? "")}`.trimEnd() + "\n";
  }
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
