/** Containers in the store. */

import { mapField } from "../../../common/filters.ts";
import type { Database, Row } from "../../store/database.ts";
import type { Container } from "../api/containers.ts";
import type { Any } from "../api/types.ts";
import { readLabels } from "../core/labels.ts";

export type Extensions = Record<string, Any>;

/** The extensions of one container. */
export function readExtensions(db: Database, namespace: string, id: string): Extensions {
  const sql = "SELECT name, type_url, value FROM container_extensions WHERE namespace = ? AND container = ?";
  const extensions: Extensions = {};
  for (const row of db.all(sql, namespace, id)) extensions[row.name as string] = readAny(row.type_url, row.value)!;
  return extensions;
}

/** The extensions of the containers of a namespace that have any: those whose ids come after `after`, up to `last`. */
export function readAllExtensions(
  db: Database,
  namespace: string,
  after: string,
  last: string,
): Map<string, Extensions> {
  const all = new Map<string, Extensions>();
  const sql = "SELECT * FROM container_extensions WHERE namespace = ? AND container > ? AND container <= ?";
  for (const row of db.all(sql, namespace, after, last)) {
    const extensions = all.get(row.container as string) ?? {};
    extensions[row.name as string] = readAny(row.type_url, row.value)!;
    all.set(row.container as string, extensions);
  }
  return all;
}

export function readContainer(row: Row, extensions: Extensions): Container {
  const options = readAny(row.options_type, row.options);
  return {
    id: row.id as string,
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
