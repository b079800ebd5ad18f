import assert from "node:assert/strict";
import { test } from "node:test";
import { rejects } from "../conformance/harness.ts";
import { EventHub } from "./hub.ts";
import { imageCreate } from "./messages.ts";

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
