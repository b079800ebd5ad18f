import assert from "node:assert/strict";
import { test } from "node:test";
import { DetachKeys, parseDetachKeys } from "./detach-keys.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const P = 16;
const Q = 17;

test("parseDetachKeys() reads characters and control keys", () => {
  assert.deepEqual([...parseDetachKeys("ctrl-p,ctrl-q")], [P, Q]);
  assert.deepEqual([...parseDetachKeys("ctrl-@,a,ctrl-_,CTRL-[")], [0, 97, 31, 27]);
  assert.deepEqual([...parseDetachKeys("é")], [0xc3, 0xa9]);
  for (const bad of ["", "ctrl-", "ctrl-1", "ab", "a,,b", "ctrl-pp"])
    assert.throws(() => parseDetachKeys(bad), /is no key/, bad);
});

test("DetachKeys finds the sequence, also in two reads, and sends what came before", () => {
  const keys = new DetachKeys(bytes(P, Q));
  assert.deepEqual(keys.push(bytes(97, P)), { send: bytes(97), detach: false });
  assert.equal(keys.pending, true);
  assert.deepEqual(keys.push(bytes(Q, 98)), { send: bytes(), detach: true });
});

test("DetachKeys passes on keys that turn out to be something else", () => {
  const keys = new DetachKeys(bytes(P, Q));
  assert.deepEqual(keys.push(bytes(P, P, 97)).send, bytes(P, P, 97));
  assert.deepEqual(keys.push(bytes(P, 98)).send, bytes(P, 98));
  assert.equal(keys.pending, false);
});

test("DetachKeys: a held key can be flushed, and the sequence completed even so", () => {
  const keys = new DetachKeys(bytes(P, Q));
  keys.push(bytes(P));
  assert.deepEqual(keys.flush(), bytes(P));
  assert.equal(keys.pending, false);
  assert.deepEqual(keys.push(bytes(Q)), { send: bytes(), detach: true });
  keys.push(bytes(P));
  keys.flush();
  keys.forget();
  assert.deepEqual(keys.push(bytes(Q)), { send: bytes(Q), detach: false });
});

test("DetachKeys sends nothing twice and loses nothing, whatever is typed", () => {
  const sequence = [1, 1, 2, 1, 1, 3];
  for (let seed = 0; seed < 3000; seed++) {
    const keys = new DetachKeys(Uint8Array.from(sequence));
    let state = seed * 7919 + 1;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 16;
    };
    const typed = Array.from({ length: 24 }, () => 1 + (next() % 3));
    const found = typed.findIndex((_, i) => sequence.every((key, k) => typed[i + k] === key));
    const sent: number[] = [];
    let detached = false;
    for (const key of typed) {
      const result = keys.push(bytes(key));
      sent.push(...result.send);
      if (result.detach) {
        detached = true;
        break;
      }
      if (next() % 4 === 0) sent.push(...keys.flush());
    }
    assert.equal(detached, found >= 0, typed.join());
    if (!detached) assert.deepEqual([...sent, ...keys.flush()], typed);
    else assert.deepEqual(sent.slice(0, found), typed.slice(0, found));
  }
});
