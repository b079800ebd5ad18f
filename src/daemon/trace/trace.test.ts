import assert from "node:assert/strict";
import { test } from "node:test";
import { newSpanId } from "./ids.ts";
import { SpanRing } from "./ring.ts";
import { contextFromHeader, currentTraceparent, inContext, spansOf, startSpan, withSpan } from "./trace.ts";

/** A caller's. */
const TRACE = "0123456789abcdef0123456789abcdef";
const CALLER = contextFromHeader(`00-${TRACE}-00000000000000aa-01`);

test("ids are hex of their length, and none comes twice", () => {
  const spans = Array.from({ length: 2000 }, newSpanId);
  for (const id of spans) assert.match(id, /^[0-9a-f]{16}$/);
  assert.equal(new Set(spans).size, 2000);
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
  const root = startSpan("root", { first: 1 }, CALLER);
  await inContext(root.context, () => withSpan("child", (span) => span.set("second", "two")));
  await assert.rejects(
    inContext(root.context, () => withSpan("bad", () => Promise.reject(new Error("no")))),
    /no/,
  );
  root.end();
  root.end();
  const spans = spansOf(TRACE);
  const rootId = root.context!.spanId;
  assert.deepEqual(
    spans.map(({ name, parentId, attributes }) => [name, parentId, attributes]),
    [
      ["child", rootId, { second: "two" }],
      ["bad", rootId, { error: "no" }],
      ["root", "00000000000000aa", { first: 1 }],
    ],
  );
  assert.ok(spans.every(({ start, duration }) => Number.isInteger(start) && duration >= 0));
});

test("a step of no trace is carried out without one, within another's too", async () => {
  const inner = () =>
    withSpan("step", async (span) => {
      await null;
      return [span.context, currentTraceparent()];
    });
  assert.deepEqual(await inner(), [undefined, undefined]);
  await assert.rejects(
    withSpan("bad", () => Promise.reject(new Error("no"))),
    /no/,
  );
  const within = startSpan("outer", undefined, CALLER);
  await inContext(within.context, async () => {
    assert.equal(currentTraceparent(), `00-${TRACE}-${within.context!.spanId}-01`);
    assert.deepEqual(await inContext(undefined, inner), [undefined, undefined]);
    assert.equal(currentTraceparent(), `00-${TRACE}-${within.context!.spanId}-01`);
  });
});
