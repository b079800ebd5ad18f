/**
 * The small blobs that were read last: manifests and configurations, which every container's start asks for again. A blob's bytes are what
 * its digest says, so they stay right as long as they are kept; who may have them is the store's to say.
 */

import type { Digest } from "../../../common/digest.ts";

/** Bytes of one, and of all together. */
const LARGEST = 32 * 1024;
const TOTAL = 512 * 1024;

export class SmallBlobs {
  /** The one that was used last stands last. */
  readonly #kept = new Map<Digest, Uint8Array>();
  #bytes = 0;

  fits(size: number): boolean {
    return size <= LARGEST;
  }

  /** A copy: the caller's own. */
  get(digest: Digest): Uint8Array | undefined {
    const bytes = this.#kept.get(digest);
    if (!bytes) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, bytes);
    return bytes.slice();
  }

  /** Keeps a copy of all the bytes of a blob that `fits`. */
  add(digest: Digest, bytes: Uint8Array): void {
    this.drop(digest);
    this.#kept.set(digest, bytes.slice());
    this.#bytes += bytes.length;
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= TOTAL) break;
      this.drop(oldest);
    }
  }

  /** The blob is gone. */
  drop(digest: Digest): void {
    const bytes = this.#kept.get(digest);
    if (!bytes) return;
    this.#kept.delete(digest);
    this.#bytes -= bytes.length;
  }
}
