import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as s from "../../common/docker/schema.ts";
import { WharfError } from "../../common/errors.ts";
import { type Operation, operation } from "./operation.ts";
import { filters, flag, int } from "./query.ts";
import { createApiServer } from "./server.ts";

const operations: Operation[] = [
  operation({
    id: "Echo",
    method: "POST",
    path: "/things/{name*}/json",
    summary: "",
    query: { all: flag(), count: int(), filters: filters() },
    body: s.object("", { Text: s.string() }),
    handler: (x) => {
      x.json(200, {
        name: x.param("name"),
        all: x.query.all,
        count: x.query.count,
        filters: [...x.query.filters],
        text: x.body.Text,
        version: x.version,
      });
    },
  }),
  operation({
    id: "Fail",
    method: "GET",
    path: "/fail",
    summary: "",
    handler: () => {
      const cause = new WharfError("NotFound", "it is not there", { hint: "make it" });
      throw new WharfError("Internal", "open x", { cause });
    },
  }),
  operation({
    id: "Hang",
    method: "GET",
    path: "/hang",
    summary: "",
    handler: async (x) => {
      const out = x.stream(200, "text/plain");
      await out.write("begun");
      await new Promise((resolve) => x.signal.addEventListener("abort", resolve));
      gone = true;
    },
  }),
  operation({
    id: "Raw",
    method: "POST",
    path: "/raw",
    summary: "",
    body: s.object("", { Text: s.optional(s.string()) }),
    bodyOptional: true,
    hijack: true,
    handler: async (x) => {
      if (x.body?.Text === "refuse") throw new WharfError("FailedPrecondition", "not now");
      const socket = x.hijack().accept("application/vnd.docker.raw-stream");
      socket.write(`<${x.body?.Text ?? ""}>`);
      let input = "";
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) input += chunk;
      socket.end(`[${input}]`);
    },
  }),
];

let gone = false;
let directory: string;
let path: string;
let server: Server;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "wharf-http-"));
  path = join(directory, "s.sock");
  server = createApiServer({
    operations,
    versions: { lowest: 24, highest: 51 },
    headers: { "Api-Version": "1.51" },
    log: () => {},
  });
  server.listen(path);
  await once(server, "listening");
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

async function call(method: string, url: string, body?: string, type = "application/json") {
  const request = httpRequest({
    socketPath: path,
    method,
    path: url,
    headers: body === undefined ? {} : { "Content-Type": type },
  });
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text, headers: response.headers as Record<string, string> };
}

/** Sends `first`, waits for `mark`, sends `then` and the end; answers all that came. */
async function raw(first: string, mark: string, then: string): Promise<string> {
  const socket: Socket = connect({ path, allowHalfOpen: true });
  socket.write(first);
  let text = "";
  let sent = false;
  for await (const chunk of socket) {
    text += chunk;
    if (!sent && text.includes(mark)) {
      sent = true;
      socket.end(then);
    }
  }
  return text;
}

test("createApiServer() routes versions and bare paths, many segments, query and body", async () => {
  const body = '{"text":"hi"}';
  const answer = await call("POST", '/v1.40/things/a/b%2Fc/json?all=1&count=3&filters={"label":["x"]}', body);
  assert.deepEqual(JSON.parse(answer.text), {
    name: "a/b/c",
    all: true,
    count: 3,
    filters: [["label", ["x"]]],
    text: "hi",
    version: 40,
  });
  assert.equal(answer.headers["api-version"], "1.51");
  assert.equal(JSON.parse((await call("POST", "/things/a/json?all=false", body)).text).version, 51);
});

test("createApiServer() answers errors in Docker's shape", async () => {
  const expect = async (answer: Promise<{ status: number; text: string }>, status: number, message: RegExp) => {
    const got = await answer;
    assert.equal(got.status, status);
    assert.match(JSON.parse(got.text).message, message);
  };
  await expect(call("GET", "/nothing"), 404, /^page not found$/);
  await expect(
    call("GET", "/v1.99/fail"),
    400,
    /^client version 1\.99 is too new\. Maximum supported API version is 1\.51$/,
  );
  await expect(call("GET", "/v1.10/fail"), 400, /^client version 1\.10 is too old\. Minimum/);
  await expect(call("GET", "/fail"), 500, /^it is not there \(open x\); make it$/);
  await expect(call("POST", "/things/a/json", "{}"), 400, /^Text is missing$/);
  await expect(call("POST", "/things/a/json", "{"), 400, /^invalid JSON: /);
  await expect(
    call("POST", "/things/a/json", "{}", "text/plain"),
    400,
    /^unsupported Content-Type header \(text\/plain\)/,
  );
  await expect(
    call("POST", "/things/a/json?count=x", '{"Text":""}'),
    400,
    /^the parameter count must be a whole number/,
  );
  await expect(call("POST", "/things/a/json?filters=x", '{"Text":""}'), 400, /^the parameter filters is not JSON/);
  await expect(call("POST", "/things/a/json", `{"Text":"${"x".repeat(5 << 20)}"}`), 400, /larger than 4 MiB/);
});

test("createApiServer() aborts the signal when the client goes away", async () => {
  const request = httpRequest({ socketPath: path, path: "/hang" });
  request.on("error", () => {});
  request.end();
  const [response] = await once(request, "response");
  await once(response, "data");
  request.destroy();
  for (let i = 0; i < 6000 && !gone; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(gone);
});

test("hijack() takes over with Upgrade and without, past the body, in one packet or several, with half-close", async () => {
  for (const upgrade of ["", "Connection: Upgrade\r\nUpgrade: tcp\r\n"]) {
    const status = upgrade === "" ? "HTTP/1.1 200 OK" : "HTTP/1.1 101 UPGRADED";
    const body = '{"Text":"b"}';
    const header = `POST /v1.51/raw HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${upgrade}\r\n`;
    const early = await raw(`${header}${body}GET / HTTP/1.1\r\n\r\n`, "<b>", "late");
    assert.ok(early.startsWith(`${status}\r\nContent-Type: application/vnd.docker.raw-stream\r\n`), early);
    assert.ok(early.endsWith("<b>[GET / HTTP/1.1\r\n\r\nlate]"), early);
    const none = await raw(`POST /raw HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`, "<>", "input");
    assert.ok(none.endsWith("<>[input]"), none);
  }
});

test("hijack() reads a body that comes in pieces", async () => {
  const socket = connect({ path, allowHalfOpen: true });
  socket.write("POST /raw HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{");
  setTimeout(() => socket.write('"Text":'), 20);
  setTimeout(() => socket.end('"p"}tail'), 40);
  let text = "";
  for await (const chunk of socket) text += chunk;
  assert.ok(text.endsWith("<p>[tail]"), text);
});

test("hijack() that is refused answers an ordinary error", async () => {
  const body = '{"Text":"refuse"}';
  const text = await raw(
    `POST /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    "not now",
    "",
  );
  assert.ok(text.startsWith("HTTP/1.1 409 Conflict\r\n"), text);
});

test("a connection serves a hijack after ordinary requests", async () => {
  const socket = connect({ path, allowHalfOpen: true });
  socket.write("GET /fail HTTP/1.1\r\nHost: x\r\n\r\n");
  let text = "";
  const steps: [string, () => void][] = [
    ["make it", () => socket.write("POST /raw HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["<>", () => socket.end("in")],
  ];
  for await (const chunk of socket) {
    text += chunk;
    if (steps[0] && text.includes(steps[0][0])) steps.shift()![1]();
  }
  assert.match(text, /^HTTP\/1\.1 500 .*make it.*HTTP\/1\.1 200 OK.*<>\[in\]$/s);
});

test("a hijack that comes before the end of the answer before it waits for that", async () => {
  const text = await raw("GET /fail HTTP/1.1\r\nHost: x\r\n\r\nPOST /raw HTTP/1.1\r\nHost: x\r\n\r\n", "<>", "in");
  assert.match(text, /^HTTP\/1\.1 500 .*make it.*HTTP\/1\.1 200 OK.*<>\[in\]$/s);
});

test("headers beyond the limit and garbage are refused", async () => {
  assert.match(
    await raw(`GET /fail HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(70 << 10)}\r\n\r\n`, "431", ""),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(await raw("nonsense\r\n\r\n", "400", ""), /^HTTP\/1\.1 400 /);
});

test("what comes too slowly is given up: a header, a body, a body before a stream", async () => {
  const impatient = createApiServer({
    operations,
    versions: { lowest: 24, highest: 51 },
    headers: {},
    patience: 200,
    log: () => {},
  });
  const place = join(directory, "impatient.sock");
  impatient.listen(place);
  await once(impatient, "listening");
  try {
    const type = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 100";
    for (const [text, status] of [
      ["GET /fail HTTP/1.1\r\nHost: x\r\n", /^HTTP\/1\.1 4\d\d /],
      [`POST /things/a/json HTTP/1.1\r\n${type}\r\n\r\n{`, /^HTTP\/1\.1 504 .*did not come in time/s],
      [`POST /raw HTTP/1.1\r\n${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{`, /did not come in time/],
    ] as const) {
      const socket = connect(place);
      socket.write(text);
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      assert.match(answer, status);
    }
    // One that keeps at it but never comes to an end fares no better.
    const socket = connect(place);
    socket.on("error", () => {});
    socket.write(`POST /things/a/json HTTP/1.1\r\n${type}\r\n\r\n{`);
    const drip = setInterval(() => socket.write(" "), 20);
    await new Promise((resolve) => socket.on("close", resolve)).finally(() => clearInterval(drip));
    // Answers may take as long as they take.
    const slow = connect(place);
    slow.write("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(slow.destroyed, false);
    slow.destroy();
  } finally {
    impatient.closeAllConnections();
    impatient.close();
  }
});
