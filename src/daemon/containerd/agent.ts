/**
 * What the core asks of `wharf-agent`, the daemon's hands in the linux world. src/daemon/agent/client.ts speaks the protocol to
 * it; tests use a fake.
 */

import type { Digest, Mount } from "./api/types.ts";

export interface UnpackRequest {
  /** What to unpack into; mounted by the agent in a mount namespace of its own, or written to directly. */
  mounts: readonly Mount[];
  /** What whiteouts become: `overlay` (default) overlayfs's marks, `remove` the removal of what they name. */
  whiteouts?: "overlay" | "remove" | undefined;
  /** Tells the compression; when it is not a known layer type the first bytes do. */
  mediaType: string;
  /** The blob's file, its bytes as they come, or a file that is still being written. */
  source: string | AsyncIterable<Uint8Array> | GrowingBlob;
  syncFs?: boolean | undefined;
  progress?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** A blob that is still being written: `grown` yields how many bytes are there so far, and ends when all are. */
export interface GrowingBlob {
  path: string;
  grown: AsyncIterable<number>;
}

export interface Unpacked {
  /** Digest of the uncompressed tar. */
  diffId: Digest;
  /** Bytes of the uncompressed tar. */
  size: number;
  usage: Usage;
  /** Directories the layer relies on without having them: `inherit` gives them the lower layers' attributes. */
  missingParents?: readonly string[] | undefined;
}

export interface DiffRequest {
  lower: readonly Mount[];
  upper: readonly Mount[];
  mediaType: string;
  /** Seconds since the epoch; later times become this one. */
  sourceDateEpoch?: number | undefined;
  /** Takes the compressed layer as it comes. */
  write(data: Uint8Array): Promise<void>;
  signal?: AbortSignal | undefined;
}

export interface Usage {
  /** Bytes on disk. */
  size: number;
  inodes: number;
}

export interface SpawnShimRequest {
  /** Absolute path of the shim. */
  binary: string;
  args: readonly string[];
  /** The whole environment, `NAME=value`. */
  env: readonly string[];
  cwd: string;
  /** Given on stdin (options of the runtime, protobuf). */
  stdin?: Uint8Array | undefined;
  /** A `start` for a container that is in no group for certain. */
  alone?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface SpawnShimResult {
  /** 128 + n after a signal. */
  exitCode: number;
  /** One character a byte (latin1): what `delete` answers is binary. */
  stdout: string;
  /** At most the last 64 KiB. */
  stderr: string;
}

export interface AgentClient {
  /** Resolves when what an earlier daemon had begun with its agent is over: until then that one makes things of which nobody knows. */
  predecessorGone?(): Promise<void>;
  unpack(request: UnpackRequest): Promise<Unpacked>;
  diff(request: DiffRequest): Promise<{ diffId: Digest; size: number }>;
  /** Gives `upper`'s directories `paths` the attributes of the first of `lowers` (nearest first) that has them. */
  inherit(upper: string, lowers: readonly string[], paths: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Makes `target` a copy of the directory `source`; what a failure leaves of it is the caller's to remove. */
  copy(source: string, target: string, signal?: AbortSignal): Promise<void>;
  /** Whether the layers of an overlay can show other owners than they have when they lie in this directory. */
  idmaps(path: string): Promise<boolean>;
  mount(mounts: readonly Mount[], target: string): Promise<void>;
  /** Everything mounted on or below `target`; nothing there is no error. */
  unmount(target: string, options?: { recursive?: boolean | undefined; detach?: boolean | undefined }): Promise<void>;
  /**
   * Binds the user namespace that a network namespace belongs to onto `target`, which is made. FailedPrecondition when it is the agent's own: the
   * host's.
   */
  pinUserNamespace(netns: string, target: string): Promise<void>;
  /** Makes a FIFO in place of a file that may be there. */
  makeFifo(path: string): Promise<void>;
  /** A file of a tree of mounts, its path resolved inside. NotFound; ResourceExhausted beyond `maxSize` bytes. */
  readFile(tree: { mounts: readonly Mount[] }, path: string, options?: { maxSize?: number }): Promise<Uint8Array>;
  /** Deletes trees without following anything out of them or into mounts; what is gone already is no error. */
  remove(paths: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Bytes and inodes of a tree, hard links counted once. */
  usage(path: string, signal?: AbortSignal): Promise<Usage>;
  /**
   * Runs a shim's command (`start`, `delete`) to its end. What a `start` leaves behind is no child of the daemon nor of the agent's
   * connection, and outlives both; as long as the agent lives it is told how it ended.
   */
  spawnShim(request: SpawnShimRequest): Promise<SpawnShimResult>;
  /** How a shim that this agent started has ended: 128 + signal where one ended it; undefined while it runs, or when it is not known. */
  endOf?(pid: number): Promise<{ status: number; signal: number } | undefined>;
}
