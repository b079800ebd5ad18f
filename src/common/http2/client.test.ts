import assert from "node:assert/strict";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { WharfError } from "../errors.ts";
import { grpcClient } from "../grpc/client.ts";
import { frame, MessageReader } from "../grpc/message.ts";
import { message, method, service } from "../protobuf/schema.ts";
import { Http2Client } from "./client.ts";
import { encodeFrame, FLAG, FRAME } from "./frames.ts";
import { encodeHeaders, HeaderDecoder } from "./hpack.ts";
import { decodeHuffman } from "./huffman.ts";

interface Blob {
  data: Uint8Array;
  text: string;
}
const Blob = message<Blob>("test.Blob", [
  [1, "data", "bytes"],
  [2, "text", "string"],
]);
const TestService = service("test.Test", {
  unary: method("Unary", Blob, Blob, "unary"),
  fail: method("Fail", Blob, Blob, "unary"),
  chat: method("Chat", Blob, Blob, "bidiStream"),
  hang: method("Hang", Blob, Blob, "serverStream"),
});

let server: Http2Server;
let socket: Socket;
let http2: Http2Client;
/** Of the test's first stream: that the server has it, and that it was aborted. */
let opened: PromiseWithResolvers<void>;
let aborted: PromiseWithResolvers<void>;

/** Node's own HTTP/2, answering as a gRPC server does. */
function serve(stream: ServerHttp2Stream, path: string): void {
  const reader = new MessageReader();
  const trailers: Record<string, string> = { "grpc-status": "0", "x-long": "v".repeat(300) };
  if (path.endsWith("Fail")) {
    stream.respond({ ":status": 200, "grpc-status": "5", "grpc-message": "no such %C3%BCber" }, { endStream: true });
    return;
  }
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  if (path.endsWith("Hang")) return;
  stream.on("data", (chunk) => {
    // back pressure: what the client does not take is not asked for
    reader.push(chunk as Uint8Array, (bytes) => {
      if (stream.write(frame(bytes.slice()))) return;
      stream.pause();
      stream.once("drain", () => stream.resume());
    });
  });
  stream.on("end", () => stream.end());
}

before(async () => {
  server = createServer({ settings: { maxConcurrentStreams: 1000 } });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("aborted", aborted.resolve);
    opened.resolve();
    stream.on("error", () => {});
    serve(stream, String(headers[":path"]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
beforeEach(() => {
  [opened, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  socket?.destroy();
  socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const client = new Http2Client((bytes) => socket.write(bytes));
  // as in the linux world: one buffer, used again
  const buffer = new Uint8Array(1 << 20);
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += buffer.length) {
      const length = chunk.copy(buffer, 0, at);
      client.receive(buffer.subarray(0, length));
    }
  });
  socket.on("close", () => client.close());
  http2 = client;
});
after(() => {
  socket.destroy();
  server.close();
});

const client = () => grpcClient(() => http2, TestService);

test("calls are answered, one after the other and many at once", async () => {
  for (let i = 0; i < 20; i++) assert.equal((await client().unary({ text: `one ${i}` })).text, `one ${i}`);
  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => client().unary({ text: `${i}` })));
  assert.deepEqual(
    many.map(({ text }) => text),
    Array.from({ length: 200 }, (_, i) => `${i}`),
  );
  assert.equal(http2.pending, 0);
});

test("a failed call says why", async () => {
  await assert.rejects(client().fail({}), (error: WharfError) => {
    assert.deepEqual([error.code, error.message], ["NotFound", "no such über"]);
    return true;
  });
});

test("bodies far above all windows go both ways at once", async () => {
  const data = new Uint8Array(700_000).map((_, i) => i * 7);
  async function* requests() {
    for (let i = 0; i < 60; i++) yield { data, text: String(i) };
  }
  let count = 0;
  for await (const answer of client().chat(requests())) {
    assert.equal(answer.text, String(count++));
    assert.equal(Buffer.compare(answer.data, data), 0);
  }
  assert.equal(count, 60);
});

test("a reader that stops, and a signal, end the call on the other side too", async () => {
  const controller = new AbortController();
  const hanging = client().hang({}, { signal: controller.signal })[Symbol.asyncIterator]();
  const next = hanging.next();
  await opened.promise;
  controller.abort();
  await assert.rejects(next, { code: "Canceled" });
  await aborted.promise;
  for await (const answer of client().chat([{ text: "x" }] as unknown as AsyncIterable<Blob>)) {
    assert.equal(answer.text, "x");
    break;
  }
  assert.equal(http2.pending, 0);
});

test("a lost connection ends every call, and later ones", async () => {
  const hanging = client().hang({})[Symbol.asyncIterator]().next();
  setTimeout(() => socket.destroy(), 20);
  await assert.rejects(hanging, { code: "Unavailable" });
  assert.throws(() => void client().unary({}), { code: "Unavailable" });
});

test("headers are read from Huffman codes and the table, however the block is cut into frames", () => {
  // RFC 7541, C.6.1 and C.6.2
  const first = Buffer.from(
    "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    "hex",
  );
  const decoder = new HeaderDecoder(256);
  assert.deepEqual(decoder.decode(first), [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ]);
  assert.deepEqual(decoder.decode(Buffer.from("4883640effc1c0bf", "hex"))[0], [":status", "307"]);
  assert.throws(() => decodeHuffman(Uint8Array.of(0)), { code: "InvalidArgument" });
  assert.throws(() => new HeaderDecoder().decode(Uint8Array.of(0xff, 0x00)), { code: "InvalidArgument" });
  assert.throws(() => new HeaderDecoder().decode(Uint8Array.of(0x40)), { code: "InvalidArgument" });
  const list = [
    [":method", "POST"],
    [":path", "/x"],
    ["te", "trailers"],
    ["long", "ü".repeat(3000)],
  ] as const;
  assert.deepEqual(new HeaderDecoder().decode(encodeHeaders(list)), list);

  const got: unknown[] = [];
  const alone = new Http2Client(() => {});
  alone.request([], { headers: (headers) => got.push(headers), data: () => {}, closed: (error) => got.push(error) });
  const block = encodeHeaders(list);
  const bytes = Buffer.concat([
    encodeFrame(FRAME.HEADERS, FLAG.END_STREAM, 1, block.subarray(0, 5)),
    encodeFrame(FRAME.CONTINUATION, 0, 1, block.subarray(5, 9)),
    encodeFrame(FRAME.CONTINUATION, FLAG.END_HEADERS, 1, block.subarray(9)),
  ]);
  for (const byte of bytes) alone.receive(Uint8Array.of(byte));
  assert.deepEqual(got, [list, undefined]);
});

test("what breaks the protocol closes the connection", () => {
  for (const bad of [
    encodeFrame(FRAME.CONTINUATION, 0, 1, new Uint8Array(1)),
    encodeFrame(FRAME.PUSH_PROMISE, 0, 1, new Uint8Array(4)),
    encodeFrame(FRAME.DATA, FLAG.PADDED, 1, Uint8Array.of(9, 0)),
    Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0),
  ]) {
    let failure: WharfError | undefined;
    const broken = new Http2Client(() => {});
    broken.request([], { headers: () => {}, data: () => {}, closed: (error) => void (failure = error) });
    assert.throws(() => broken.receive(bad), WharfError);
    assert.equal(failure?.code, "Unavailable");
    assert.equal(broken.usable, false);
  }
});
