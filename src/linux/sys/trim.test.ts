import { equal, test } from "../testing.ts";
import { readText } from "./fs.ts";
import { NR } from "./nr.ts";

const PR_SET_THP_DISABLE = 41;

/** KiB of this process that are no file's. */
const anonymous = () => Number(/^Anonymous:\s+(\d+)/m.exec(readText("/proc/self/smaps_rollup"))![1]);

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

interface Thing {
  text: string;
  bytes: Uint8Array;
  inner: { n: number }[];
}

function make(n: number, size: number): Thing {
  const bytes = new Uint8Array(size).fill(n & 0xff);
  return { text: `thing ${n} `.repeat(1 + (size % 40)), bytes, inner: [{ n }, { n: n + 1 }] };
}

function check(thing: Thing, n: number): void {
  const { text, bytes, inner } = thing;
  if (text !== `thing ${n} `.repeat(1 + (bytes.length % 40))) throw new Error(`thing ${n} has another text`);
  for (const byte of bytes) if (byte !== (n & 0xff)) throw new Error(`thing ${n} has other bytes`);
  equal(inner, [{ n }, { n: n + 1 }]);
}

test("trim() gives back what is free, and leaves what is in use", () => {
  const random = numbers(7);
  const kept = new Map<number, Thing>();
  const sizes: number[] = [];
  for (let round = 0; round < 40; round++) {
    for (const n of [...kept.keys()]) if (random(10) === 0) kept.delete(n);
    const made = Array.from({ length: 400 }, (_, i) => make(round * 1000 + i, random(random(20) ? 600 : 20_000)));
    // few stay, here and there
    for (const [i, thing] of made.entries()) if (random(50) === 0) kept.set(round * 1000 + i, thing);
    made.length = 0;
    native.trim();
    for (const [n, thing] of kept) check(thing, n);
    sizes.push(native.heap());
  }
  // what came free is used again: from some time on the heap grows no more
  equal(sizes.at(-1)! <= sizes[19]! * 1.1, true, `${sizes}`);
});

test("trim() gives whole pages back to the kernel", () => {
  // a huge page would have what was never asked for
  native.syscall(NR.prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
  native.trim();
  const before = anonymous();
  let things: Thing[] = [];
  for (let i = 0; i < 2000; i++) things.push(make(i, 1000));
  const full = anonymous();
  things = things.filter((_, i) => i % 500 === 0);
  native.trim();
  const after = anonymous();
  equal(full - before > 2000, true, `${before} KiB, then ${full}`);
  equal(after - before < 300, true, `${before} KiB, with ${full} in between, then ${after}`);
  for (const [i, thing] of things.entries()) check(thing, i * 500);
});
