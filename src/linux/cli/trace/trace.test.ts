import { loop } from "../../sys/loop.ts";
import { randomBytes } from "../../sys/time.ts";
import { equal, ok, test } from "../../testing.ts";
import { renderTrace } from "./print.ts";
import { Recorder } from "./recorder.ts";

const span = (spanId: string, parentId: string | undefined, name: string, start: number, duration: number) => ({
  ...{ traceId: "t", spanId, parentId, name, service: "wharf", start, duration },
});

test("renderTrace() draws the tree with starts and bars to scale", () => {
  const id = "0123456789abcdef".repeat(4);
  const spans = [
    span("1", undefined, "all", 1000, 10_000),
    span("2", "1", "first", 1000, 5000),
    span("3", "2", `GET /c/${id}`, 3500, 2500),
    span("4", "1", "last", 6000, 5000),
  ];
  const [tree, times] = renderTrace(spans, 120, false).split("\n\n");
  const lines = tree!.split("\n");
  equal(times, "wharf      10.0 ms  this program, the command line\n");
  equal(
    lines.map((line) => line.slice(9, 30).trimEnd()),
    ["span", "all", "├ first", "│ └ GET /c/0123456789", "└ last"],
  );
  const bars = lines.slice(1).map((line) => line.slice(line.indexOf("ms ", 70) + 4));
  equal(
    bars.map((bar) => bar.trim().length),
    [40, 20, 10, 20],
  );
  ok(lines[4]!.includes("+5.00 ms") && lines[3]!.includes("2.50 ms"), lines.join("\n"));
});

test("renderTrace() marks what failed, and cuts long names in the middle", () => {
  const failed = {
    ...span("2", "1", `mount bind "/${"a".repeat(80)}" on "/etc/hosts"`, 1000, 10),
    attributes: { error: "x" },
  };
  const text = renderTrace([span("1", undefined, "all", 1000, 20), failed], 100, false);
  ok(/^wharf +└ ✗ mount bind "\/a+….*on "\/etc\/hosts" +\+/m.test(text), text);
  ok(
    text.split("\n").every((line) => line.length <= 100),
    text,
  );
});

test("Recorder: requests carry the span they belong to, spans hang below the call", async () => {
  const recorder = new Recorder(undefined, randomBytes);
  ok(recorder.traceparent().endsWith("-00"), "not sampled before record()");
  recorder.record();
  let inside = "";
  await recorder.span("step", async () => {
    inside = recorder.traceparent();
    await loop().sleep(2);
  });
  const outside = recorder.traceparent();
  recorder.finish("all");
  const [step, all] = recorder.spans;
  equal([inside.split("-")[2], outside.split("-")[2]], [step!.spanId, all!.spanId]);
  equal(step!.parentId, all!.spanId);
  ok(step!.duration >= 1900 && all!.duration >= step!.duration, "durations in microseconds");
  ok(inside.endsWith("-01"), "sampled");
});

test("Recorder takes the caller's context", () => {
  const outer = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const recorder = new Recorder(outer, randomBytes);
  equal([recorder.traceId, recorder.sampled], ["a".repeat(32), true]);
  recorder.finish("all");
  equal(recorder.spans[0]!.parentId, "b".repeat(16));
  equal(new Recorder("nonsense", randomBytes).sampled, false);
});
