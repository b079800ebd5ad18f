import assert from "node:assert/strict";
import { test } from "node:test";
import { Slabs } from "./slabs.ts";

test("Slabs lends what was read and does not read over it before it is given back", () => {
  const slabs = new Slabs();
  const loans: { bytes: Uint8Array; release(): void; mark: number }[] = [];
  for (let round = 0; round < 400; round++) {
    const room = slabs.room();
    assert.ok(room.length >= 64 << 10);
    const length = Math.min(room.length, 1 + ((round * 7919) % room.length));
    room.fill(round % 251, 0, length);
    slabs.fill(length);
    assert.equal(slabs.filled, length);
    loans.push({ ...slabs.take(), mark: round % 251 });
    assert.equal(slabs.filled, 0);
    if (loans.length > 3) {
      const { bytes, release, mark } = loans.shift()!;
      assert.ok(bytes.every((byte) => byte === mark));
      release();
      release();
    }
  }
});

test("Slabs use their memory again", () => {
  const slabs = new Slabs();
  const seen = new Set<ArrayBufferLike>();
  for (let round = 0; round < 100; round++) {
    const room = slabs.room();
    seen.add(room.buffer);
    slabs.fill(room.length);
    slabs.take().release();
  }
  assert.ok(seen.size <= 2, `${seen.size}`);
});
