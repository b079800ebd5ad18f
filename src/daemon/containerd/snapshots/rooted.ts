/** A snapshotter for another containerd, which keeps the books itself: nothing of what it makes here is collected as garbage. */

import type { SnapshotCommitOptions, SnapshotInfo, SnapshotOptions, Snapshotter } from "../api/snapshots.ts";
import type { FieldPaths } from "../api/types.ts";
import { ROOT_LABEL } from "../gc/references.ts";

/** Labels of the caller's with the one that keeps. */
function kept<T extends SnapshotOptions>(options: T): T & { labels: Record<string, string> } {
  return { ...options, labels: { ...options.labels, [ROOT_LABEL]: "proxied" } };
}

export function rooted(snapshots: Snapshotter): Snapshotter {
  return {
    rebases: snapshots.rebases,
    mayBeRemote: snapshots.mayBeRemote,
    stat: (key) => snapshots.stat(key),
    usage: (key, options) => snapshots.usage(key, options),
    mounts: (key) => snapshots.mounts(key),
    walk: (filters) => snapshots.walk(filters),
    remove: (key) => snapshots.remove(key),
    cleanup: () => snapshots.cleanup(),
    prepare: (key, parent, options = {}) => snapshots.prepare(key, parent, kept(options)),
    view: (key, parent, options = {}) => snapshots.view(key, parent, kept(options)),
    commit: (name, key, options: SnapshotCommitOptions = {}) => snapshots.commit(name, key, kept(options)),
    update: (info: Pick<SnapshotInfo, "name" | "labels">, fieldPaths?: FieldPaths) =>
      snapshots.update({ ...info, ...kept({ labels: info.labels }) }, fieldPaths),
  };
}
