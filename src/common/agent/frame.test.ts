// Frames through any cut of the byte stream.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJson, encodeFrame, encodeJson, FRAME, FrameDecoder, MAX_FRAME, parseHeader } from "./frame.ts";

const stream = () =>
  Buffer.concat([
    encodeJson(FRAME.request, { op: "ping", text: "ä" }),
    encodeFrame(FRAME.data, new Uint8Array(70000).fill(7)),
    encodeFrame(FRAME.data, new Uint8Array(0)),
    encodeJson(FRAME.result, []),
  ]);

test("FrameDecoder puts frames together however the stream is cut", () => {
  const bytes = stream();
  for (const step of [1, 4, 5, 6, 4096, bytes.length]) {
    const decoder = new FrameDecoder();
    const frames = [];
    for (let at = 0; at < bytes.length; at += step) frames.push(...decoder.push(bytes.subarray(at, at + step)));
    assert.deepEqual(
      frames.map(({ type, payload }) => [type, payload.length]),
      [
        [FRAME.request, 25],
        [FRAME.data, 70000],
        [FRAME.data, 0],
        [FRAME.result, 2],
      ],
    );
    assert.deepEqual(decodeJson(frames[0]!), { op: "ping", text: "ä" });
    assert(frames[1]!.payload.every((byte) => byte === 7));
  }
});

test("parseHeader() refuses unknown types and lengths beyond the limit", () => {
  assert.throws(() => parseHeader(Uint8Array.of(0x41, 0, 0, 0, 0)), /unknown frame type 65/);
  const long = MAX_FRAME + 1;
  assert.throws(
    () => parseHeader(Uint8Array.of(FRAME.data, long >>> 24, (long >> 16) & 255, (long >> 8) & 255, long & 255)),
    /frame of/,
  );
  assert.throws(() => decodeJson({ type: FRAME.result, payload: Buffer.from("{") }), /not JSON/);
});
