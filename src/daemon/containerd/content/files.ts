/** The content store's files: `<root>/content/blobs/<alg>/<hex>` and, while they are written, `<root>/content/ingest/<id>`. */

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { link, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestAlgorithm, digestHex, isDigest } from "../../../common/digest.ts";
import { SmallBlobs } from "./small-blobs.ts";

export class BlobFiles {
  readonly small = new SmallBlobs();
  readonly #blobs: string;
  readonly #ingest: string;
  /** Commits under way by digest: their blob may have a file and no row yet. */
  readonly #committing = new Map<Digest, number>();
  #trash = 0;

  constructor(root: string) {
    this.#blobs = join(root, "content/blobs");
    this.#ingest = join(root, "content/ingest");
    for (const algorithm of ["sha256", "sha384", "sha512"]) {
      mkdirSync(join(this.#blobs, algorithm), { recursive: true, mode: 0o700 });
    }
    mkdirSync(this.#ingest, { recursive: true, mode: 0o700 });
  }

  blob(digest: Digest): string {
    return join(this.#blobs, digestAlgorithm(digest), digestHex(digest));
  }

  ingest(id: number): string {
    return join(this.#ingest, String(id));
  }

  /** Keeps the blob's file from `discard` until disposed of. */
  hold(digest: Digest): Disposable {
    this.#committing.set(digest, (this.#committing.get(digest) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#committing.get(digest)! - 1;
        if (left > 0) this.#committing.set(digest, left);
        else this.#committing.delete(digest);
      },
    };
  }

  isHeld(digest: Digest): boolean {
    return this.#committing.has(digest);
  }

  /**
   * Makes an ingest's file a blob too, durably. Its own name stays until the store knows the blob.
   *
   * The file is flushed after it has its new name: on ext4, xfs and btrfs that flush covers the name as well, which saves one
   * of the directory. A blob that was linked and not flushed has no row and is removed by the next start.
   */
  async publish(id: number, digest: Digest): Promise<void> {
    try {
      await link(this.ingest(id), this.blob(digest));
    } catch (error) {
      // Another namespace's, or one being committed beside this: the same bytes by the same digest, perhaps not flushed yet.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const file = await open(this.blob(digest), "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  dropIngest(id: number): Promise<void> {
    return rm(this.ingest(id), { force: true });
  }

  /**
   * Takes a blob's file away. The name is gone when this returns (one rename); freeing a large file's blocks, which
   * takes long on some file systems, is what the promise waits for.
   */
  discard(digest: Digest): Promise<void> {
    this.small.drop(digest);
    const away = join(this.#ingest, `trash-${process.pid}-${this.#trash++}`);
    try {
      renameSync(this.blob(digest), away);
    } catch (error) {
      // whoever asks is in the middle of much else, and the row is gone already
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? Promise.resolve() : Promise.reject(error);
    }
    return rm(away, { force: true });
  }

  /** Digests of all blob files, and names of all files among the ingests; for the clean-up at the start. */
  list(): { blobs: Digest[]; ingests: string[] } {
    const blobs: Digest[] = [];
    for (const algorithm of readdirSync(this.#blobs)) {
      for (const hex of readdirSync(join(this.#blobs, algorithm))) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) blobs.push(digest);
      }
    }
    return { blobs, ingests: readdirSync(this.#ingest) };
  }

  /** Removes a file among the ingests by its name. */
  dropFile(name: string): Promise<void> {
    return rm(join(this.#ingest, name), { force: true, recursive: true });
  }
}
