/** Diff: layers into snapshots and back. The work is the agent's: decompression, unpacking, reading trees. */

import type { SnapshotUsage } from "./snapshots.ts";
import type { CallOptions, Descriptor, Labels, Mount, Timestamp } from "./types.ts";

export interface ApplyOptions extends CallOptions {
  /** The layer's bytes, where they are not in the content store yet: unpacked while they arrive. The caller verifies them. */
  source?: AsyncIterable<Uint8Array> | undefined;
  /**
   * The layer is still being written as this ingest: its file is read while it grows. `grown` yields how many bytes have
   * been written so far, and ends when all have; what it throws ends the unpacking. Beyond containerd: faster than `source`.
   */
  growing?: { ref: string; grown: AsyncIterable<number> } | undefined;
  /** Told now and then how many bytes of the (compressed) layer are done. */
  progress?: ((bytes: number) => void) | undefined;
  /** Flushes the file system before answering. */
  syncFs?: boolean | undefined;
}

export interface Applied {
  /** The uncompressed tar: media type, digest (the diff id) and size. */
  applied: Descriptor;
  /** What the layer takes up. */
  usage: SnapshotUsage;
  /**
   * Directories that had to be made although the layer has no entry for them, when it was unpacked without its parents:
   * given to the snapshotter's commit, which takes their attributes from the parents.
   */
  missingParents?: readonly string[] | undefined;
}

export interface DiffOptions extends CallOptions {
  /** An OCI or Docker layer type; gzip by default. */
  mediaType?: string | undefined;
  /** Of the ingest; random by default. */
  ref?: string | undefined;
  /** Of the blob. `containerd.io/uncompressed` is added to a compressed one. */
  labels?: Labels | undefined;
  /** All later times in the tar become this one. */
  sourceDateEpoch?: Timestamp | undefined;
}

export interface DiffService {
  /** Unpacks the layer `diff` into what `mounts` mount. NotFound (blob), DataLoss (broken stream). */
  apply(diff: Descriptor, mounts: readonly Mount[], options?: ApplyOptions): Promise<Applied>;
  /** Packs what `upper` has over `lower` into a layer in the content store. */
  diff(lower: readonly Mount[], upper: readonly Mount[], options?: DiffOptions): Promise<Descriptor>;
}
