/** Containers in the store. */

import { mapField } from "../../../common/filters.ts";
import type { Database, Row } from "../../store/database.ts";
import type { Container } from "../api/containers.ts";
import type { Any } from "../api/types.ts";
import { readLabels } from "../core/labels.ts";

export function readContainer(db: Database, row: Row): Container {
  const namespace = row.namespace as string;
  const id = row.id as string;
  const extensions: Record<string, Any> = {};
  const sql = "SELECT name, type_url, value FROM container_extensions WHERE namespace = ? AND container = ?";
  for (const extension of db.all(sql, namespace, id)) {
    extensions[extension.name as string] = readAny(extension.type_url, extension.value)!;
  }
  const options = readAny(row.options_type, row.options);
  return {
    id,
    labels: readLabels(row.labels),
    image: row.image as string,
    runtime: { name: row.runtime as string, ...(options && { options }) },
    spec: readAny(row.spec_type, row.spec),
    snapshotter: row.snapshotter as string,
    snapshotKey: row.snapshot_key as string,
    createdAt: row.created_at as string,
    updatedAt: row.updated_at as string,
    extensions,
    sandbox: row.sandbox as string,
  };
}

/** In a transaction: inserts or replaces. */
export function writeContainer(db: Database, namespace: string, container: Container): void {
  const { id, image, runtime, spec, snapshotter, snapshotKey, sandbox, labels, createdAt, updatedAt } = container;
  db.run(
    "INSERT OR REPLACE INTO containers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[namespace, id, image, runtime.name, runtime.options?.typeUrl ?? null, runtime.options?.value ?? null],
    ...[spec?.typeUrl ?? null, spec?.value ?? null, snapshotter, snapshotKey, sandbox],
    ...[JSON.stringify(labels), createdAt, updatedAt],
  );
  db.run("DELETE FROM container_extensions WHERE namespace = ? AND container = ?", namespace, id);
  for (const [name, { typeUrl, value }] of Object.entries(container.extensions)) {
    db.run("INSERT INTO container_extensions VALUES (?, ?, ?, ?, ?)", namespace, id, name, typeUrl, value);
  }
}

export function containerAdaptor(container: Container) {
  return (path: readonly string[]) => {
    const [first, ...rest] = path;
    switch (first) {
      case "id":
        return container.id;
      case "image":
        return container.image === "" ? undefined : container.image;
      case "runtime":
        return rest[0] === "name" ? container.runtime.name : undefined;
      case "labels":
        return mapField(rest, container.labels);
      default:
        return undefined;
    }
  };
}

function readAny(typeUrl: unknown, value: unknown): Any | undefined {
  return typeUrl === null ? undefined : { typeUrl: typeUrl as string, value: value as Uint8Array };
}
