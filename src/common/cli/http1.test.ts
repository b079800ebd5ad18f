import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyDecoder, closesAfter, formatRequest, headEnd, parseHead } from "./http1.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Decodes `body` in pieces of the given lengths; answers the content and what was left over. */
function decode(head: string, body: Uint8Array, cuts: readonly number[], method = "GET") {
  const decoder = bodyDecoder(method, parseHead(bytes(`${head}\r\n\r\n`)));
  let content = "";
  let at = 0;
  for (const length of [...cuts, body.length]) {
    const end = Math.min(body.length, at + length);
    const taken = decoder.push(body, at, end, (piece) => {
      content += text(piece);
    });
    assert.ok(taken >= at && taken <= end);
    assert.ok(taken === end || decoder.done);
    at = taken;
    if (decoder.done) break;
  }
  return { content, done: decoder.done, left: body.length - at, decoder };
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";

test("formatRequest() writes head and body, and refuses line breaks in either place", () => {
  const request = text(formatRequest("POST", "/a?b=c", { Host: "docker", "X-Y": "z" }, bytes("{}")));
  assert.equal(request, "POST /a?b=c HTTP/1.1\r\nHost: docker\r\nX-Y: z\r\nContent-Length: 2\r\n\r\n{}");
  assert.equal(text(formatRequest("GET", "/", {})), "GET / HTTP/1.1\r\n\r\n");
  assert.throws(() => formatRequest("GET", "/a b", {}), /cannot hold spaces/);
  assert.throws(() => formatRequest("GET", "/a\r\nX: y", {}), /cannot hold spaces/);
  assert.throws(() => formatRequest("GET", "/", { A: "b\r\nC: d" }), /cannot hold line breaks/);
});

test("parseHead() reads status and headers in any case", () => {
  const raw = bytes(
    "HTTP/1.1 404 Not Found\r\nContent-Type:  a/b \r\nX-A: 1\r\nx-a: 2\r\nConnection: Keep-Alive, Close\r\n\r\nrest",
  );
  const end = headEnd(raw, raw.length);
  assert.equal(text(raw.subarray(end)), "rest");
  const head = parseHead(raw.subarray(0, end));
  assert.deepEqual(
    [head.status, head.reason, head.headers.get("content-type"), head.headers.get("x-a")],
    [404, "Not Found", "a/b", "1, 2"],
  );
  assert.equal(closesAfter(head), true);
  assert.equal(parseHead(bytes("HTTP/1.1 200\r\n\r\n")).reason, "");
  for (const bad of [
    "SSH-2.0-x",
    "HTTP/2 200",
    "HTTP/1.1 99 x",
    "HTTP/1.1 200 OK\r\nno colon",
    "HTTP/1.1 200 OK\r\na b: c",
    "",
  ]) {
    assert.throws(() => parseHead(bytes(`${bad}\r\n\r\n`)), /is no HTTP/, bad);
  }
});

test("headEnd() finds the end across pieces", () => {
  const raw = bytes("HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
  for (let length = 0; length < raw.length; length++) assert.equal(headEnd(raw, length), -1);
  for (let from = 0; from < raw.length; from++) assert.equal(headEnd(raw, raw.length, from), raw.length);
});

test("bodies end where they say", () => {
  assert.deepEqual(decode("HTTP/1.1 200 OK\r\nContent-Length: 3", bytes("abcdef"), []).content, "abc");
  assert.equal(decode("HTTP/1.1 200 OK\r\nContent-Length: 3", bytes("abcdef"), []).left, 3);
  assert.equal(decode("HTTP/1.1 204 No Content", bytes("x"), []).left, 1);
  assert.equal(decode("HTTP/1.1 200 OK\r\nContent-Length: 3", bytes("x"), [], "HEAD").left, 1);
  assert.equal(decode("HTTP/1.1 200 OK", bytes("all"), []).content, "all");
  const chunked = decode(CHUNKED, bytes("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: r\r\n\r\nnext"), []);
  assert.deepEqual([chunked.content, chunked.done, chunked.left], ["abcde", true, 4]);
});

test("a body cut short is an error", () => {
  const sized = decode("HTTP/1.1 200 OK\r\nContent-Length: 5", bytes("abc"), []);
  assert.throws(() => sized.decoder.end(), /lost: 2 bytes of its answer are missing/);
  for (const part of ["", "3", "3\r\n", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n", "0\r\n"]) {
    const { decoder } = decode(CHUNKED, bytes(part), []);
    assert.throws(() => decoder.end(), /the end of its answer is missing/, part);
  }
  decode("HTTP/1.1 200 OK", bytes("abc"), []).decoder.end();
});

test("broken framing is an error", () => {
  for (const bad of ["x\r\n", "-1\r\n", "3\r\nabcd\r\n", "fffffffffffff\r\n", "1 2\r\n", `${"1".repeat(5000)}`]) {
    assert.throws(() => decode(CHUNKED, bytes(bad), []), /is no HTTP/, bad.slice(0, 20));
  }
  assert.throws(() => decode("HTTP/1.1 200 OK\r\nContent-Length: -1", bytes(""), []), /content-length/);
  assert.throws(() => decode("HTTP/1.1 200 OK\r\nContent-Length: 1, 2", bytes(""), []), /content-length/);
  assert.throws(() => decode("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", bytes(""), []), /transfer coding/);
});

/** A small generator of pseudo-random numbers, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("chunked bodies decode alike, however they are cut", () => {
  for (let seed = 1; seed <= 400; seed++) {
    const next = random(seed);
    let content = "";
    let wire = "";
    for (let i = next(6); i > 0; i--) {
      const piece = "abcdefghij\r\n0".repeat(3).slice(0, 1 + next(30));
      content += piece;
      wire += `${piece.length.toString(16)}${next(2) ? ";e" : ""}${next(4) ? "\r\n" : "\n"}${piece}\r\n`;
    }
    wire += "0\r\n\r\n";
    const cuts = Array.from({ length: 40 }, () => next(5));
    const result = decode(CHUNKED, bytes(`${wire}tail`), cuts);
    assert.deepEqual([result.content, result.done], [content, true], `seed ${seed}`);
    assert.equal(result.left, 4, `seed ${seed}`);
  }
});

test("garbage never hangs, never reads outside", () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const next = random(seed);
    const alphabet = "HTP/1.0 2\r\n:;abcf-";
    const garbage = Uint8Array.from({ length: next(80) }, () =>
      next(8) ? alphabet.charCodeAt(next(alphabet.length)) : next(256),
    );
    try {
      parseHead(garbage);
    } catch (error) {
      assert.match((error as Error).message, /is no HTTP/);
    }
    try {
      decode(CHUNKED, garbage, [next(10), next(10)]);
    } catch (error) {
      assert.match((error as Error).message, /is no HTTP/);
    }
  }
});
