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
import type { CallOptions, FieldPaths, Filters, Mount } from "../api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../api.ts";
import { now } from "../core/clock.ts";
import { checkLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { snapshotCommit, snapshotPrepare } from "../events/messages.ts";
import { LocalSnapshotter, TARGET_LABEL } from "./local.ts";
import { overlayLayout } from "./overlay.ts";
import { snapshotExists, snapshotNotFound } from "./rows.ts";

const TRASH = /^proxy ([^ ]+) ([^/]+)\/(\d+)\/(.*)$/s;

/** What stands in the trash for a snapshot of another program. */
export function trashOf({ snapshotter, namespace, id, key }: Row): string {
  return `proxy ${snapshotter} ${namespace}/${id}/${key}`;
}

/** Removes what the trash names at its program; undefined for a path. */
export function emptyProxied(
  entry: string,
  proxies: Readonly<Record<string, (namespace: string) => Snapshotter>>,
): { id: number; remove(): Promise<void> } | undefined {
  const [, name, namespace, id, key] = TRASH.exec(entry) ?? [];
  if (name === undefined) return undefined;
  const remove = async () => {
    const backend = proxies[name]?.(namespace!);
    if (!backend) throw new WharfError("NotFound", `there is no snapshotter ${JSON.stringify(name)} any more`);
    await backend.remove(`${namespace}/${id}/${key}`).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
  };
  return { id: Number(id), remove };
}

export class ProxySnapshotter implements Snapshotter {
  readonly rebases = false;
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
          ? await this.#backend.prepare(own, made.below, { labels })
          : await this.#backend.view(own, made.below, { labels });
      if (kind === "active")
        scope.shared.hub.emit(scope.namespace, snapshotPrepare({ key, parent, snapshotter: this.#name }));
      return mounts;
    } catch (error) {
      await this.#rows.remove(key).catch(() => {});
      throw error;
    }
  }

  async commit(name: string, key: string, options: SnapshotCommitOptions = {}): Promise<void> {
    const scope = this.#scope;
    const labels = checkLabels(options.labels);
    if (name === "") throw new WharfError("InvalidArgument", "a committed snapshot needs a name");
    if (options.parent) throw new WharfError("InvalidArgument", `snapshotter ${this.#name} cannot rebase`);
    const row = this.#row(key);
    if (row.kind !== "active") {
      const message = `snapshot ${JSON.stringify(key)} is ${row.kind}, only an active one can be committed`;
      throw new WharfError("FailedPrecondition", message, { subject: key });
    }
    if (this.#find(name)) throw snapshotExists(name);
    const committed = `${scope.namespace}/${row.id}/${name}`;
    await this.#backend.commit(committed, this.#keyOf(row), { labels }).catch(async (error: unknown) => {
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

  #keyOf({ id, key }: Row): string {
    return `${this.#scope.namespace}/${id}/${key}`;
  }

  #hold(key: string): void {
    this.#scope.hold("snapshot", `${this.#name}/${key}`, `snapshots/${this.#name}`, key);
  }

  #find(key: string): Row | undefined {
    const sql = "SELECT * FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?";
    return this.#scope.db.get(sql, this.#scope.namespace, this.#name, key);
  }

  /** FailedPrecondition for a parent that is not committed. */
  #row(key: string, as: "snapshot" | "parent" = "snapshot"): Row {
    const row = this.#find(key);
    if (!row) throw snapshotNotFound(key);
    if (as === "parent" && row.kind !== "committed") {
      const message = `parent snapshot ${JSON.stringify(key)} is not committed`;
      throw new WharfError("FailedPrecondition", message, { subject: key });
    }
    return row;
  }
}
