/** The snapshotter `overlayfs`: a snapshot has a directory for what it changes, the kernel lays them over one another. */

import type { SnapshotFiles } from "./files.ts";
import type { Layout } from "./layout.ts";
import { snapshotMounts } from "./mounts.ts";

export function overlayLayout(files: SnapshotFiles): Layout {
  return {
    files,
    rebases: true,
    remaps: true,
    place: (id, { kind, parent, owner }) => files.create(id, { parent, work: kind === "active", owner }),
    undo: (id) => files.undo(id),
    mounts(id, kind, parents, more) {
      for (const one of [id, ...parents]) files.check(one);
      return snapshotMounts(files, id, kind, parents, more);
    },
  };
}
