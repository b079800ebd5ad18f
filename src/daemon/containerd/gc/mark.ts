/**
 * The mark phase: an incremental walk from the roots, in slices that leave the event loop to others. What is made or
 * referred to meanwhile is told by `touch` and kept, with all it refers to (an insertion barrier), so nothing that is in
 * use at the end is ever unmarked; what loses its last reference meanwhile is left to the next collection.
 */

import { timestampFromMillis } from "../../../common/timestamp.ts";
import type { Database } from "../../store/database.ts";
import { readLabels } from "../core/labels.ts";
import { FLAT_LABEL, type GcNode, isExpired, isRooted, labelled, nodeKey, references } from "./references.ts";

/** Rows of a page of a scan. */
const PAGE = 500;
/** Milliseconds of work after which others get their turn. */
const SLICE = 2;

export class Marker {
  readonly #db: Database;
  /** Marked with their references, or flat (true: references too). */
  readonly #marked = new Map<string, boolean>();
  readonly #grey: GcNode[] = [];
  /** Objects kept by the node named. */
  readonly #backRefs = new Map<string, GcNode[]>();
  #sliceEnd = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Marks a node now; its references are followed by the next `drain`. */
  touch(node: GcNode): void {
    this.#marked.set(nodeKey(node), true);
    this.#grey.push(node);
  }

  /** True when the node is kept, as far as is known: `drain` first. */
  isMarked(node: GcNode): boolean {
    return this.#marked.has(nodeKey(node));
  }

  async mark(): Promise<void> {
    this.#sliceEnd = performance.now() + SLICE;
    await this.#scanRoots();
    while (this.#grey.length > 0) {
      this.#visit(this.#grey.pop()!);
      await this.pause();
    }
  }

  /** Follows what was touched since; synchronous, so that what is then unmarked can be dropped in the same turn. */
  drain(): void {
    for (let node = this.#grey.pop(); node; node = this.#grey.pop()) this.#visit(node);
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

  #visit(node: GcNode): void {
    for (const next of references(this.#db, node)) this.#add(next);
    if (node.flat) return;
    for (const next of this.#backRefs.get(nodeKey(node)) ?? []) this.#add(next);
  }

  async #scanRoots(): Promise<void> {
    await this.#scanLeases();
    await this.#scan("images", "name", (id, row, namespace) => {
      const labels = readLabels(row.labels);
      const node: GcNode = { kind: "image", namespace, id };
      if (isExpired(labels)) this.#addBackRefs(node, labels);
      else this.#add(node);
    });
    await this.#scan("content", "digest", (id, row, namespace) => {
      if (row.labels === "{}") return;
      this.#addLabelled({ kind: "content", namespace, id }, readLabels(row.labels));
    });
    await this.#scan("containers", "id", (id, _row, namespace) => {
      this.#add({ kind: "container", namespace, id });
    });
    await this.#scan("sandboxes", "id", (_id, row, namespace) => {
      for (const node of labelled(readLabels(row.labels), namespace, "ref")) this.#add(node);
    });
    await this.#scanById("ingests", (row) => {
      const expire = row.expire_at as string;
      if (expire === "" || expire <= timestampFromMillis(Date.now())) return;
      this.#add({ kind: "ingest", namespace: row.namespace as string, id: row.ref as string });
    });
    await this.#scanById("snapshots", (row) => {
      if (row.labels === "{}") return;
      const id = `${row.snapshotter}/${row.key}`;
      this.#addLabelled({ kind: "snapshot", namespace: row.namespace as string, id }, readLabels(row.labels));
    });
  }

  #addLabelled(node: GcNode, labels: Record<string, string>): void {
    if (isRooted(labels)) this.#add(node);
    else this.#addBackRefs(node, labels);
  }

  #addBackRefs(node: GcNode, labels: Record<string, string>): void {
    for (const owner of labelled(labels, node.namespace, "bref")) {
      const key = nodeKey(owner);
      const list = this.#backRefs.get(key);
      if (list) list.push(node);
      else this.#backRefs.set(key, [node]);
    }
  }

  async #scanLeases(): Promise<void> {
    await this.#scan("leases", "id", (lease, row, namespace) => {
      const labels = readLabels(row.labels);
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
    body: (id: string, row: Record<string, unknown>, namespace: string) => void,
  ): Promise<void> {
    const sql = `SELECT namespace, ${column} AS id, labels FROM ${table} WHERE (namespace, ${column}) > (?, ?) ORDER BY namespace, ${column} LIMIT ${PAGE}`;
    for (let last = ["", ""]; ; ) {
      const rows = this.#db.all(sql, last[0]!, last[1]!);
      for (const row of rows) body(row.id as string, row, row.namespace as string);
      if (rows.length < PAGE) return;
      last = [rows.at(-1)!.namespace as string, rows.at(-1)!.id as string];
      await this.pause();
    }
  }

  async #scanById(table: string, body: (row: Record<string, unknown>) => void): Promise<void> {
    const sql = `SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ${PAGE}`;
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
