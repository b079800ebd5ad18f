/** What our snapshotters differ in: how directories become snapshots. */

import type { Mount } from "../api/types.ts";
import type { SnapshotFiles } from "./files.ts";

export interface Place {
  kind: "active" | "view";
  parent: number | undefined;
  /** What `draft` made, if it was asked. */
  draft: string | undefined;
  /** Of the snapshot's root, where it is not the parent's. */
  owner: { uid: number; gid: number } | undefined;
}

export interface Layout {
  readonly files: SnapshotFiles;
  /** A snapshot may get its parent at the commit. */
  readonly rebases: boolean;
  /** Makes, before anything is recorded, what an active snapshot on `parent` needs and takes its time. A failure leaves nothing. */
  draft?(parent: number): Promise<string>;
  /** Takes a draft away that came to nothing. */
  discard?(draft: string | undefined): Promise<void>;
  /** Puts a new snapshot's directories where they belong. In a transaction. */
  place(id: number, place: Place): void;
  /** Takes back what `place` did, as far as it got; the draft is one again. */
  undo(id: number, draft: string | undefined): void;
  /** Files can be shown with other owners than they have. */
  readonly remaps: boolean;
  /** `parents` nearest first, `more` further options. DataLoss when a directory is gone. */
  mounts(id: number, kind: "active" | "view", parents: readonly number[], more: readonly string[]): Mount[];
}
