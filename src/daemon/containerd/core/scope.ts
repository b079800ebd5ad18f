/** What the services of one core share, and whose call it is. */

import { WharfError } from "../../../common/errors.ts";
import type { Database } from "../../store/database.ts";
import type { AgentClient } from "../agent.ts";
import type { Snapshotter } from "../api/snapshots.ts";
import type { BlobFiles } from "../content/files.ts";
import type { HasherPool } from "../content/hasher.ts";
import type { OpenWriters } from "../content/open-writers.ts";
import type { EventHub } from "../events/hub.ts";
import type { EventMessage } from "../events/messages.ts";
import type { GarbageCollector } from "../gc/api.ts";
import type { NodeKind } from "../gc/references.ts";
import type { SnapshotFiles } from "../snapshots/files.ts";

/** Where a core keeps its things; all absolute. */
export interface Paths {
  root: string;
  state: string;
}

/** Whether a namespace gets by its digest alone a blob that only another one has (containerd, content_sharing_policy). */
export type ContentPolicy = "shared" | "isolated";

export interface Shared {
  readonly paths: Paths;
  readonly db: Database;
  readonly agent: AgentClient;
  readonly hub: EventHub;
  readonly gc: GarbageCollector;
  readonly blobs: BlobFiles;
  readonly contentPolicy: ContentPolicy;
  readonly hashers: HasherPool;
  /** Ingests that are open for writing, by row id. */
  readonly writers: OpenWriters;
  /** Of our own snapshotters, by name. */
  readonly snapshotFiles: ReadonlyMap<string, SnapshotFiles>;
  /** Whether the overlayfs snapshotter can show other owners than files have; found out with the first question. */
  readonly remapsIds: () => Promise<boolean>;
  /** Snapshotters of other programs, by name: what each is to a namespace. */
  readonly proxies: Readonly<Record<string, (namespace: string) => Snapshotter>>;
  /** Told of what goes wrong where no caller waits. */
  readonly log: (message: string, error?: unknown) => void;
  /** Told what shims write to their logs. */
  readonly shimLine: (line: string, shim: { namespace: string; id: string }) => void;
  /** Shims are to tell more. */
  readonly debug: boolean;
}

/** A client's view: its namespace, and the lease what it makes is added to. */
export class Scope {
  readonly shared: Shared;
  readonly namespace: string;
  readonly lease: string | undefined;

  constructor(shared: Shared, namespace: string, lease: string | undefined) {
    this.shared = shared;
    this.namespace = namespace;
    this.lease = lease;
  }

  get db(): Database {
    return this.shared.db;
  }

  /** Runs a transaction that may make the namespace. */
  write<T>(body: () => T): T {
    return this.db.transaction(() => {
      this.db.run("INSERT OR IGNORE INTO namespaces (name) VALUES (?)", this.namespace);
      return body();
    });
  }

  /** Runs a transaction that removes something: one that works on a full disk too. `body` may run twice. */
  remove<T>(body: () => T): T {
    return this.db.removal(body);
  }

  /**
   * In a transaction: says that a thing was made or referred to, so that garbage collection under way keeps it, and with
   * a `type` adds it to the lease, there called `leased`. NotFound when the lease is gone. Without a lease what it tells a client of
   * is spared for a while.
   */
  hold(kind: NodeKind, id: string, type?: string, leased = id): void {
    const { gc } = this.shared;
    if (type !== undefined && this.lease === undefined && (kind === "content" || kind === "snapshot"))
      gc.spare(kind, this.namespace, id);
    else gc.touch(kind, this.namespace, id);
    if (this.lease === undefined || type === undefined) return;
    if (!this.db.get("SELECT 1 FROM leases WHERE namespace = ? AND id = ?", this.namespace, this.lease)) {
      throw new WharfError("NotFound", `lease ${JSON.stringify(this.lease)} not found`, { subject: this.lease });
    }
    this.db.run("INSERT OR IGNORE INTO lease_resources VALUES (?, ?, ?, ?)", this.namespace, this.lease, type, leased);
  }

  /** In a transaction: takes a thing that is no more out of the lease. */
  release(id: string, leaseType: string): void {
    if (this.lease === undefined) return;
    const sql = "DELETE FROM lease_resources WHERE namespace = ? AND lease = ? AND type = ? AND id = ?";
    this.db.run(sql, this.namespace, this.lease, leaseType, id);
  }

  /**
   * After a transaction: true waits until it would survive a power cut, undefined has that begun in a few milliseconds and does not wait, false leaves it to whoever
   * waits next. The death of the daemon alone loses nothing in any of these cases.
   */
  async flush(wait: boolean | undefined): Promise<void> {
    if (wait) await this.db.durable();
    else if (wait === undefined) this.db.durableSoon((error) => this.shared.log("cannot flush the store", error));
  }

  /** In a transaction: publishes when it is committed. */
  emit(message: EventMessage): void {
    this.db.afterCommit(() => this.shared.hub.emit(this.namespace, message));
  }
}
