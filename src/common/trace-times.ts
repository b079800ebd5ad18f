/** Where the time of a trace went: each moment belongs to the innermost span that is at work then. */
import type { Span, SpanNode } from "./trace.ts";

/** Spans in which nothing is done but waiting for what others tell of. */
const WAITING = /^(wait|run$|exit code$|task Wait$)|\/(wait|attach)$/;

interface Edge {
  readonly at: number;
  readonly node: SpanNode;
  readonly depth: number;
  readonly begins: boolean;
}

function edges(nodes: readonly SpanNode[], depth: number, list: Edge[]): Edge[] {
  for (const node of nodes) {
    if (!WAITING.test(node.name)) {
      list.push({ at: node.start, node, depth, begins: true });
      list.push({ at: node.start + node.duration, node, depth, begins: false });
    }
    edges(node.children, depth + 1, list);
  }
  return list;
}

/** Microseconds by service; together they are no more than the roots' durations. */
export function timesByService(roots: readonly SpanNode[]): Map<Span["service"], number> {
  const times = new Map<string, number>();
  const active = new Map<SpanNode, number>();
  let before = 0;
  for (const { at, node, depth, begins } of edges(roots, 0, []).sort((a, b) => a.at - b.at)) {
    let inner: SpanNode | undefined;
    for (const [one, deep] of active) if (!inner || deep > active.get(inner)!) inner = one;
    if (inner) times.set(inner.service, (times.get(inner.service) ?? 0) + at - before);
    before = at;
    if (begins) active.set(node, depth);
    else active.delete(node);
  }
  return times;
}
