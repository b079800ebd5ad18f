/**
 * What refers to what, as garbage collection sees it (containerd, core/metadata/gc.go): images to their target, snapshots to
 * their parent, containers to their snapshot, and labels to whatever they name.
 *
 *     containerd.io/gc.root                         keeps the object
 *     containerd.io/gc.expire                       keeps it until then (an image or lease: ends it then)
 *     containerd.io/gc.ref.content[.name]           keeps a blob: the label's value is the digest
 *     containerd.io/gc.ref.snapshot.<snapshotter>[/name]   keeps a snapshot: the value is the key
 *     containerd.io/gc.ref.image[.name]             keeps an image
 *     containerd.io/gc.bref.{container,content,image,snapshot.<snapshotter>}   is kept by the object named
 */

import type { Database, Row } from "../../store/database.ts";
import type { Labels } from "../api/types.ts";
import { isPast } from "../core/clock.ts";
import { readLabels } from "../core/labels.ts";

export type NodeKind = "content" | "snapshot" | "image" | "container" | "ingest" | "lease";

/** A thing that can be kept or collected. A snapshot's id is `<snapshotter>/<key>`. */
export interface GcNode {
  kind: NodeKind;
  namespace: string;
  id: string;
  /** Held by a flat lease: without what it refers to (snapshots: with their parents). */
  flat?: boolean;
}

export const ROOT_LABEL = "containerd.io/gc.root";
export const EXPIRE_LABEL = "containerd.io/gc.expire";
export const FLAT_LABEL = "containerd.io/gc.flat";
const REF = "containerd.io/gc.ref.";
const BACK_REF = "containerd.io/gc.bref.";

/** Nodes that labels name, forward or backward. */
export function labelled(labels: Labels, namespace: string, direction: "ref" | "bref"): GcNode[] {
  const prefix = direction === "ref" ? REF : BACK_REF;
  const nodes: GcNode[] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (!key.startsWith(prefix)) continue;
    const rest = key.slice(prefix.length);
    if (rest.startsWith("snapshot.")) {
      const snapshotter = rest.slice("snapshot.".length).split("/", 1)[0];
      nodes.push({ kind: "snapshot", namespace, id: `${snapshotter}/${value}` });
      continue;
    }
    const kind = /^(content|image|container)(?:[./]|$)/.exec(rest)?.[1] as NodeKind | undefined;
    if (kind && (kind !== "container" || direction === "bref")) nodes.push({ kind, namespace, id: value });
  }
  return nodes;
}

/** True when labels alone make an object a root. */
export function isRooted(labels: Labels): boolean {
  if (Object.keys(labels).some((key) => key.startsWith(ROOT_LABEL))) return true;
  const expire = labels[EXPIRE_LABEL];
  return expire !== undefined && isPast(expire) === false;
}

/** True when an image's or lease's time has run out. A time that cannot be read does not count. */
export function isExpired(labels: Labels): boolean {
  const expire = labels[EXPIRE_LABEL];
  return expire !== undefined && isPast(expire) === true;
}

/** The labels of a column, if any of them is of those above: most things have none. */
export function gcLabels(column: unknown): Labels {
  return (column as string).includes('"containerd.io/gc.') ? readLabels(column) : {};
}

/** What a node refers to, by its row. */
export function references(node: GcNode, row: Row): GcNode[] {
  const { namespace, flat = false } = node;
  const nodes: GcNode[] = [];
  switch (node.kind) {
    case "content":
    case "lease":
      break;
    case "snapshot":
      if (row.parent !== "") {
        nodes.push({ kind: "snapshot", namespace, id: `${row.snapshotter}/${row.parent}`, flat });
      }
      break;
    case "image": {
      const { digest } = JSON.parse(row.target as string) as { digest: string };
      nodes.push({ kind: "content", namespace, id: digest, flat });
      break;
    }
    case "container":
      if (row.snapshotter !== "" && row.snapshot_key !== "") {
        nodes.push({ kind: "snapshot", namespace, id: `${row.snapshotter}/${row.snapshot_key}` });
      }
      break;
    case "ingest":
      if (row.shared !== null) nodes.push({ kind: "content", namespace, id: row.shared as string });
      return nodes;
  }
  return flat ? nodes : [...nodes, ...labelled(gcLabels(row.labels), namespace, "ref")];
}

/** What `references` reads of a node; undefined where it is not there. */
export function rowOf(db: Database, { kind, namespace, id }: GcNode): Row | undefined {
  switch (kind) {
    case "content":
      return db.get("SELECT labels FROM content WHERE namespace = ? AND digest = ?", namespace, id);
    case "snapshot": {
      const slash = id.indexOf("/");
      return db.get(
        "SELECT snapshotter, parent, labels FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?",
        ...[namespace, id.slice(0, slash), id.slice(slash + 1)],
      );
    }
    case "image":
      return db.get("SELECT target, labels FROM images WHERE namespace = ? AND name = ?", namespace, id);
    case "container":
      return db.get(
        "SELECT snapshotter, snapshot_key, labels FROM containers WHERE namespace = ? AND id = ?",
        namespace,
        id,
      );
    case "ingest":
      return db.get("SELECT shared FROM ingests WHERE namespace = ? AND ref = ?", namespace, id);
    case "lease":
      return undefined;
  }
}

/** One text for a node, with or without its references. */
export function nodeKey({ kind, namespace, id }: GcNode): string {
  return `${kind}\0${namespace}\0${id}`;
}
