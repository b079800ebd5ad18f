import assert from "node:assert/strict";
import { test } from "node:test";
import type { Envelope } from "../api/events.ts";
import { rejects } from "../conformance/harness.ts";
import { EventHub } from "./hub.ts";
import { decodeEvent, imageCreate } from "./messages.ts";

const message = (name: string) => imageCreate({ name });

test("a reader that falls too far behind is ended, others are not", async () => {
  const hub = new EventHub(100);
  const slow = hub.subscribe()[Symbol.asyncIterator]();
  const fast = hub.subscribe()[Symbol.asyncIterator]();
  for (let i = 0; i < 101; i++) {
    hub.emit("a", message(String(i)));
    await fast.next();
  }
  await rejects(slow.next(), "ResourceExhausted");
  hub.emit("a", message("last"));
  assert.equal((await fast.next()).value?.topic, "/images/create");
});

test("a reader within the bound gets everything, however late it reads", async () => {
  const hub = new EventHub(100);
  const events = hub.subscribe(['event.name~="^[0-9]5$"']);
  for (let i = 0; i < 100; i++) hub.emit("a", message(String(i)));
  let count = 0;
  hub[Symbol.dispose]();
  for await (const _ of events) count++;
  assert.equal(count, 9);
});

test("readers at their own pace, come early or late, get what is theirs and in order", async () => {
  const hub = new EventHub();
  const name = async (reader: AsyncIterator<Envelope>) =>
    decodeEvent((await reader.next()).value!.event)!.name as string;
  const emit = (from: number, to: number) => {
    for (let i = from; i < to; i++) hub.emit("a", message(String(i)));
  };
  emit(0, 1000);
  const slow = hub.subscribe()[Symbol.asyncIterator]();
  const gone = new AbortController();
  const leaves = hub.subscribe([], { signal: gone.signal })[Symbol.asyncIterator]();
  const fast = hub.subscribe()[Symbol.asyncIterator]();
  emit(1000, 3000);
  for (let i = 1000; i < 3000; i++) assert.equal(await name(fast), String(i));
  assert.equal(await name(slow), "1000");
  assert.equal(await name(leaves), "1000");
  gone.abort();
  const late = hub.subscribe()[Symbol.asyncIterator]();
  emit(3000, 6000);
  for (let i = 1001; i < 6000; i++) assert.equal(await name(slow), String(i));
  for (let i = 3000; i < 6000; i++) assert.deepEqual([await name(fast), await name(late)], [String(i), String(i)]);
  assert.equal((await leaves.next()).done, true);
  const waiting = name(late);
  emit(6000, 6001);
  assert.equal(await waiting, "6000");
});

test("subscribe() refuses a bad filter at once", () => {
  assert.throws(() => new EventHub().subscribe(["topic="]), { code: "InvalidArgument" });
});

test("what came late is told to those, too, who subscribe shortly after the start", async (t) => {
  t.mock.timers.enable({ apis: ["Date"] });
  const hub = new EventHub();
  hub.emit("a", message("early"), true);
  hub.emit("a", message("not of before"));
  const soon = hub.subscribe(['event.name=="early"'])[Symbol.asyncIterator]();
  assert.equal((await soon.next()).value?.topic, "/images/create");
  t.mock.timers.tick(11_000);
  const later = hub.subscribe();
  hub[Symbol.dispose]();
  assert.equal((await soon.next()).done, true);
  for await (const { topic } of later) assert.fail(topic);
});
