// Downloads that the agent pours into files (splice): what comes, where it goes, and what is told of it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isCode, WharfError } from "../../../src/common/errors.ts";
import { parseReference } from "../../../src/common/reference.ts";
import { type Agent, startAgent } from "../../../src/daemon/agent/client.ts";
import { Registry } from "../../../src/daemon/registry/client.ts";
import { NetworkError } from "../../../src/daemon/registry/errors.ts";
import { Transport } from "../../../src/daemon/registry/http.ts";
import type { HttpResponse } from "../../../src/daemon/registry/message.ts";

const SIZE = 9_000_001;
const content = randomBytes(SIZE);
let dir: string;
let agent: Agent;
let count = 0;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "fetch-file-"));
  agent = await startAgent({ state: dir });
});

after(async () => {
  await agent[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

/** Asks for a body that is to be poured. */
async function asking<T>(listener: RequestListener, use: (response: HttpResponse) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    using transport = new Transport({ agent });
    const url = new URL(`http://localhost:${(server.address() as AddressInfo).port}/v2/a/blobs/x`);
    return await use(await transport.request({ method: "GET", url, headers: { range: "bytes=7-" }, pour: true }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A file with this in it. */
function file(text: string | Buffer = ""): string {
  const path = join(dir, `file${count++}`);
  writeFileSync(path, text);
  return path;
}

const plain =
  (status = 200): RequestListener =>
  (_, response) =>
    response.writeHead(status, { "content-length": SIZE }).end(content);

test("pour() puts the body into the file, from the offset on, and tells how far it has come", async () => {
  const path = file("begun");
  const told: number[] = [];
  await asking(plain(206), async (response) => {
    assert.equal(response.status, 206);
    await response.pour!({ path, skip: 0, offset: 5, length: SIZE }, (bytes) => told.push(bytes));
  });
  assert.ok(readFileSync(path).equals(Buffer.concat([Buffer.from("begun"), content])));
  assert.equal(told.at(-1), SIZE);
  assert.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  );
});

test("pour() drops what is there already, and takes no more than it is to", async () => {
  const skip = 5_000_000;
  const path = file(content.subarray(0, skip));
  await asking(plain(), (response) => response.pour!({ path, skip, offset: skip, length: 3_000_000 }, () => {}));
  assert.ok(readFileSync(path).equals(content.subarray(0, skip + 3_000_000)));
});

test("a body in chunks, and an error's, are read as any other's", async () => {
  const parts: Buffer[] = [];
  await asking(
    (_, response) => {
      response.write(content.subarray(0, 1000));
      response.end(content.subarray(1000));
    },
    async (response) => {
      assert.equal(response.headers["transfer-encoding"], "chunked");
      await response.pump(async (chunk) => void parts.push(Buffer.from(chunk)));
    },
  );
  assert.ok(Buffer.concat(parts).equals(content));
  const text = await asking(
    (_, response) => response.writeHead(404).end("there is none"),
    (response) => response.text(100),
  );
  assert.equal(text, "there is none");
});

test("what ends too early, and what cannot be written, is told apart", async () => {
  const path = file();
  let told = 0;
  await asking(
    (_, response) => {
      response.writeHead(200, { "content-length": SIZE });
      response.write(content.subarray(0, 4_000_000), () => response.socket!.end());
    },
    (response) =>
      assert.rejects(
        response.pour!({ path, skip: 0, offset: 0, length: SIZE }, (bytes) => {
          told = bytes;
        }),
        (error) => error instanceof NetworkError && error.reason === "ETRUNCATED",
      ),
  );
  assert.equal(told, 4_000_000);
  assert.ok(readFileSync(path).equals(content.subarray(0, told)));
  await asking(plain(), (response) =>
    assert.rejects(
      response.pour!({ path: `${path}-gone`, skip: 0, offset: 0, length: SIZE }, () => {}),
      (error) => isCode(error, "NotFound"),
    ),
  );
});

test("who wants nothing of it, and who gives up, leaves no connection", async () => {
  const closed = Promise.withResolvers<void>();
  await asking(
    (request, response) => {
      request.socket.on("close", () => closed.resolve());
      response.writeHead(200, { "content-length": SIZE });
      response.write("x");
    },
    async (response) => {
      response.discard();
      await closed.promise;
    },
  );
});

const digest = `sha256:${"0".repeat(64)}` as const;
const descriptor = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size: SIZE };

/** Asks for a blob that answers with `status` and never ends: the download is to fail as `why` says, and to let go of the connection. */
async function letsGo(status: number, why: RegExp): Promise<void> {
  const closed = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    if (request.url!.startsWith("/token")) {
      response.writeHead(403).end();
      return;
    }
    request.socket.on("close", () => closed.resolve());
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="x"`;
    response.writeHead(status, { "content-length": SIZE, "www-authenticate": challenge });
    response.write("x");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using registry = new Registry({ agent });
  try {
    const { port } = server.address() as AddressInfo;
    const repository = registry.repository(parseReference(`localhost:${port}/a/b`));
    const fill = async (): Promise<void> => {
      throw new WharfError("ResourceExhausted", "no room");
    };
    await assert.rejects(repository.blob(descriptor, { offset: 0, write: () => {}, fill }), why);
    await closed.promise;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a sink that fails before it asks for the body leaves no connection", () => letsGo(200, /no room/));

test("a challenge that cannot be met leaves no connection", () => letsGo(401, /answered 403/));
