// Uploads that the agent sends, against servers that behave and servers that do not.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isCode } from "../../../src/common/errors.ts";
import { type Agent, startAgent } from "../../../src/daemon/agent/client.ts";
import { NetworkError } from "../../../src/daemon/registry/errors.ts";
import type { FileMover } from "../../../src/daemon/registry/http.ts";
import { Transport } from "../../../src/daemon/registry/http.ts";
import type { HttpResponse } from "../../../src/daemon/registry/message.ts";

const SIZE = 3 << 20;
const content = randomBytes(SIZE);
let dir: string;
let file: string;
let agent: Agent;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "send-file-"));
  file = join(dir, "blob");
  writeFileSync(file, content);
  agent = await startAgent({ state: dir, binary: join(import.meta.dirname, "../../../dist/bin/wharf-agent") });
});

after(async () => {
  await agent[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return new URL(`http://localhost:${(server.address() as AddressInfo).port}/v2/a/blobs/uploads/1?digest=x`);
}

async function serving<T>(listener: RequestListener, use: (url: URL) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  try {
    return await use(await listening(server));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A server below HTTP. */
async function accepting<T>(connection: (socket: Socket) => void, use: (url: URL) => Promise<T>): Promise<T> {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    connection(socket);
  });
  try {
    return await use(await listening(server));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

interface Upload {
  size?: number;
  path?: string;
  agent?: FileMover;
  signal?: AbortSignal;
  stall?: number;
  sent?: (bytes: number) => void;
}

/** Puts the file; without an agent it would come out of `open`, which nobody may ask for. */
async function put(url: URL, upload: Upload = {}): Promise<HttpResponse> {
  const stall = upload.stall ?? 60_000;
  using transport = new Transport({ agent: upload.agent ?? agent, timeouts: { stall, response: stall } });
  const open = (): never => assert.fail("the body was to be sent by the agent");
  const body = { size: upload.size ?? SIZE, open, file: upload.path ?? file, sent: upload.sent };
  const headers = { "content-type": "application/octet-stream", authorization: "Bearer x" };
  return await transport.request({ method: "PUT", url, headers, body, signal: upload.signal });
}

const network = (reason: string) => (error: unknown) => {
  assert.ok(error instanceof NetworkError, String(error));
  assert.equal(error.reason, reason);
  return true;
};

test("the whole file arrives with its head, and the answer comes back", async () => {
  const told: number[] = [];
  const answer = await serving(
    (request, response) => {
      const hash = createHash("sha256");
      request.on("data", (chunk) => hash.update(chunk));
      request.on("end", () => {
        const { method, url, headers } = request;
        response.statusCode = 201;
        response.setHeader("location", "/there");
        response.end(JSON.stringify({ method, url, headers, digest: hash.digest("hex") }));
      });
    },
    async (url) => {
      const response = await put(url, { sent: (bytes) => told.push(bytes) });
      return { response, url, said: JSON.parse(await response.text(64 << 10)) };
    },
  );
  assert.equal(answer.response.status, 201);
  assert.equal(answer.response.headers.location, "/there");
  assert.equal(answer.said.digest, createHash("sha256").update(content).digest("hex"));
  assert.equal(answer.said.method, "PUT");
  assert.equal(answer.said.url, "/v2/a/blobs/uploads/1?digest=x");
  const { host, authorization, "content-length": length } = answer.said.headers;
  assert.deepEqual(
    { host, authorization, length },
    { host: answer.url.host, authorization: "Bearer x", length: String(SIZE) },
  );
  assert.equal(told.at(-1), SIZE);
});

test("an answer that comes before the body's end is taken, and the rest is not sent", async () => {
  // more than the kernel takes on the way
  const large = join(dir, "large");
  const size = 256 << 20;
  writeFileSync(large, "");
  truncateSync(large, size);
  let got = 0;
  const closed = Promise.withResolvers<void>();
  const response = await accepting(
    (socket) => {
      socket.on("data", (chunk) => (got += chunk.length)).on("close", () => closed.resolve());
      socket.once("data", () => {
        socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge");
      });
    },
    async (url) => {
      const answered = await put(url, { path: large, size });
      assert.equal(await answered.text(100), "large");
      await closed.promise;
      return answered;
    },
  );
  assert.equal(response.status, 413);
  assert.ok(got < size);
});

test("an interim answer (1xx) does not end the upload", async () => {
  // more than the kernel takes on the way
  const large = join(dir, "interim");
  const size = 64 << 20;
  writeFileSync(large, "");
  truncateSync(large, size);
  let got = 0;
  const response = await accepting(
    (socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 102 Processing\r\n\r\n"));
      socket.on("data", (chunk) => {
        got += chunk.length;
        if (got > size) socket.end("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
      });
    },
    (url) => put(url, { path: large, size }),
  );
  assert.equal(response.status, 201);
});

test("an interim answer that comes in pieces does not end the upload, and the final one behind it does", async () => {
  const large = join(dir, "pieces");
  const size = 64 << 20;
  writeFileSync(large, "");
  truncateSync(large, size);
  const pieces = ["HTT", "P/1.1 102 Processing\r\nX: y\r", "\n\r\nHTTP/1.1 1", "00 Continue\r\n\r", "\n"];
  let got = 0;
  let next = 0;
  const response = await accepting(
    (socket) => {
      socket.setNoDelay(true).on("data", (chunk) => {
        got += chunk.length;
        // so far apart that the one before has been read
        for (; next < pieces.length && got > (next + 1) * (10 << 20); next++) socket.write(pieces[next]!);
        if (got > size) socket.end("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
      });
    },
    (url) => put(url, { path: large, size }),
  );
  assert.equal(response.status, 201);
  let stopped = 0;
  const closed = Promise.withResolvers<void>();
  await accepting(
    (socket) => {
      socket.on("data", (chunk) => (stopped += chunk.length)).on("close", () => closed.resolve());
      socket.once("data", () => {
        const answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        socket.write(`HTTP/1.1 100 Continue\r\n\r\n${answer}`);
      });
    },
    async (url) => {
      assert.equal((await put(url, { path: large, size })).status, 413);
      await closed.promise;
    },
  );
  assert.ok(stopped < size);
});

test("where nobody listens, the connection breaks, or nothing moves, it is said so", async () => {
  const gone = await serving(
    () => {},
    async (url) => url,
  );
  await assert.rejects(put(gone), network("ECONNREFUSED"));
  await accepting(
    (socket) => socket.once("data", () => socket.resetAndDestroy()),
    (url) => assert.rejects(put(url), network("ECONNRESET")),
  );
  await accepting(
    (socket) => socket.pause(),
    (url) => assert.rejects(put(url, { stall: 200 }), network("ESTALL")),
  );
  await accepting(
    (socket) =>
      socket.resume().once("data", () => socket.end("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nshort")),
    (url) => assert.rejects(put(url), network("ETRUNCATED")),
  );
  await accepting(
    (socket) => socket.resume().once("data", () => socket.write("220 this is a mail server\r\n\r\n")),
    (url) => assert.rejects(put(url), network("HPE_INVALID_CONSTANT")),
  );
});

test("a file that is shorter than was said, or is not there, is no fault of the registry's", async () => {
  await accepting(
    (socket) => socket.resume(),
    async (url) => {
      await assert.rejects(put(url, { size: SIZE + 1 }), (error) => isCode(error, "DataLoss"));
      await assert.rejects(put(url, { path: `${file}-gone` }), (error) => isCode(error, "NotFound"));
    },
  );
});

test("who gives up is heard, and the connection is gone", async () => {
  const controller = new AbortController();
  const closed = Promise.withResolvers<void>();
  await accepting(
    (socket) => {
      socket.on("close", () => closed.resolve());
      socket.once("data", () => {
        controller.abort();
        socket.resume();
      });
    },
    async (url) => {
      await assert.rejects(put(url, { signal: controller.signal }), (error) => isCode(error, "Canceled"));
      await closed.promise;
    },
  );
});

test("without an agent that answers the daemon sends the file itself", async () => {
  const state = mkdtempSync(join(tmpdir(), "send-file-none-"));
  const dead = await startAgent({ state, binary: join(import.meta.dirname, "../../../dist/bin/wharf-agent") });
  await dead[Symbol.asyncDispose]();
  let got = 0;
  await serving(
    (request, response) => {
      request.on("data", (chunk) => (got += chunk.length));
      request.on("end", () => response.end());
    },
    async (url) => {
      using transport = new Transport({ agent: dead });
      const open = async function* () {
        yield content;
      };
      const response = await transport.request({ method: "PUT", url, body: { size: SIZE, open, file } });
      assert.equal(response.status, 200);
    },
  );
  rmSync(state, { recursive: true });
  assert.equal(got, SIZE);
});
