import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatTraceparent,
  newSpanId,
  newTrace,
  parseTraceparent,
  type Span,
  spansFromLines,
  spanToLine,
  spanTree,
} from "./trace.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

test("parseTraceparent() reads the specification's example, and formatTraceparent() writes it back", () => {
  const text = `00-${TRACE}-${PARENT}-01`;
  const context = parseTraceparent(text);
  assert.deepEqual(context, { traceId: TRACE, spanId: PARENT, sampled: true });
  assert.equal(formatTraceparent(context!), text);
  assert.equal(parseTraceparent(`00-${TRACE}-${PARENT}-00`)?.sampled, false);
});

test("parseTraceparent() ignores what is malformed, and takes later versions with more fields", () => {
  for (const bad of [
    undefined,
    "",
    "00",
    `ff-${TRACE}-${PARENT}-01`,
    `00-${"0".repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01-extra`,
    `00-${TRACE}-${PARENT}`,
  ])
    assert.equal(parseTraceparent(bad), undefined, String(bad));
  assert.equal(parseTraceparent(`01-${TRACE}-${PARENT}-01-extra`)?.traceId, TRACE);
});

test("newSpanId() never answers all zeros", () => {
  let calls = 0;
  const random = (count: number) => new Uint8Array(count).fill(calls++ === 0 ? 0 : 0xab);
  assert.equal(newSpanId(random), "abababababababab");
  assert.equal(calls, 2);
  assert.match(newTrace((n) => new Uint8Array(n).fill(1), true).traceId, /^(01){16}$/);
});

test("spansFromLines() survives a half-written line, spanTree() orders by start", () => {
  const span = (spanId: string, start: number, parentId?: string): Span => ({
    traceId: TRACE,
    spanId,
    ...(parentId === undefined ? {} : { parentId }),
    name: spanId,
    service: "test",
    start,
    duration: 1,
  });
  const text =
    spanToLine(span("c", 3, "a")) + spanToLine(span("b", 2, "a")) + spanToLine(span("a", 1)) + '{"traceId": "4b';
  const spans = spansFromLines(`${text}\n"text"\n`);
  assert.equal(spans.length, 3);
  const [root, ...others] = spanTree([...spans, span("orphan", 0, "gone")]);
  assert.equal(root?.spanId, "orphan");
  assert.deepEqual(
    others[0]?.children.map((child) => child.name),
    ["b", "c"],
  );
});
