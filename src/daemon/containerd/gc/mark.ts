/**
 * The mark phase: an incremental walk from the roots, in slices that leave the event loop to others. What is made or
 * referred to meanwhile is told by `touch` and kept, with all it refers to (an insertion barrier), so nothing that is in
 * use at the end is ever unmarked; what loses its last reference meanwhile is left to the next collection.
 */

import { timestampFromMillis } from "../../../common/timestamp.ts";
import type { Database, Row } from "../../store/database.ts";
import {
  FLAT_LABEL,
  type GcNode,
  gcLabels,
  isExpired,
  isRooted,
  labelled,
  nodeKey,
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
  readonly #marked = new Map<string, boolean>();
  readonly #grey: GcNode[] = [];
  /** Their rows have changed since the scan, or are new. */
  readonly #touched: GcNode[] = [];
  /** Of what is no root and refers to others, as the scan found it: a query for each would take most of the time. */
  readonly #rows = new Map<string, Row>();
  /** Objects kept by the node named. */
  readonly #backRefs = new Map<string, GcNode[]>();
  #sliceEnd = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Marks a node now; its references are followed by the next `drain`. */
  touch(node: GcNode): void {
    this.#marked.set(nodeKey(node), true);
    this.#touched.push(node);
  }

  /** True when the node is kept, as far as is known: `drain` first. */
  isMarked(node: GcNode): boolean {
    return this.#marked.has(nodeKey(node));
  }

  async mark(): Promise<void> {
    this.#sliceEnd = performance.now() + SLICE;
    await this.#scanRoots();
    // What roots keep that name them was not known as a whole when they were found.
    for (const [key, nodes] of this.#backRefs) if (this.#marked.get(key)) for (const node of nodes) this.#add(node);
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
    const key = nodeKey(node);
    this.#follow(node, touched ? rowOf(this.#db, node) : this.#rows.get(key));
    if (!node.flat) for (const next of this.#backRefs.get(key) ?? []) this.#add(next);
    return true;
  }

  /** Lets others have their turn when this has run long enough. */
  async pause(): Promise<void> {
    if (performance.now() < this.#sliceEnd) return;
    await new Promise(setImmediate);
    this.#sliceEnd = performance.now() + SLICE;
  }

  #add(node: GcNode): void {
    const key = nodeKey(node);
    const known = this.#marked.get(key);
    if (known === true || (known === false && node.flat)) return;
    this.#marked.set(key, !node.flat);
    this.#grey.push(node);
  }

  #follow(node: GcNode, row: Row | undefined): void {
    if (row) for (const next of references(node, row)) this.#add(next);
  }

  /** Marks what the scan finds to be a root. */
  #root(node: GcNode, row: Row): void {
    this.#marked.set(nodeKey(node), true);
    this.#follow(node, row);
  }

  async #scanRoots(): Promise<void> {
    await this.#scanLeases();
    await this.#scan("images", "name", "target, labels", (id, row, namespace) => {
      const labels = gcLabels(row.labels);
      const node: GcNode = { kind: "image", namespace, id };
      if (isExpired(labels)) this.#keepRow(node, row, labels);
      else this.#root(node, row);
    });
    await this.#scan("content", "digest", "labels", (id, row, namespace) => {
      const labels = gcLabels(row.labels);
      const node: GcNode = { kind: "content", namespace, id };
      if (isRooted(labels)) this.#root(node, row);
      else if (Object.keys(labels).length > 0) this.#keepRow(node, row, labels);
    });
    await this.#scan("containers", "id", "snapshotter, snapshot_key, labels", (id, row, namespace) => {
      this.#root({ kind: "container", namespace, id }, row);
    });
    await this.#scan("sandboxes", "id", "labels", (_id, row, namespace) => {
      for (const node of labelled(gcLabels(row.labels), namespace, "ref")) this.#add(node);
    });
    await this.#scanById("ingests", "ref, shared, expire_at", (row) => {
      const node: GcNode = { kind: "ingest", namespace: row.namespace as string, id: row.ref as string };
      const expire = row.expire_at as string;
      if (expire !== "" && expire > timestampFromMillis(Date.now())) this.#root(node, row);
      else if (row.shared !== null) this.#keepRow(node, row, {});
    });
    await this.#scanById("snapshots", "snapshotter, key, parent, labels", (row) => {
      const labels = gcLabels(row.labels);
      const id = `${row.snapshotter}/${row.key}`;
      const node: GcNode = { kind: "snapshot", namespace: row.namespace as string, id };
      if (isRooted(labels)) this.#root(node, row);
      else if (row.parent !== "" || Object.keys(labels).length > 0) this.#keepRow(node, row, labels);
    });
  }

  /** For when something is found to keep the node. */
  #keepRow(node: GcNode, row: Row, labels: Record<string, string>): void {
    this.#rows.set(nodeKey(node), row);
    for (const owner of labelled(labels, node.namespace, "bref")) {
      const key = nodeKey(owner);
      const list = this.#backRefs.get(key);
      if (list) list.push(node);
      else this.#backRefs.set(key, [node]);
    }
  }

  async #scanLeases(): Promise<void> {
    await this.#scan("leases", "id", "labels", (lease, row, namespace) => {
      const labels = gcLabels(row.labels);
      if (isExpired(labels)) return;
      const flat = FLAT_LABEL in labels;
      const resources = this.#db.all(
        "SELECT type, id FROM lease_resources WHERE namespace = ? AND lease = ?",
        namespace,
        lease,
      );
      for (const { type, id } of resources) {
        const node = leasedNode(namespace, type as string, id as string);
        if (node) this.#add(flat && node.kind !== "ingest" ? { ...node, flat } : node);
      }
    });
  }

  /** All rows of a table keyed by (namespace, `column`), page by page. */
  async #scan(
    table: string,
    column: string,
    more: string,
    body: (id: string, row: Row, namespace: string) => void,
  ): Promise<void> {
    const sql = `SELECT namespace, ${column} AS id, ${more} FROM ${table} WHERE (namespace, ${column}) > (?, ?) ORDER BY namespace, ${column} LIMIT ${PAGE}`;
    for (let last = ["", ""]; ; ) {
      const rows = this.#db.all(sql, last[0]!, last[1]!);
      for (const row of rows) body(row.id as string, row, row.namespace as string);
      if (rows.length < PAGE) return;
      last = [rows.at(-1)!.namespace as string, rows.at(-1)!.id as string];
      await this.pause();
    }
  }

  async #scanById(table: string, more: string, body: (row: Row) => void): Promise<void> {
    const sql = `SELECT id, namespace, ${more} FROM ${table} WHERE id > ? ORDER BY id LIMIT ${PAGE}`;
    for (let last = 0; ; ) {
      const rows = this.#db.all(sql, last);
      for (const row of rows) body(row);
      if (rows.length < PAGE) return;
      last = rows.at(-1)!.id as number;
      await this.pause();
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
