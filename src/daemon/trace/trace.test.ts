import assert from "node:assert/strict";
import { test } from "node:test";
import { newSpanId, newTraceId } from "./ids.ts";
import { SpanRing } from "./ring.ts";
import { inContext, spansOf, startSpan, withSpan } from "./trace.ts";

test("ids are hex of their length, and none comes twice", () => {
  const spans = Array.from({ length: 2000 }, newSpanId);
  const traces = Array.from({ length: 2000 }, newTraceId);
  for (const id of spans) assert.match(id, /^[0-9a-f]{16}$/);
  for (const id of traces) assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(new Set([...spans, ...traces]).size, 4000);
});

test("SpanRing keeps the newest, oldest first", () => {
  const ring = new SpanRing(3, "test");
  for (const i of [1, 2, 3, 4]) ring.add("t", `s${i}`, i === 1 ? undefined : "s1", `n${i}`, i * 10.4, i, undefined);
  ring.add("other", "s5", undefined, "n5", 50, 5, { a: 1 });
  assert.deepEqual(
    ring.of("t").map(({ spanId, parentId, start }) => [spanId, parentId, start]),
    [
      ["s3", "s1", 31],
      ["s4", "s1", 42],
    ],
  );
  assert.deepEqual(ring.of("other"), [
    { traceId: "other", spanId: "s5", name: "n5", service: "test", start: 50, duration: 5, attributes: { a: 1 } },
  ]);
  assert.deepEqual(ring.of("none"), []);
});

test("a span is recorded once, below the one it was made in, with what was set and what failed", async () => {
  const root = startSpan("root", { first: 1 });
  await inContext(root.context, () => withSpan("child", (span) => span.set("second", "two")));
  await assert.rejects(
    inContext(root.context, () => withSpan("bad", () => Promise.reject(new Error("no")))),
    /no/,
  );
  root.end();
  root.end();
  const spans = spansOf(root.context.traceId);
  assert.deepEqual(
    spans.map(({ name, parentId, attributes }) => [name, parentId, attributes]),
    [
      ["child", root.context.spanId, { second: "two" }],
      ["bad", root.context.spanId, { error: "no" }],
      ["root", undefined, { first: 1 }],
    ],
  );
  assert.ok(spans.every(({ start, duration }) => Number.isInteger(start) && duration >= 0));
});
