import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { WharfError } from "../../common/errors.ts";
import { frame, MAX_MESSAGE, type MessageLimits, MessageReader, RawMessage } from "../../common/grpc/message.ts";
import type { Headers } from "../../common/grpc/status.ts";
import { decode, encode } from "../../common/protobuf/codec.ts";
import { message, method, service } from "../../common/protobuf/schema.ts";
import { Call, type Exchange } from "./call.ts";
import type { CallContext } from "./context.ts";
import { Router } from "./router.ts";

interface Text {
  text: string;
}
const Text = message<Text>("test.Text", [[1, "text", "string"]]);
const TestService = service("test.Echo", {
  unary: method("Unary", Text, Text, "unary"),
  count: method("Count", Text, Text, "serverStream"),
  gather: method("Gather", Text, Text, "clientStream"),
  chat: method("Chat", Text, Text, "bidiStream"),
  left: method("Left", Text, Text, "unary"),
  now: method("Now", Text, Text, "unary"),
});

/** A transport in memory. */
class Fake implements Exchange {
  readonly texts: string[] = [];
  readonly flow: string[] = [];
  trailers: Readonly<Headers> | undefined;
  refused: number | undefined;
  /** Set, `send` waits for it. */
  room: Promise<void> | undefined;
  readonly #reader = new MessageReader();
  readonly call: Call;

  constructor(router: Router, name: string, headers: Headers = {}, limits?: MessageLimits) {
    const path = `/test.Echo/${name}`;
    this.call = new Call(
      router,
      { ":method": "POST", ":path": path, "content-type": "application/grpc", ...headers },
      this,
      limits,
    );
  }

  say(...texts: string[]): this {
    for (const text of texts) this.call.data(frame(encode(Text, { text })));
    return this;
  }

  send(first: Uint8Array): Promise<void> | undefined {
    assert.equal(this.trailers, undefined, "nothing is sent after the trailers");
    this.#reader.push(first, (bytes) => this.texts.push(decode(Text, bytes).text));
    return this.room;
  }

  finish(trailers: Readonly<Headers>): void {
    assert.equal(this.trailers, undefined, "a call ends once");
    this.trailers = trailers;
  }

  refuse(status: number): void {
    this.refused = status;
  }

  pause(): void {
    this.flow.push("pause");
  }

  resume(): void {
    this.flow.push("resume");
  }

  async done(): Promise<Readonly<Headers>> {
    for (let i = 0; i < 12_000 && !this.trailers; i++) await sleep(5);
    assert.ok(this.trailers, "the call has ended");
    return this.trailers;
  }
}

let seen: CallContext | undefined;
let ended = 0;
const router = new Router().add(
  TestService,
  {
    unary: async ({ text }, call) => {
      seen = call;
      if (text === "fail") throw new WharfError("AlreadyExists", "it is there", { subject: "s" });
      if (text === "wait") await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      return { text: text.toUpperCase() };
    },
    now: ({ text }) => {
      if (text === "fail") throw new WharfError("AlreadyExists", "it is there");
      return { text };
    },
    async *count({ text }) {
      try {
        for (let i = 0; i < Number(text); i++) yield { text: String(i) };
      } finally {
        ended++;
      }
    },
    gather: async (requests) => {
      let all = "";
      for await (const { text } of requests) all += text;
      return { text: all };
    },
    async *chat(requests) {
      for await (const { text } of requests) {
        if (text === "bye") return;
        yield { text: `re: ${text}` };
      }
    },
  },
  "it is not for tests",
);

test("a unary call is answered", async () => {
  const fake = new Fake(router, "Unary").say("hi");
  assert.equal(fake.texts.length, 0, "not before the client has ended its side");
  fake.call.end();
  assert.deepEqual(await fake.done(), { "grpc-status": "0" });
  assert.deepEqual(fake.texts, ["HI"]);
});

test("errors are told by trailers", async () => {
  const fake = new Fake(router, "Unary").say("fail");
  fake.call.end();
  assert.deepEqual(await fake.done(), { "grpc-status": "6", "grpc-message": "it is there" });
});

test("what a handler answers at once is sent at once, its error too, but for the method's first call", async () => {
  const first = new Fake(router, "Now").say("first");
  first.call.end();
  assert.equal(first.trailers, undefined);
  assert.deepEqual(await first.done(), { "grpc-status": "0" });
  const fake = new Fake(router, "Now").say("hi");
  fake.call.end();
  assert.deepEqual([fake.texts, fake.trailers], [["hi"], { "grpc-status": "0" }]);
  const failing = new Fake(router, "Now").say("fail");
  failing.call.end();
  assert.deepEqual(failing.trailers, { "grpc-status": "6", "grpc-message": "it is there" });
});

test("a client that goes away before it has fetched the answer harms nobody", async () => {
  for (const name of ["Now", "Unary"]) {
    const fake = new Fake(router, name);
    fake.room = Promise.reject(new WharfError("Canceled", "gone"));
    fake.say("hi").call.end();
    assert.deepEqual(await fake.done(), { "grpc-status": "0" });
    fake.call.gone();
  }
});

test("what is not served is named", () => {
  for (const [name, message] of [
    ["Left", "test.Echo/Left: it is not for tests"],
    ["Nope", "unknown method Nope for service test.Echo"],
  ]) {
    const { trailers } = new Fake(router, name!);
    assert.deepEqual(trailers, { "grpc-status": "12", "grpc-message": message });
  }
  const other = new Fake(new Router(), "Unary");
  assert.equal(other.trailers?.["grpc-message"], "unknown service test.Echo");
});

test("what is no gRPC is refused", () => {
  assert.equal(new Fake(router, "Unary", { "content-type": "text/plain" }).refused, 415);
  assert.equal(new Fake(router, "Unary", { ":method": "GET" }).refused, 405);
});

test("a call without message, with two, with half of one or with a broken one fails", async () => {
  const empty = new Fake(router, "Unary");
  empty.call.end();
  const two = new Fake(router, "Unary").say("a", "b");
  const half = new Fake(router, "Unary");
  half.call.data(Uint8Array.of(0, 0, 0, 0, 9, 1));
  half.call.end();
  for (const fake of [empty, two, half]) assert.equal((await fake.done())["grpc-status"], "13");
  const broken = new Fake(router, "Unary");
  broken.call.data(frame(Uint8Array.of(0x0a, 0x7f)));
  broken.call.end();
  assert.equal((await broken.done())["grpc-status"], "3");
});

test("a stream of answers waits while the client has no room", async () => {
  const fake = new Fake(router, "Count");
  const room = Promise.withResolvers<void>();
  fake.room = room.promise;
  fake.say("3").call.end();
  await sleep(10);
  assert.deepEqual(fake.texts, ["0"]);
  room.resolve();
  await fake.done();
  assert.deepEqual(fake.texts, ["0", "1", "2"]);
});

test("a client that goes away ends the stream it read", async () => {
  const before = ended;
  const fake = new Fake(router, "Count");
  const room = Promise.withResolvers<void>();
  fake.room = room.promise;
  fake.say("1000000").call.end();
  await sleep(5);
  fake.call.gone();
  room.resolve();
  for (let i = 0; i < 12_000 && ended === before; i++) await sleep(5);
  assert.equal(ended, before + 1);
  assert.ok(fake.texts.length < 10);
});

test("requests of a stream are read, and a fast client is held back", async () => {
  const fake = new Fake(router, "Gather").say(..."abc");
  const big = "x".repeat(700_000);
  fake.say(big, big);
  assert.deepEqual(fake.flow, ["pause"]);
  fake.call.end();
  await fake.done();
  assert.deepEqual(fake.flow, ["pause", "resume"]);
  assert.equal(fake.texts[0]?.length, 3 + 2 * big.length);
});

test("both sides of a stream speak in turn, and the server may end it", async () => {
  const fake = new Fake(router, "Chat").say("one");
  await sleep(5);
  assert.deepEqual(fake.texts, ["re: one"]);
  fake.say("two", "bye");
  assert.deepEqual(await fake.done(), { "grpc-status": "0" });
  assert.deepEqual(fake.texts, ["re: one", "re: two"]);
});

test("messages compressed by gzip are taken, and bounded when expanded", async () => {
  const compressed = (bytes: Uint8Array) => {
    const message = frame(gzipSync(bytes));
    message[0] = 1;
    return message;
  };
  const gzip = { "grpc-encoding": "gzip" };
  const fake = new Fake(router, "Gather", gzip).say("plain, ");
  fake.call.data(compressed(encode(Text, { text: "and gzip" })));
  fake.call.end();
  assert.deepEqual(await fake.done(), { "grpc-status": "0" });
  assert.deepEqual(fake.texts, ["plain, and gzip"]);
  const refused: [headers: Headers, message: Uint8Array, status: string][] = [
    [gzip, compressed(new Uint8Array(MAX_MESSAGE + 1)), "8"],
    [gzip, Uint8Array.of(1, 0, 0, 0, 1, 9), "13"],
    [{}, compressed(encode(Text, { text: "x" })), "13"],
    [{ "grpc-encoding": "br" }, frame(encode(Text, { text: "x" })), "12"],
  ];
  for (const [headers, message, status] of refused) {
    const bad = new Fake(router, "Unary", headers);
    bad.call.data(message);
    bad.call.end();
    assert.equal((await bad.done())["grpc-status"], status);
  }
});

test("an answer above the limit ends its call with ResourceExhausted, one in a stream after those before it", async () => {
  const limits = { receive: 100, send: 20 };
  const fitting = "x".repeat(20 - 2 - "re: ".length);
  const ask = async (name: string, ...texts: string[]) => {
    const fake = new Fake(router, name, {}, limits).say(...texts);
    fake.call.end();
    const { "grpc-status": status, "grpc-message": message } = await fake.done();
    return { status, message, texts: fake.texts };
  };
  assert.equal((await ask("Chat", fitting)).status, "0");
  const more = await ask("Chat", fitting, `${fitting}y`);
  assert.deepEqual([more.status, more.texts], ["8", [`re: ${fitting}`]]);
  assert.match(more.message!, /an answer of 21 bytes: at most 20 are sent/);
  assert.deepEqual(await ask("Unary", "y".repeat(99)).then(({ status, texts }) => [status, texts]), ["8", []]);
});

test("a few compressed bytes are no megabytes before somebody reads them", async () => {
  const bomb = frame(gzipSync(new Uint8Array(MAX_MESSAGE)));
  bomb[0] = 1;
  for (const name of ["Unary", "Gather"]) {
    const fake = new Fake(router, name, { "grpc-encoding": "gzip" });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < (name === "Unary" ? 1 : 20); i++) fake.call.data(bomb);
    assert.ok(process.memoryUsage().arrayBuffers - before < MAX_MESSAGE);
    fake.call.gone();
  }
  // what comes after the handler's end is nobody's
  const fake = new Fake(router, "Chat", { "grpc-encoding": "gzip" }).say("bye");
  fake.call.data(Uint8Array.of(1, 0, 0, 0, 1, 9));
  assert.deepEqual(await fake.done(), { "grpc-status": "0" });
});

test("a call without any time is over at once", async () => {
  const fake = new Fake(router, "Now", { "grpc-timeout": "0m" });
  assert.equal((await fake.done())["grpc-status"], "4");
});

test("a deadline ends the call and aborts its signal", async () => {
  const fake = new Fake(router, "Unary", { "grpc-timeout": "30m" }).say("wait");
  fake.call.end();
  assert.equal((await fake.done())["grpc-status"], "4");
  assert.equal(seen!.signal.aborted, true);
});

test("a cancelled call aborts its signal, also one that is asked for afterwards", async () => {
  const fake = new Fake(router, "Unary").say("wait");
  fake.call.end();
  await sleep(1);
  fake.call.gone();
  assert.equal((seen!.signal.reason as WharfError).code, "Canceled");
  const late = new Fake(router, "Chat");
  late.call.gone();
  assert.equal(late.call.signal.aborted, true);
});

test("a message in parts is sent in their order, and its `sent` goes with the last", async () => {
  const whole = Buffer.from(encode(Text, { text: "in parts" }));
  for (const cuts of [[0], [0, 3], [2, 4], [0, 2, 4, 5]]) {
    const parts = cuts.map((from, i) => whole.subarray(from, cuts[i + 1]));
    const seen: [bytes: number, sent: boolean][] = [];
    let sent = 0;
    const message = new RawMessage(whole.subarray(0, cuts[0]), parts, () => sent++);
    const answers = new Router().add(TestService, { unary: async () => message as never });
    const fake = new Fake(answers, "Unary").say("x");
    const { send } = fake;
    fake.send = (first: Uint8Array, second?: Uint8Array, told?: () => void) => {
      seen.push([first.length + (second?.length ?? 0), told !== undefined]);
      return send.call(fake, second ? Buffer.concat([first, second]) : first);
    };
    fake.call.end();
    await fake.done();
    assert.deepEqual(fake.texts, ["in parts"]);
    assert.deepEqual(
      seen.map(([, last]) => last),
      seen.map((_, i) => i === seen.length - 1),
    );
    assert.equal(sent, 0);
  }
});
