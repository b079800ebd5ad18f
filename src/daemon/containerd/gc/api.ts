/** Garbage collection as the services see it. */

import type { Digest } from "../../../common/digest.ts";
import type { Row } from "../../store/database.ts";
import type { NodeKind } from "./references.ts";

/** How many of each were taken away. */
export interface GcStats {
  content: number;
  snapshots: number;
  images: number;
  leases: number;
  ingests: number;
}

export interface GarbageCollector {
  /** Keeps a node, and what it refers to, from the collection under way. */
  touch(kind: NodeKind, namespace: string, id: string): void;
  /** As `touch`, and from those that nobody waits for in the next seconds. */
  spare(kind: NodeKind, namespace: string, id: string): void;
  /** Asks for a collection in `delay` milliseconds, some time after a deletion by default. */
  schedule(delay?: number): void;
  /** Collects now; what is made meanwhile is kept. */
  run(): Promise<GcStats>;
  /** In a transaction: drops a snapshot's row; its files go to the trash. */
  dropSnapshot(row: Row): void;
  /** Deletes the blob's file when no row names it any more. */
  discardBlob(digest: Digest): void;
  /** Removes what lies in the trash in a moment, for whom nobody waits. */
  emptyTrashSoon(): void;
  /** Removes what lies in the trash. */
  emptyTrash(): Promise<void>;
}
