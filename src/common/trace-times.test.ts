import assert from "node:assert/strict";
import { test } from "node:test";
import { spanTree } from "./trace.ts";
import { timesByService } from "./trace-times.ts";

test("timesByService() gives each moment to the innermost span; waiting counts for nobody", () => {
  const span = (spanId: string, parentId: string | undefined, service: string, name: string, at: [number, number]) => ({
    ...{ traceId: "t", spanId, parentId, service, name, start: at[0], duration: at[1] - at[0] },
  });
  const spans = [
    span("1", undefined, "wharf", "wharf run", [0, 100]),
    span("2", "1", "wharf", "start", [10, 60]),
    span("3", "2", "wharfd", "POST /containers/x/start", [20, 50]),
    span("4", "3", "shim", "task Create", [30, 40]),
    span("5", "1", "wharfd", "POST /containers/x/wait", [5, 95]),
    span("6", "3", "shim", "task Wait", [42, 90]),
  ];
  const times = timesByService(spanTree(spans));
  assert.deepEqual([...times].sort(), [
    ["shim", 10],
    ["wharf", 70],
    ["wharfd", 20],
  ]);
});
