/** The mounts of an overlay snapshot, in the form containerd's overlay snapshotter gives them. */

import type { Mount } from "../api/types.ts";
import type { SnapshotFiles } from "./files.ts";

/**
 * `parents` are the ids of the committed snapshots below, nearest first.
 * A single directory needs no overlay: it is bound.
 */
export function snapshotMounts(
  files: SnapshotFiles,
  id: number,
  kind: "active" | "view",
  parents: readonly number[],
  more: readonly string[] = [],
): Mount[] {
  const bind = (source: string, mode: "rw" | "ro"): Mount[] => [
    { type: "bind", source, target: "", options: [...more, mode, "rbind"] },
  ];
  if (parents.length === 0) return bind(files.upper(id), kind === "active" ? "rw" : "ro");
  if (kind === "view" && parents.length === 1) return bind(files.upper(parents[0]!), "ro");
  const options = [`lowerdir=${parents.map((parent) => files.upper(parent)).join(":")}`];
  // Without index=off an upper directory that was once mounted over other layers is refused (containerd does the same).
  if (kind === "active") options.unshift("index=off", `workdir=${files.work(id)}`, `upperdir=${files.upper(id)}`);
  return [{ type: "overlay", source: "overlay", target: "", options: [...more, ...options] }];
}
