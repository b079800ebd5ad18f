/**
 * The mark phase: an incremental walk from the roots, in slices that leave the event loop to others. What is made or
 * referred to meanwhile is told by `touch` and kept, with all it refers to (an insertion barrier), so nothing that is in
 * use at the end is ever unmarked; what loses its last reference meanwhile is left to the next collection.
 */

import { timestampFromMillis } from "../../../common/timestamp.ts";
import type { Database, Row, Value } from "../../store/database.ts";
import { NodeMap } from "./node-map.ts";
import {
  FLAT_LABEL,
  type GcNode,
  gcLabels,
  isExpired,
  isRooted,
  labelled,
  type NodeKind,
  references,
  rowOf,
} from "./references.ts";

/** Rows of a page of a scan. */
const PAGE = 200;
/** Milliseconds of work after which others get their turn. */
const SLICE = 2;

export class Marker {
  readonly #db: Database;
  /** Marked with their references, or flat (true: references too). */
  readonly #marked = new NodeMap<boolean>();
  readonly #grey: GcNode[] = [];
  /** Their rows have changed since the scan, or are new. */
  readonly #touched: GcNode[] = [];
  /** Of what is no root and refers to others, as the scan found it: a query for each would take most of the time. */
  readonly #rows = new NodeMap<Row>();
  /** Objects kept by the node named, and the nodes that are named. */
  readonly #backRefs = new NodeMap<GcNode[]>();
  readonly #owners: GcNode[] = [];
  /** What the scan has found that is no root. */
  readonly #loose = new Map<NodeKind, GcNode[]>();
  #sliceEnd = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Marks a node now; its references are followed by the next `drain`. */
  touch(node: GcNode): void {
    this.#marked.set(node, true);
    this.#touched.push(node);
  }

  /** True when the node is kept, as far as is known: `drain` first. */
  isMarked(node: GcNode): boolean {
    return this.#marked.get(node) !== undefined;
  }

  /** What may be garbage: what the scan has found of a kind that is no root, in its order. What is marked of it is none. */
  loose(kind: NodeKind): readonly GcNode[] {
    return this.#loose.get(kind) ?? [];
  }

  async mark(): Promise<void> {
    this.#sliceEnd = performance.now() + SLICE;
    await this.#scanRoots();
    // What roots keep that name them was not known as a whole when they were found.
    for (const owner of this.#owners)
      if (this.#marked.get(owner)) for (const node of this.#backRefs.get(owner)!) this.#add(node);
    while (this.#step()) await this.pause();
  }

  /** Follows what was touched since; synchronous, so that what is then unmarked can be dropped in the same turn. */
  drain(): void {
    while (this.#step());
  }

  /** Follows one node; false when there is none. */
  #step(): boolean {
    const touched = this.#touched.pop();
    const node = touched ?? this.#grey.pop();
    if (!node) return false;
    this.#follow(node, touched ? rowOf(this.#db, node) : this.#rows.get(node));
    if (!node.flat) for (const next of this.#backRefs.get(node) ?? []) this.#add(next);
    return true;
  }

  /** Lets others have their turn when this has run long enough. */
  async pause(): Promise<void> {
    if (performance.now() < this.#sliceEnd) return;
    await new Promise(setImmediate);
    this.#sliceEnd = performance.now() + SLICE;
  }

  #add(node: GcNode): void {
    const known = this.#marked.get(node);
    if (known === true || (known === false && node.flat)) return;
    this.#marked.set(node, !node.flat);
    this.#grey.push(node);
  }

  #follow(node: GcNode, row: Row | undefined): void {
    if (row) for (const next of references(node, row)) this.#add(next);
  }

  /** Marks what the scan finds to be a root. */
  #root(node: GcNode, row: Row): void {
    this.#marked.set(node, true);
    this.#follow(node, row);
  }

  async #scanRoots(): Promise<void> {
    await this.#scan("leases", "id", "labels", (namespace, id, [labels]) => {
      const found = gcLabels(labels);
      if (isExpired(found)) this.#keep({ kind: "lease", namespace, id });
      else this.#addLeased(namespace, id, FLAT_LABEL in found);
    });
    await this.#scan("images", "name", "target, labels", (namespace, id, [target, labels]) => {
      const node: GcNode = { kind: "image", namespace, id };
      const row = { target: target!, labels: labels! };
      if (isExpired(gcLabels(labels))) this.#keep(node, row);
      else this.#root(node, row);
    });
    await this.#scan("content", "digest", "labels", (namespace, id, [labels]) => {
      const found = gcLabels(labels);
      const node: GcNode = { kind: "content", namespace, id };
      if (isRooted(found)) this.#root(node, { labels: labels! });
      else this.#keep(node, Object.keys(found).length > 0 ? { labels: labels! } : undefined);
    });
    const more = "snapshotter, snapshot_key, labels";
    await this.#scan("containers", "id", more, (namespace, id, [snapshotter, key, labels]) => {
      this.#root(
        { kind: "container", namespace, id },
        { snapshotter: snapshotter!, snapshot_key: key!, labels: labels! },
      );
    });
    await this.#scan("sandboxes", "id", "labels", (namespace, _id, [labels]) => {
      for (const node of labelled(gcLabels(labels), namespace, "ref")) this.#add(node);
    });
    const now = timestampFromMillis(Date.now());
    await this.#scanById("ingests", "ref, shared, expire_at", (namespace, [ref, shared, expire]) => {
      const node: GcNode = { kind: "ingest", namespace, id: ref as string };
      const row = { shared: shared! };
      if (expire !== "" && (expire as string) > now) this.#root(node, row);
      else this.#keep(node, shared === null ? undefined : row);
    });
    await this.#scanById("snapshots", "snapshotter, key, parent, labels", (namespace, columns) => {
      const [snapshotter, key, parent, labels] = columns as string[];
      const found = gcLabels(labels);
      const node: GcNode = { kind: "snapshot", namespace, id: `${snapshotter}/${key}` };
      const row = { snapshotter: snapshotter!, parent: parent!, labels: labels! };
      if (isRooted(found)) this.#root(node, row);
      else this.#keep(node, parent !== "" || Object.keys(found).length > 0 ? row : undefined);
    });
  }

  /** For when something is found to keep the node: `row` if it refers to others. */
  #keep(node: GcNode, row?: Row): void {
    const loose = this.#loose.get(node.kind);
    if (loose) loose.push(node);
    else this.#loose.set(node.kind, [node]);
    if (!row) return;
    this.#rows.set(node, row);
    if (row.labels === undefined) return;
    for (const owner of labelled(gcLabels(row.labels), node.namespace, "bref")) {
      const list = this.#backRefs.get(owner);
      if (list) list.push(node);
      else {
        this.#backRefs.set(owner, [node]);
        this.#owners.push(owner);
      }
    }
  }

  #addLeased(namespace: string, lease: string, flat: boolean): void {
    const sql = "SELECT type, id FROM lease_resources WHERE namespace = ? AND lease = ?";
    for (const [type, id] of this.#db.tuples(sql, namespace, lease)) {
      const node = leasedNode(namespace, type as string, id as string);
      if (node) this.#add(flat && node.kind !== "ingest" ? { ...node, flat } : node);
    }
  }

  /** All rows of a table keyed by (namespace, `column`), page by page. */
  async #scan(
    table: string,
    column: string,
    more: string,
    body: (namespace: string, id: string, columns: Value[]) => void,
  ): Promise<void> {
    const key = `namespace, ${column}`;
    const sql = `SELECT ${key}, ${more} FROM ${table} WHERE (${key}) > (?, ?) ORDER BY ${key} LIMIT ${PAGE}`;
    for (let last = ["", ""]; ; await this.pause()) {
      const rows = this.#db.tuples(sql, last[0]!, last[1]!);
      for (const [namespace, id, ...columns] of rows) body(namespace as string, id as string, columns);
      if (rows.length < PAGE) return;
      last = rows.at(-1)!.slice(0, 2) as string[];
    }
  }

  async #scanById(table: string, more: string, body: (namespace: string, columns: Value[]) => void): Promise<void> {
    const sql = `SELECT id, namespace, ${more} FROM ${table} WHERE id > ? ORDER BY id LIMIT ${PAGE}`;
    for (let last = 0; ; await this.pause()) {
      const rows = this.#db.tuples(sql, last);
      for (const [, namespace, ...columns] of rows) body(namespace as string, columns);
      if (rows.length < PAGE) return;
      last = rows.at(-1)![0] as number;
    }
  }
}

/** The node a lease's resource means; undefined for a type that is not collected here. */
export function leasedNode(namespace: string, type: string, id: string): GcNode | undefined {
  if (type === "content") return { kind: "content", namespace, id };
  if (type === "images") return { kind: "image", namespace, id };
  if (type === "ingests") return { kind: "ingest", namespace, id };
  if (type.startsWith("snapshots/")) return { kind: "snapshot", namespace, id: `${type.slice(10)}/${id}` };
  return undefined;
}
