/** The contract of EventService, and which events the other services send. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromMillis } from "../../../common/timestamp.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type { Envelope } from "../api/events.ts";
import type { Containerd } from "../api.ts";
import { bytesOf, put, rejects, type SubjectFactory, skipped } from "./harness.ts";

const event = (text: string) => ({ typeUrl: "test.Event", value: new TextEncoder().encode(text) });
const textOf = (envelope: Envelope) => new TextDecoder().decode(envelope.event.value);

export function eventsSuite(name: string, create: SubjectFactory): void {
  const check = (title: string, body: (a: Containerd, b: Containerd) => Promise<void>) =>
    test(`${name}: events: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject.client("a"), subject.client("b"));
    });

  check("a subscriber gets all from its call on, in order, of all namespaces", async (a, b) => {
    await a.events.publish("/test/before", event("0"));
    using stop = abortable();
    const events = a.events.subscribe([], stop);
    for (let i = 1; i <= 300; i++) await (i % 2 ? a : b).events.publish("/test/x", event(String(i)));
    const got = await take(events, 300);
    assert.deepEqual(
      got.map(textOf),
      Array.from({ length: 300 }, (_, i) => String(i + 1)),
    );
    assert.deepEqual([got[0]!.namespace, got[1]!.namespace, got[0]!.topic], ["a", "b", "/test/x"]);
    assert.ok(got.every((envelope, i) => i === 0 || envelope.timestamp > got[i - 1]!.timestamp));
  });

  check("filters choose by namespace, topic and fields", async (a, b) => {
    using stop = abortable();
    const mine = a.events.subscribe(["namespace==a,topic~=^/images/"], stop);
    const named = a.events.subscribe(['event.name=="two"'], stop);
    const target = { mediaType: "m", digest: (await put(a.content, bytesOf(5))).digest, size: 5 };
    await b.images.create({ name: "one", target });
    await a.images.create({ name: "one", target });
    await a.images.create({ name: "two", target });
    await a.images.delete("two");
    assert.deepEqual(
      (await take(mine, 3)).map(({ topic }) => topic),
      ["/images/create", "/images/create", "/images/delete"],
    );
    assert.deepEqual(
      (await take(named, 2)).map(({ topic }) => topic),
      ["/images/create", "/images/delete"],
    );
  });

  check("a subscription ends by its signal, and by leaving it", async (a) => {
    const stop = new AbortController();
    let count = 0;
    const reading = (async () => {
      for await (const _ of a.events.subscribe([], { signal: stop.signal })) count++;
      return count;
    })();
    await a.events.publish("/test/x", event("1"));
    for (let i = 0; i < 3000 && count === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    assert.equal(await reading, 1);
    const left = a.events.subscribe();
    await a.events.publish("/test/x", event("2"));
    for await (const envelope of left) {
      assert.equal(textOf(envelope), "2");
      break;
    }
  });

  check("bad events are refused", async (a) => {
    for (const topic of ["", "x", "/", "/a//b", "/a b"])
      await rejects(a.events.publish(topic, event("")), "InvalidArgument");
    const whole = { timestamp: timestampFromMillis(5), namespace: "n", topic: "/a", event: event("") };
    await rejects(a.events.forward({ ...whole, namespace: "" }), "InvalidArgument");
    using stop = abortable();
    const events = a.events.subscribe(["namespace==n"], stop);
    await a.events.forward(whole);
    assert.deepEqual(await take(events, 1), [whole]);
  });

  check("every change is told", async (a) => {
    using stop = abortable();
    const events = a.events.subscribe(["namespace==a"], stop);
    const { digest } = await put(a.content, bytesOf(5));
    await a.images.create({ name: "i", target: { mediaType: "m", digest, size: 5 } });
    await a.images.update({ name: "i", target: { mediaType: "m", digest, size: 5 } });
    await a.snapshots().prepare("p", "");
    await a.snapshots().commit("one", "p", { usage: { size: 0, inodes: 0 } });
    await a.snapshots().remove("one");
    const spec = { typeUrl: SPEC_TYPE_URL, value: new Uint8Array() };
    await a.containers.create({ id: "c", runtime: { name: "io.x.y" }, spec });
    await a.containers.update({ id: "c", labels: { a: "b" } }, ["labels"]);
    await a.containers.delete("c");
    await a.content.delete(digest);
    const topics = [
      ...["/content/create", "/images/create", "/images/update", "/snapshot/prepare", "/snapshot/commit"],
      ...["/snapshot/remove", "/containers/create", "/containers/update", "/containers/delete", "/content/delete"],
    ];
    assert.deepEqual(
      (await take(events, topics.length)).map(({ topic }) => topic),
      topics,
    );
  });
}

function abortable(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}

async function take(events: AsyncIterable<Envelope>, count: number): Promise<Envelope[]> {
  const got: Envelope[] = [];
  for await (const envelope of events) {
    got.push(envelope);
    if (got.length === count) break;
  }
  return got;
}
