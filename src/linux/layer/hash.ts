// The hashing part of a pipeline: one process that digests what passes through one ring, or through both ends of a step.

import { Sha256 } from "../sys/hash.ts";
import { confineToComputing } from "./confine.ts";
import { type Ring, RingReader } from "./ring.ts";

const PIECE = 256 << 10;
/** The hasher is each ring's second reader. */
const READER = 1;

export interface Hashed {
  digest: string;
  size: number;
}

/** Digests a ring. */
export function hashRing(ring: Ring): Hashed {
  confineToComputing();
  const sha = new Sha256();
  const reader = new RingReader(ring, READER, PIECE);
  for (let n = reader.need(1); n > 0; n = reader.need(1)) {
    const length = Math.min(n, PIECE);
    sha.update(reader.address + reader.at, length);
    reader.skip(length);
  }
  reader.publish();
  return { digest: sha.digest(), size: reader.position };
}

/**
 * Digests both sides of a step that reads `input` as its first reader and writes `output`. Of the input only what the step has published
 * is hashed, so that the output's bell tells of both: nobody can wait for two.
 */
export function hashStep(input: Ring, output: Ring): { input: Hashed; output: Hashed } {
  confineToComputing();
  const sides = [
    { ring: input, sha: new Sha256(), at: 0 },
    { ring: output, sha: new Sha256(), at: 0 },
  ];
  for (;;) {
    const seen = output.bell;
    const ended = output.ended;
    let moved = false;
    for (const side of sides) {
      const { ring, sha } = side;
      const end = ring === input ? ring.position(0) : ring.written;
      const length = Math.min(end - side.at, PIECE);
      if (length === 0) continue;
      sha.update(ring.address + (side.at % ring.size), length);
      side.at += length;
      ring.release(READER, side.at);
      moved = true;
    }
    if (moved) continue;
    if (ended) break;
    output.waitForWriter(seen);
  }
  const [a, b] = sides.map(({ sha, at }) => ({ digest: sha.digest(), size: at }));
  return { input: a!, output: b! };
}
