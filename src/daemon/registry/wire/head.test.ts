import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHead, requestHead } from "./head.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const body = (head: NonNullable<ReturnType<typeof parseHead>>, ...more: string[]): string =>
  [head.rest, ...more.map(bytes)]
    .flatMap((one) => head.body.decode(one))
    .map((one) => Buffer.from(one).toString("latin1"))
    .join("");

test("parseHead() waits for the whole head", () => {
  const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  for (let at = 0; at < whole.length - 5; at++) assert.equal(parseHead(bytes(whole.slice(0, at))), undefined);
  const head = parseHead(bytes(whole))!;
  assert.deepEqual([head.status, head.headers["content-length"], head.keep], [200, "5", true]);
  assert.equal(body(head), "hello");
  assert.deepEqual([head.body.done, head.body.excess], [true, false]);
});

test("parseHead() skips interim answers, joins repeated headers, knows bodiless ones", () => {
  const head = parseHead(
    bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nX: a\r\nx:b \r\nContent-Length: 9\r\n\r\n"),
  )!;
  assert.deepEqual([head.status, head.headers.x, head.body.done], [204, "a, b", true]);
});

test("parseHead() tells whether the connection can be kept", () => {
  const keep = (text: string) => parseHead(bytes(text))!.keep;
  assert.equal(keep("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), false);
  assert.equal(keep("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), false);
  assert.equal(keep("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n"), true);
  // A body that ends with the connection.
  assert.equal(keep("HTTP/1.1 200 OK\r\n\r\n"), false);
});

for (const [name, text, code] of [
  ["what is not HTTP", "SSH-2.0-OpenSSH\r\n", "HPE_INVALID_CONSTANT"],
  ["another version", "HTTP/2 200\r\n\r\n", "HPE_INVALID_CONSTANT"],
  ["a header without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"],
  ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HPE_INVALID_HEADER_TOKEN"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HPE_INVALID_CONTENT_LENGTH"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HPE_INVALID_CONTENT_LENGTH"],
  [
    "a transfer encoding of its own",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HPE_INVALID_TRANSFER_ENCODING",
  ],
] as const) {
  test(`parseHead() refuses ${name}`, () => assert.throws(() => parseHead(bytes(text)), { code }));
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test("a chunked body comes out the same however it is cut", () => {
  const text = "5\r\nhello\r\n1;ext=1\r\n \r\n00A\r\nbig\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
  for (let first = 0; first <= text.length; first++) {
    for (const second of [first, Math.min(text.length, first + 3)]) {
      const head = parseHead(bytes(CHUNKED))!;
      assert.equal(
        body(head, text.slice(0, first), text.slice(first, second), text.slice(second)),
        "hello big\r\nworld",
      );
      assert.deepEqual([head.body.done, head.body.excess], [true, false]);
    }
  }
});

test("a chunked body that is malformed is an error, one with more behind it is noticed", () => {
  for (const text of ["x\r\n", "-1\r\n", "3\r\nabcd\r\n", "\r\n", `${"0".repeat(5000)}`]) {
    const head = parseHead(bytes(CHUNKED))!;
    assert.throws(() => body(head, text), { code: "HPE_INVALID_CHUNK_SIZE" }, text);
  }
  const head = parseHead(bytes(`${CHUNKED}0\r\n\r\nHTTP/1.1`))!;
  assert.equal(body(head), "");
  assert.equal(head.body.excess, true);
});

test("requestHead() writes a GET and refuses what would break it up", () => {
  const url = new URL("http://localhost:5000/v2/a b/blobs/x?n=1#f");
  assert.equal(
    requestHead(url, { A: "b", C: ["d", "e"] }),
    "GET /v2/a%20b/blobs/x?n=1 HTTP/1.1\r\nHost: localhost:5000\r\nA: b\r\nC: d\r\nC: e\r\n\r\n",
  );
  assert.throws(() => requestHead(url, { A: "b\r\nEvil: 1" }), { code: "InvalidArgument" });
  assert.throws(() => requestHead(url, { "A b": "c" }), { code: "InvalidArgument" });
});
