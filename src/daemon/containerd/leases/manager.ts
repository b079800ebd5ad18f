/** The leases of one namespace. */

import { randomBytes } from "node:crypto";
import { isDigest } from "../../../common/digest.ts";
import { WharfError } from "../../../common/errors.ts";
import { mapField, parseFilters } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import type { Lease, LeaseManager, LeaseResource } from "../api/leases.ts";
import type { Filters, Labels } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { checkLabels, readLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { leasedNode } from "../gc/mark.ts";
import { EXPIRE_LABEL, type GcNode } from "../gc/references.ts";

const KINDS = new Set(["content", "snapshots", "ingests", "images"]);

export class LocalLeases implements LeaseManager {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async create(input: { id?: string | undefined; labels?: Labels | undefined } = {}): Promise<Lease> {
    const scope = this.#scope;
    const id = input.id || `${Date.now()}-${randomBytes(6).toString("base64url")}`;
    const lease: Lease = { id, labels: checkLabels(input.labels), createdAt: now() };
    scope.write(() => {
      const values = [scope.namespace, lease.id, JSON.stringify(lease.labels), lease.createdAt];
      if (scope.db.run("INSERT OR IGNORE INTO leases VALUES (?, ?, ?, ?)", ...values) === 0) {
        throw new WharfError("AlreadyExists", `lease ${JSON.stringify(lease.id)} already exists`, {
          subject: lease.id,
        });
      }
    });
    const expire = Date.parse(lease.labels[EXPIRE_LABEL] ?? "");
    if (!Number.isNaN(expire)) scope.shared.gc.schedule(Math.max(0, expire - Date.now()));
    return lease;
  }

  async delete(id: string, options: { sync?: boolean | undefined } = {}): Promise<void> {
    const { db, namespace, shared } = this.#scope;
    const deleted = db.removal(() => db.run("DELETE FROM leases WHERE namespace = ? AND id = ?", namespace, id));
    if (deleted === 0) throw notFound(id);
    if (options.sync) await shared.gc.run();
    else shared.gc.schedule();
  }

  async list(filters?: Filters): Promise<Lease[]> {
    const filter = parseFilters(filters);
    const rows = this.#scope.db.all("SELECT * FROM leases WHERE namespace = ? ORDER BY id", this.#scope.namespace);
    return rows.map(readLease).filter((lease) =>
      filter((path) => {
        if (path[0] === "id") return lease.id;
        return path[0] === "labels" ? mapField(path.slice(1), lease.labels) : undefined;
      }),
    );
  }

  async addResource(id: string, resource: LeaseResource): Promise<void> {
    const { db, namespace, shared } = this.#scope;
    db.transaction(() => {
      this.#check(id);
      const node = resourceNode(namespace, resource);
      db.run("INSERT OR IGNORE INTO lease_resources VALUES (?, ?, ?, ?)", namespace, id, resource.type, resource.id);
      shared.gc.touch(node.kind, namespace, node.id);
    });
  }

  async deleteResource(id: string, resource: LeaseResource): Promise<void> {
    const { db, namespace, shared } = this.#scope;
    db.transaction(() => {
      this.#check(id);
      resourceNode(namespace, resource);
      const sql = "DELETE FROM lease_resources WHERE namespace = ? AND lease = ? AND type = ? AND id = ?";
      db.run(sql, namespace, id, resource.type, resource.id);
    });
    shared.gc.schedule();
  }

  async listResources(id: string): Promise<LeaseResource[]> {
    this.#check(id);
    const sql = "SELECT type, id FROM lease_resources WHERE namespace = ? AND lease = ? ORDER BY type, id";
    const rows = this.#scope.db.all(sql, this.#scope.namespace, id);
    return rows.map((row) => ({ id: row.id as string, type: row.type as string }));
  }

  #check(id: string): void {
    const { db, namespace } = this.#scope;
    if (!db.get("SELECT 1 FROM leases WHERE namespace = ? AND id = ?", namespace, id)) throw notFound(id);
  }
}

function readLease(row: Row): Lease {
  return { id: row.id as string, labels: readLabels(row.labels), createdAt: row.created_at as string };
}

function notFound(id: string): WharfError {
  return new WharfError("NotFound", `lease ${JSON.stringify(id)} not found`, { subject: id });
}

/** Unimplemented for a type that cannot be held, InvalidArgument for an id that cannot be. */
function resourceNode(namespace: string, { type, id }: LeaseResource): GcNode {
  const node = leasedNode(namespace, type, id);
  const [kind, ...rest] = type.split("/");
  if (!node && !KINDS.has(kind!)) {
    const kinds = "only content, snapshots/<snapshotter>, ingests and images";
    throw new WharfError("Unimplemented", `a lease cannot hold resources of type ${JSON.stringify(type)}: ${kinds}`);
  }
  if (!node || rest.length > 1 || rest[0] === "")
    throw new WharfError("InvalidArgument", `bad type of a lease's resource: ${JSON.stringify(type)}`);
  if (id === "" || (kind === "content" && !isDigest(id)))
    throw new WharfError("InvalidArgument", `bad id of a lease's ${kind}: ${JSON.stringify(id)}`);
  return node;
}
