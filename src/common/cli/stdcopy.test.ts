import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameDecoder } from "./stdcopy.ts";

function frame(stream: number, text: string): number[] {
  const data = [...new TextEncoder().encode(text)];
  const n = data.length;
  return [stream, 0, 0, 0, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255, ...data];
}

/** Feeds `wire` in pieces; answers what came out of each stream, and the order of the streams. */
function feed(wire: readonly number[], cut: () => number) {
  const decoder = new FrameDecoder();
  const out: Record<number, string> = {};
  const order: number[] = [];
  for (let at = 0; at < wire.length; ) {
    const length = Math.max(1, cut());
    const piece = Uint8Array.from(wire.slice(at, at + length));
    decoder.push(piece, piece.length, (stream, data) => {
      out[stream] = (out[stream] ?? "") + new TextDecoder().decode(data);
      if (order.at(-1) !== stream) order.push(stream);
    });
    at += length;
  }
  return { out, order, clean: decoder.clean };
}

test("FrameDecoder keeps the streams apart and in order, however the bytes are cut", () => {
  const wire = [
    ...frame(1, "one "),
    ...frame(1, "two "),
    ...frame(2, "err"),
    ...frame(1, ""),
    ...frame(1, "x".repeat(300)),
    ...frame(2, "!"),
  ];
  for (let size = 1; size < 60; size++) {
    const { out, order, clean } = feed(wire, () => size);
    assert.equal(out[1], `one two ${"x".repeat(300)}`, `pieces of ${size}`);
    assert.equal(out[2], "err!");
    assert.deepEqual(order, [1, 2, 1, 2]);
    assert.equal(clean, true);
  }
});

test("FrameDecoder joins neighbouring frames of one stream into one piece", () => {
  const decoder = new FrameDecoder();
  const wire = Uint8Array.from([...frame(1, "a"), ...frame(1, "b"), ...frame(1, "c")]);
  const pieces: string[] = [];
  decoder.push(wire, wire.length, (_stream, data) => pieces.push(new TextDecoder().decode(data)));
  assert.deepEqual(pieces, ["abc"]);
});

test("FrameDecoder knows when it stands inside a frame", () => {
  const decoder = new FrameDecoder();
  const wire = Uint8Array.from(frame(1, "abc"));
  decoder.push(wire.slice(0, 5), 5, () => undefined);
  assert.equal(decoder.clean, false);
  decoder.push(wire.slice(5, 9), 4, () => undefined);
  assert.equal(decoder.clean, false);
  decoder.push(wire.slice(9), wire.length - 9, () => undefined);
  assert.equal(decoder.clean, true);
});

test("FrameDecoder throws the daemon's error, and at what is no frame", () => {
  assert.throws(() => feed(frame(3, "log driver failed\n"), () => 7), /^WharfError: log driver failed$/);
  assert.throws(() => feed([...new TextEncoder().encode("plain text")], () => 4), /not in frames/);
  assert.throws(() => feed([9, 0, 0, 0, 0, 0, 0, 0], () => 8), /not in frames/);
});
