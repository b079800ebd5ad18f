/**
 * A snapshotter of another program, behind its socket. As with containerd its metadata, leases and collection are ours, and it knows the snapshots of
 * all namespaces by keys of their own, `<namespace>/<id>/<key>`. A row is written before it is asked for anything, and its removals go through
 * the trash: what it could not do is tried again.
 */

import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import type { Row } from "../../store/database.ts";
import type {
  SnapshotCommitOptions,
  SnapshotInfo,
  SnapshotOptions,
  Snapshotter,
  SnapshotUsage,
} from "../api/snapshots.ts";
import type { CallOptions, FieldPaths, Filters, Labels, Mount } from "../api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../api.ts";
import { now } from "../core/clock.ts";
import { checkLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { snapshotCommit, snapshotPrepare } from "../events/messages.ts";
import { LocalSnapshotter, TARGET_LABEL } from "./local.ts";
import { overlayLayout } from "./overlay.ts";
import { snapshotExists, snapshotNotFound } from "./rows.ts";

const TRASH = /^proxy ([^ ]+) ([^/]+)\/(\d+)([/=])(.*)$/s;

/** What stands in the trash for a snapshot of another program: its key there, after `=` when that program chose it. */
export function trashOf({ snapshotter, namespace, id, key, backend }: Row): string {
  return `proxy ${snapshotter} ${namespace}/${id}${backend === null ? `/${key}` : `=${backend}`}`;
}

/** A snapshot of another program that is to be removed. */
export interface ProxiedTrash {
  id: number;
  snapshotter: string;
  /** The name that program chose, by which other rows may know it, too. */
  backend: string | undefined;
  remove(): Promise<void>;
}

/** What the trash names at its program; undefined for a path. */
export function proxiedTrash(
  entry: string,
  proxies: Readonly<Record<string, (namespace: string) => Snapshotter>>,
): ProxiedTrash | undefined {
  const [, name, namespace, id, mark, key] = TRASH.exec(entry) ?? [];
  if (name === undefined) return undefined;
  const remove = async () => {
    const backend = proxies[name]?.(namespace!);
    if (!backend) throw new WharfError("NotFound", `there is no snapshotter ${JSON.stringify(name)} any more`);
    await backend.remove(mark === "=" ? key! : `${namespace}/${id}/${key}`).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
  };
  return { id: Number(id), snapshotter: name, backend: mark === "=" ? key : undefined, remove };
}

/** What the other program gets to see: where the layer belongs, and what is meant for snapshotters. */
function inherited(labels: Labels): Labels {
  const seen = ([key]: [string, string]) => key === TARGET_LABEL || key.startsWith("containerd.io/snapshot/");
  return Object.fromEntries(Object.entries(labels).filter(seen));
}

export class ProxySnapshotter implements Snapshotter {
  readonly rebases = false;
  readonly mayBeRemote = true;
  readonly #scope: Scope;
  readonly #name: string;
  readonly #backend: Snapshotter;
  /** Does what concerns the rows alone. */
  readonly #rows: LocalSnapshotter;

  constructor(scope: Scope, name: string, backend: Snapshotter) {
    this.#scope = scope;
    this.#name = name;
    this.#backend = backend;
    this.#rows = new LocalSnapshotter(scope, name, overlayLayout(scope.shared.snapshotFiles.get(DEFAULT_SNAPSHOTTER)!));
  }

  stat(key: string): Promise<SnapshotInfo> {
    return this.#rows.stat(key);
  }

  update(info: Pick<SnapshotInfo, "name" | "labels">, fieldPaths?: FieldPaths): Promise<SnapshotInfo> {
    return this.#rows.update(info, fieldPaths);
  }

  walk(filters?: Filters): AsyncGenerator<SnapshotInfo> {
    return this.#rows.walk(filters);
  }

  remove(key: string): Promise<void> {
    return this.#rows.remove(key);
  }

  usage(key: string, options?: CallOptions): Promise<SnapshotUsage> {
    return this.#backend.usage(this.#keyOf(this.#row(key)), options);
  }

  mounts(key: string): Promise<Mount[]> {
    return this.#backend.mounts(this.#keyOf(this.#row(key)));
  }

  prepare(key: string, parent: string, options: SnapshotOptions = {}): Promise<Mount[]> {
    return this.#create("active", key, parent, options);
  }

  view(key: string, parent: string, options: SnapshotOptions = {}): Promise<Mount[]> {
    return this.#create("view", key, parent, options);
  }

  async #create(kind: "active" | "view", key: string, parent: string, options: SnapshotOptions): Promise<Mount[]> {
    const scope = this.#scope;
    if (key === "") throw new WharfError("InvalidArgument", "a snapshot needs a key");
    const labels = checkLabels(options.labels);
    const target = labels[TARGET_LABEL];
    const made = scope.write(() => {
      for (const name of target ? [target, key] : [key]) {
        if (!this.#find(name)) continue;
        this.#hold(name);
        return snapshotExists(name);
      }
      const below = parent === "" ? "" : this.#keyOf(this.#row(parent, "parent"));
      const time = now();
      const id = scope.db.insert(
        "INSERT INTO snapshots (namespace, snapshotter, key, kind, parent, labels, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ...[scope.namespace, this.#name, key, kind, parent, JSON.stringify(labels), time, time],
      );
      this.#hold(key);
      return { id, below };
    });
    if (made instanceof WharfError) throw made;
    failpoint("snapshot.proxied");
    const own = `${scope.namespace}/${made.id}/${key}`;
    try {
      const mounts =
        kind === "active"
          ? await this.#backend.prepare(own, made.below, { labels: inherited(labels) })
          : await this.#backend.view(own, made.below, { labels: inherited(labels) });
      if (kind === "active")
        scope.shared.hub.emit(scope.namespace, snapshotPrepare({ key, parent, snapshotter: this.#name }));
      return mounts;
    } catch (error) {
      let adopted: "adopted" | "missing" | "removed" = "missing";
      try {
        if (target && isCode(error, "AlreadyExists")) adopted = await this.#adopt(made, key, target, labels);
      } finally {
        if (adopted === "missing") await this.#rows.remove(key).catch(() => {});
      }
      if (adopted === "adopted") throw snapshotExists(target!);
      if (adopted === "removed") return await this.#create(kind, key, parent, options);
      if (!isCode(error, "AlreadyExists")) throw error;
      const message = `snapshotter ${this.#name} says that ${target ? JSON.stringify(target) : "a new key"} exists, and has no such snapshot`;
      throw new WharfError(target ? "NotFound" : "Unknown", message, { subject: target ?? key, cause: error });
    }
  }

  /**
   * A snapshotter that comes to layers by itself (a remote one) has what was to be prepared: its snapshot takes the place of the row that was made
   * for the preparation. `missing`: it cannot be found there. `removed`: it was, but for another namespace it was being removed.
   */
  async #adopt(
    made: { id: number; below: string },
    key: string,
    target: string,
    labels: Labels,
  ): Promise<"adopted" | "missing" | "removed"> {
    const scope = this.#scope;
    const filter = `labels."${TARGET_LABEL}"==${JSON.stringify(target)},parent==${JSON.stringify(made.below)}`;
    let found: SnapshotInfo | undefined;
    for await (const info of this.#backend.walk([filter])) {
      // Filters are not heeded by all.
      if (info.kind !== "committed" || info.labels[TARGET_LABEL] !== target || info.parent !== made.below) continue;
      found = info;
      break;
    }
    if (!found) return "missing";
    const { name, createdAt, updatedAt, labels: own } = found;
    const lease = `snapshots/${this.#name}`;
    scope.write(() => {
      scope.release(key, lease);
      // Another caller may have been faster.
      if (this.#find(target)) scope.db.run("DELETE FROM snapshots WHERE id = ?", made.id);
      else {
        scope.db.run(
          "UPDATE snapshots SET key = ?, kind = 'committed', backend = ?, labels = ?, created_at = ?, updated_at = ? WHERE id = ?",
          ...[target, name, JSON.stringify({ ...own, ...labels }), createdAt, updatedAt, made.id],
        );
      }
      this.#hold(target);
    });
    // A removal that began before the row was there has not seen it. One that begins now does.
    if (this.#isTrash(name)) await scope.shared.gc.emptyTrash();
    const there = await this.#backend.stat(name).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
    if (!there) {
      scope.write(() => {
        scope.release(target, lease);
        const sql = "DELETE FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ? AND backend = ?";
        scope.db.run(sql, scope.namespace, this.#name, target, name);
      });
      return "removed";
    }
    await scope.db.durable();
    return "adopted";
  }

  /** Whether a snapshot that the other program named is to be removed, or being removed. */
  #isTrash(backend: string): boolean {
    return this.#scope.db.all("SELECT path FROM trash").some(({ path }) => {
      const trash = proxiedTrash(path as string, {});
      return trash?.snapshotter === this.#name && trash.backend === backend;
    });
  }

  async commit(name: string, key: string, options: SnapshotCommitOptions = {}): Promise<void> {
    const scope = this.#scope;
    const labels = checkLabels(options.labels);
    if (name === "") throw new WharfError("InvalidArgument", "a committed snapshot needs a name");
    if (options.parent) throw new WharfError("InvalidArgument", `snapshotter ${this.#name} cannot rebase`);
    if (this.#find(name)) throw snapshotExists(name);
    const row = this.#row(key);
    if (row.kind !== "active") {
      const message = `snapshot ${JSON.stringify(key)} is ${row.kind}, only an active one can be committed`;
      throw new WharfError("FailedPrecondition", message, { subject: key });
    }
    const committed = `${scope.namespace}/${row.id}/${name}`;
    await this.#backend
      .commit(committed, this.#keyOf(row), { labels: inherited(labels) })
      .catch(async (error: unknown) => {
        // The daemon was killed after it had been done.
        const there = isCode(error, "NotFound") && (await this.#backend.stat(committed).catch(() => undefined));
        if (!there) throw error;
      });
    const { size, inodes } = await this.#backend.usage(committed);
    scope.write(() => {
      const time = now();
      scope.db.run(
        "UPDATE snapshots SET key = ?, kind = 'committed', labels = ?, created_at = ?, updated_at = ?, size = ?, inodes = ? WHERE id = ?",
        ...[name, JSON.stringify(labels), time, time, size, inodes, row.id!],
      );
      scope.release(key, `snapshots/${this.#name}`);
      this.#hold(name);
      scope.emit(snapshotCommit({ key, name, snapshotter: this.#name }));
    });
    await scope.db.durable();
  }

  async cleanup(): Promise<void> {
    await this.#rows.cleanup();
    await this.#backend.cleanup().catch((error: unknown) => {
      if (!isCode(error, "Unimplemented")) throw error;
    });
  }

  #keyOf({ id, key, backend }: Row): string {
    return (backend as string | null) ?? `${this.#scope.namespace}/${id}/${key}`;
  }

  #hold(key: string): void {
    this.#scope.hold("snapshot", `${this.#name}/${key}`, `snapshots/${this.#name}`, key);
  }

  #find(key: string): Row | undefined {
    const sql = "SELECT * FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?";
    return this.#scope.db.get(sql, this.#scope.namespace, this.#name, key);
  }

  /** InvalidArgument for a parent that is not committed. */
  #row(key: string, as: "snapshot" | "parent" = "snapshot"): Row {
    const row = this.#find(key);
    if (!row) throw snapshotNotFound(key);
    if (as === "parent" && row.kind !== "committed") {
      const message = `parent snapshot ${JSON.stringify(key)} is not committed`;
      throw new WharfError("InvalidArgument", message, { subject: key });
    }
    return row;
  }
}
