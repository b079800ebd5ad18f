import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "../../../common/digest.ts";
import { SmallBlobs } from "./small-blobs.ts";

const digest = (i: number) => `sha256:${String(i).padStart(64, "0")}` as Digest;

test("SmallBlobs gives copies, and forgets what was used longest ago beyond half a megabyte", () => {
  const blobs = new SmallBlobs();
  assert.deepEqual([blobs.fits(32 * 1024), blobs.fits(32 * 1024 + 1)], [true, false]);
  for (let i = 0; i < 16; i++) blobs.add(digest(i), new Uint8Array(32 * 1024).fill(i));
  blobs.get(digest(0))!.fill(9);
  assert.equal(blobs.get(digest(0))![5], 0, "nobody else's bytes");
  blobs.add(digest(16), new Uint8Array(10));
  assert.deepEqual(
    [blobs.get(digest(1)), blobs.get(digest(0))?.length, blobs.get(digest(16))?.length],
    [undefined, 32 * 1024, 10],
  );
  blobs.drop(digest(0));
  blobs.drop(digest(0));
  assert.equal(blobs.get(digest(0)), undefined);
  blobs.add(digest(17), new Uint8Array(32 * 1024));
  assert.ok(blobs.get(digest(2)), "there was room again");
});
