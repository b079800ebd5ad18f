/** The snapshotter's rows. */

import { WharfError } from "../../../common/errors.ts";
import { mapField } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import type { SnapshotInfo, SnapshotKind } from "../api/snapshots.ts";
import { readLabels } from "../core/labels.ts";

export function readSnapshot(row: Row): SnapshotInfo {
  return {
    kind: row.kind as SnapshotKind,
    name: row.key as string,
    parent: row.parent as string,
    labels: readLabels(row.labels),
    createdAt: row.created_at as string,
    updatedAt: row.updated_at as string,
  };
}

export function snapshotAdaptor(info: SnapshotInfo) {
  return (path: readonly string[]) => {
    switch (path[0]) {
      case "name":
        return info.name;
      case "parent":
        return info.parent;
      case "kind":
        return info.kind;
      case "labels":
        return mapField(path.slice(1), info.labels);
      default:
        return undefined;
    }
  };
}

export function snapshotNotFound(key: string): WharfError {
  return new WharfError("NotFound", `snapshot ${JSON.stringify(key)} not found`, { subject: key });
}

export function snapshotExists(key: string): WharfError {
  return new WharfError("AlreadyExists", `snapshot ${JSON.stringify(key)} already exists`, { subject: key });
}
