/** Containers in the store. */

import { mapField } from "../../../common/filters.ts";
import type { Database, Value } from "../../store/database.ts";
import type { Container } from "../api/containers.ts";
import type { Any, Labels } from "../api/types.ts";
import { anyColumns, readAny, typeText } from "../core/any-rows.ts";
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

/** What filters see of a container: the first of its columns. */
export const SEEN = "id, image, runtime, labels";
/** What a container is read from. */
export const COLUMNS = `${SEEN}, snapshotter, snapshot_key, sandbox, created_at, updated_at, options_type, options, spec_type, spec`;

/** @param columns those of `COLUMNS` */
export function readContainer(columns: readonly Value[], extensions: Extensions): Container {
  const [id, image, runtime, labels, snapshotter, snapshotKey, sandbox, createdAt, updatedAt, ...anys] =
    columns as string[];
  const [optionsType, optionsValue, specType, specValue] = anys;
  const options = readAny(optionsType, optionsValue);
  return {
    id: id!,
    labels: readLabels(labels),
    image: image!,
    runtime: options ? { name: runtime!, options } : { name: runtime! },
    spec: readAny(specType, specValue),
    snapshotter: snapshotter!,
    snapshotKey: snapshotKey!,
    createdAt: createdAt!,
    updatedAt: updatedAt!,
    extensions,
    sandbox: sandbox!,
  };
}

/** In a transaction: inserts. */
export function insertContainer(db: Database, namespace: string, container: Container): void {
  const { id, image, runtime, spec, snapshotter, snapshotKey, sandbox, labels, createdAt, updatedAt } = container;
  db.run(
    "INSERT INTO containers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ...[namespace, id, image, runtime.name, ...anyColumns(runtime.options)],
    ...[...anyColumns(spec), snapshotter, snapshotKey, sandbox],
    ...[JSON.stringify(labels), createdAt, updatedAt],
  );
  for (const [name, any] of Object.entries(container.extensions)) writeExtension(db, namespace, id, name, any);
}

/**
 * In a transaction: writes what `after` has that `before`, which it was made from, has not. What stays is not written again: a specification takes several pages,
 * and a row that keeps its size is changed in its place.
 */
export function updateContainer(db: Database, namespace: string, before: Container, after: Container): void {
  const { id, image, spec, snapshotKey, updatedAt } = after;
  const labels = JSON.stringify(after.labels);
  if (spec !== before.spec) {
    const sql = "UPDATE containers SET spec_type = ?, spec = ? WHERE namespace = ? AND id = ?";
    db.run(sql, ...anyColumns(spec), namespace, id);
  }
  if (image !== before.image || snapshotKey !== before.snapshotKey || labels !== JSON.stringify(before.labels)) {
    const sql = "UPDATE containers SET image = ?, snapshot_key = ?, labels = ? WHERE namespace = ? AND id = ?";
    db.run(sql, image, snapshotKey, labels, namespace, id);
  }
  db.run("UPDATE containers SET updated_at = ? WHERE namespace = ? AND id = ?", updatedAt, namespace, id);
  for (const [name, any] of Object.entries(after.extensions))
    if (any !== before.extensions[name]) writeExtension(db, namespace, id, name, any);
  for (const name of Object.keys(before.extensions)) {
    if (Object.hasOwn(after.extensions, name)) continue;
    const sql = "DELETE FROM container_extensions WHERE namespace = ? AND container = ? AND name = ?";
    db.run(sql, namespace, id, name);
  }
}

function writeExtension(db: Database, namespace: string, id: string, name: string, any: Any): void {
  const sql = `INSERT INTO container_extensions VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET type_url = excluded.type_url, value = excluded.value`;
  db.run(sql, namespace, id, name, typeText(any), any.value);
}

/** What filters see of a row. @param columns those of `SEEN` */
export function containerAdaptor([id, image, runtime, labels]: readonly Value[]) {
  let map: Labels | undefined;
  return (path: readonly string[]) => {
    const [first, ...rest] = path;
    switch (first) {
      case "id":
        return id as string;
      case "image":
        return image === "" ? undefined : (image as string);
      case "runtime":
        return rest[0] === "name" ? (runtime as string) : undefined;
      case "labels":
        map ??= readLabels(labels);
        return mapField(rest, map);
      default:
        return undefined;
    }
  };
}
