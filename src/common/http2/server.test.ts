import assert from "node:assert/strict";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { Http2Client } from "./client.ts";
import { encodeHeaders } from "./hpack.ts";
import { type HeaderRecord, Http2Server, type ServerStream, type StreamReceiver } from "./server.ts";

const HEAD = encodeHeaders([[":status", "200"]]);
const TRAILERS = encodeHeaders([["grpc-status", "0"]]);

/** What was heard of the last request. */
let gone = 0;
let last: { headers: HeaderRecord; server: Http2Server; stream: ServerStream };
let server: Server;
const sockets: Socket[] = [];
let session: ClientHttp2Session | undefined;

/** /echo sends back what comes as it comes, /big as many bytes as the query says, /early answers at once, /hang never. */
function answer(stream: ServerStream, { ":path": path }: HeaderRecord): StreamReceiver {
  const [name, count] = path!.split("?");
  if (name === "/early")
    stream.headers(encodeHeaders([[":status", "200"] as const, ["grpc-status", "5"] as const]), true);
  else if (name !== "/hang") stream.headers(HEAD);
  const big = async () => {
    const block = new Uint8Array(300_000).fill(7);
    for (let left = Number(count); left > 0; left -= block.length) await stream.write(block.subarray(0, left));
    stream.trailers(TRAILERS);
  };
  return {
    data: (bytes) => {
      if (name !== "/echo") return;
      const room = stream.write(bytes);
      if (!room) return;
      stream.pause();
      room.then(
        () => stream.resume(),
        () => {},
      );
    },
    end: () => {
      if (name === "/echo") stream.trailers(TRAILERS);
      else if (name === "/big") void big().catch(() => {});
    },
    gone: () => void gone++,
  };
}

/** As the daemon's transport, without its care for turns. */
function serve(socket: Socket): void {
  sockets.push(socket);
  let held = false;
  const flush = () => {
    if (held || socket.destroyed) return;
    for (const part of http2.outbox.take()) socket.write(part);
    held = socket.writableNeedDrain;
    http2.taken(held);
  };
  const http2: Http2Server = new Http2Server(
    (stream, headers) => {
      last = { headers, server: http2, stream };
      return answer(stream, headers);
    },
    () => process.nextTick(flush),
  );
  socket.on("data", (chunk) => http2.receive(chunk as Buffer));
  socket.on("drain", () => {
    held = false;
    flush();
  });
  socket.on("end", () => socket.destroy());
  socket.on("error", () => {});
  socket.on("close", () => http2.close());
}

const port = () => (server.address() as AddressInfo).port;

function request(path: string, headers: Record<string, string | string[]> = {}, end = false): ClientHttp2Stream {
  session ??= connectHttp2(`http://127.0.0.1:${port()}`, {
    maxSessionMemory: 256,
    settings: { initialWindowSize: 1 << 20, maxFrameSize: 1 << 18 },
  });
  return session.request({ ":method": "POST", ":path": path, ...headers }, { endStream: end });
}

/** Bytes of the body and the trailers. */
function response(stream: ClientHttp2Stream): Promise<{ bytes: Buffer; trailers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let trailers = {};
    stream.on("response", (headers) => void (trailers = headers));
    stream.on("trailers", (headers) => void (trailers = headers));
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", reject);
    stream.on("close", () => resolve({ bytes: Buffer.concat(parts), trailers }));
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition());
}

before(async () => {
  server = createServer({ allowHalfOpen: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  session?.destroy();
  session = undefined;
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test("calls of node:http2 are answered, many at once, and their headers are read", async () => {
  const metadata = { "x-name": ["a", "b"], "x-bin": "AAEC", "grpc-timeout": "5S" };
  const calls = Array.from({ length: 300 }, (_, i) => {
    const stream = request("/echo", { ...metadata, "x-own": `${i % 3}` });
    stream.end(`call ${i}`);
    return response(stream);
  });
  for (const [i, { bytes, trailers }] of (await Promise.all(calls)).entries()) {
    assert.equal(bytes.toString(), `call ${i}`);
    assert.equal(trailers["grpc-status"], "0");
  }
  const { headers } = last;
  assert.deepEqual(
    ["x-name", "x-bin", "grpc-timeout", ":path"].map((name) => headers[name]),
    ["a, b", "AAEC", "5S", "/echo"],
  );
  assert.equal(last.server.pending, 0);
});

test("bodies far above all windows go both ways", async () => {
  const size = 20_000_000;
  const big = response(request(`/big?${size}`, {}, true));
  const small = await response(request("/big?10", {}, true));
  assert.equal(small.bytes.length, 10, "a small one is not kept waiting by a big one");
  const { bytes, trailers } = await big;
  assert.deepEqual([bytes.length, trailers["grpc-status"]], [size, "0"]);
  assert.ok(bytes.equals(Buffer.alloc(size, 7)));
  const sent = Buffer.alloc(12_000_000, "0123456789");
  const echo = request("/echo");
  const answered = response(echo);
  echo.end(sent);
  assert.equal(Buffer.compare((await answered).bytes, sent), 0);
});

test("our own client gets what it asks for", async () => {
  const socket = connect(port(), "127.0.0.1");
  const client = new Http2Client((bytes) => socket.write(bytes));
  socket.on("data", (chunk) => client.receive(chunk as Buffer));
  const got: unknown[] = [];
  let size = 0;
  await new Promise<void>((resolve) => {
    const head = [[":method", "POST"] as const, [":scheme", "http"] as const, [":path", "/big?9000000"] as const];
    const stream = client.request(
      [...head, [":authority", "%2Frun%2Fx.sock"] as const, ["long", "v".repeat(40_000)] as const],
      {
        headers: (headers) => got.push(headers),
        data: (bytes) => {
          size += bytes.length;
          stream.consumed(bytes.length);
        },
        closed: (error) => {
          got.push(error);
          resolve();
        },
      },
    );
    stream.end();
  });
  assert.deepEqual(got, [[[":status", "200"]], [["grpc-status", "0"]], undefined]);
  assert.equal(size, 9_000_000);
  assert.equal(last.headers["long"]?.length, 40_000);
  socket.destroy();
});

test("an answer before the end of the request ends the stream", async () => {
  const stream = request("/early");
  stream.write("more follows");
  const { trailers } = await response(stream);
  assert.equal(trailers["grpc-status"], "5");
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
});

test("a client that resets or goes away is noticed, and its writer is told", async () => {
  gone = 0;
  const stream = request("/hang");
  stream.on("error", () => {});
  stream.write("x");
  const before = last;
  await until(() => last !== before);
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => gone === 1);
  await assert.rejects(last.stream.write(new Uint8Array(1))!, { code: "Canceled" });
  const other = request("/big?100000000", {}, true);
  other.on("error", () => {});
  await new Promise((resolve) => other.once("response", resolve));
  session!.destroy();
  await until(() => gone === 2 && last.server.pending === 0);
});
