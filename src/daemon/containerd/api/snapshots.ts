/**
 * Snapshots: states of a file system, each with its parent. An active one is made by `prepare` (writable) or `view`
 * (read-only); `commit` turns a prepared one into a committed one under a name, which can then be a parent.
 * Keys of active and names of committed snapshots share one space.
 */

import type { CallOptions, FieldPaths, Filters, Labels, Mount, Timestamp } from "./types.ts";

export type SnapshotKind = "active" | "view" | "committed";

/** Filters see `name`, `parent`, `kind` and `labels.<key>`. */
export interface SnapshotInfo {
  kind: SnapshotKind;
  /** Key of an active one, name of a committed one. */
  name: string;
  /** Name of the parent; empty for none. */
  parent: string;
  labels: Labels;
  createdAt: Timestamp;
  updatedAt: Timestamp;
}

/** Of the snapshot itself, without its parents. */
export interface SnapshotUsage {
  /** Bytes on disk. */
  size: number;
  inodes: number;
}

export interface SnapshotOptions {
  /**
   * With `containerd.io/snapshot.ref` naming a snapshot that is there, prepare answers AlreadyExists: the layer need not
   * be unpacked.
   */
  labels?: Labels | undefined;
}

export interface SnapshotCommitOptions extends SnapshotOptions {
  /** Gives a snapshot prepared without parent one now, so that layers can be unpacked side by side (containerd's rebase). */
  parent?: string | undefined;
  /** With `parent`: directories of the layer that get the attributes the parents have for them (`Applied.missingParents`). */
  inherit?: readonly string[] | undefined;
  /** What the writer of the layer counted; otherwise the directory is measured. */
  usage?: SnapshotUsage | undefined;
  /** Told when the snapshot can be built upon, where that is before a power cut would leave it. */
  onWritten?: (() => void) | undefined;
}

export interface Snapshotter {
  /** A snapshot may get its parent at the commit (containerd's capability `rebase`). */
  readonly rebases: boolean;
  /** May come to layers by itself, as remote snapshotters do: prepare then answers AlreadyExists to `containerd.io/snapshot.ref`. */
  readonly mayBeRemote: boolean;
  /** NotFound. */
  stat(key: string): Promise<SnapshotInfo>;
  /** Mutable: `labels`. NotFound. */
  update(info: Pick<SnapshotInfo, "name" | "labels">, fieldPaths?: FieldPaths): Promise<SnapshotInfo>;
  /** Counted when committed; an active one is measured now. NotFound. */
  usage(key: string, options?: CallOptions): Promise<SnapshotUsage>;
  /** What to mount to get at an active snapshot; the same list prepare or view gave. NotFound, FailedPrecondition when committed. */
  mounts(key: string): Promise<Mount[]>;
  /** `parent` is a committed snapshot or empty. AlreadyExists, NotFound (parent), InvalidArgument (parent not committed). */
  prepare(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]>;
  /** Like prepare, read-only. */
  view(key: string, parent: string, options?: SnapshotOptions): Promise<Mount[]>;
  /** The active snapshot `key` becomes the committed `name`. AlreadyExists, NotFound, FailedPrecondition (`key` is a view or committed). */
  commit(name: string, key: string, options?: SnapshotCommitOptions): Promise<void>;
  /** NotFound, FailedPrecondition while it has children. The key is free at once, the files go soon after. */
  remove(key: string): Promise<void>;
  walk(filters?: Filters): AsyncIterable<SnapshotInfo>;
  /** Resolves when the files of everything removed so far are gone. */
  cleanup(): Promise<void>;
}
