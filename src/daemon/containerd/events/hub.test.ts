import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Envelope } from "../api/events.ts";
import { rejects } from "../conformance/harness.ts";
import { EventHub } from "./hub.ts";
import { decodeEvent, imageCreate, taskDelete, taskExit } from "./messages.ts";

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

const exit = (containerId: string, id = containerId) => taskExit({ containerId, id, pid: 7 });

function told(hub: EventHub, filters: string[] = []): string[] {
  const got: string[] = [];
  const read = async () => {
    for await (const { topic, event } of hub.subscribe(filters)) got.push(`${topic} ${decodeEvent(event)?.id ?? ""}`);
  };
  read().catch((error) => got.push(String(error)));
  return got;
}

test("an event whose bytes are not of its type ends nobody's subscription, whatever it asks for", async () => {
  const hub = new EventHub();
  const all = told(hub);
  const some = told(hub, ["event.container_id==c"]);
  const value = Uint8Array.of(10, 0xff);
  for (const type of ["TaskExit", "TaskDelete"])
    hub.emit("a", { topic: "/tasks/broken", event: { typeUrl: `containerd.events.${type}`, value } });
  hub.emit("a", exit("c"));
  await nextTurn();
  assert.deepEqual([all, some], [["/tasks/broken ", "/tasks/broken ", "/tasks/exit c"], ["/tasks/exit c"]]);
});

test("what came late is told after a while, to those, too, who subscribe shortly after the start", async (t) => {
  t.mock.timers.enable({ apis: ["Date", "setTimeout"] });
  const hub = new EventHub();
  const before = told(hub);
  hub.emit("a", exit("c"), true);
  const soon = told(hub, ['topic=="/tasks/exit"']);
  hub.emit("a", message("not of before"));
  await nextTurn();
  assert.deepEqual([before, soon], [["/images/create "], []]);
  t.mock.timers.tick(2000);
  await nextTurn();
  assert.deepEqual([before, soon], [["/images/create ", "/tasks/exit c"], ["/tasks/exit c"]]);
  t.mock.timers.tick(9000);
  const later = told(hub);
  hub[Symbol.dispose]();
  await nextTurn();
  assert.deepEqual(later, []);
});

test("an end that came late is told before the deletion of its process, and to those who still listen at the end", async (t) => {
  t.mock.timers.enable({ apis: ["Date", "setTimeout"] });
  const hub = new EventHub();
  const got = told(hub);
  for (const one of [exit("c"), exit("c", "e"), exit("d"), exit("other")]) hub.emit("a", one, true);
  hub.hasten("b", "c");
  await nextTurn();
  assert.deepEqual(got, [], "another namespace's");
  hub.hasten("a", "c", "e");
  await nextTurn();
  assert.deepEqual(got.splice(0), ["/tasks/exit e"]);
  hub.emit("a", taskDelete({ containerId: "d", id: "d", pid: 7 }));
  await nextTurn();
  assert.deepEqual(got.splice(0), ["/tasks/exit d", "/tasks/delete d"]);
  hub.emit("a", taskDelete({ containerId: "c", id: "c", pid: 7 }), true);
  await nextTurn();
  assert.deepEqual(got.splice(0), ["/tasks/exit c", "/tasks/delete c"]);
  const alone = new EventHub();
  const heard = told(alone);
  await nextTurn();
  alone.emit("a", taskDelete({ containerId: "e", id: "e", pid: 7 }), true);
  await nextTurn();
  assert.deepEqual(heard, ["/tasks/delete e"]);
  hub[Symbol.dispose]();
  await nextTurn();
  assert.deepEqual(got, ["/tasks/exit other"]);
});
