/**
 * A snapshotter of ours in one namespace: rows, labels, leases; how directories become snapshots is its layout's (overlay.ts, native.ts).
 * A snapshot's directories come into place inside the transaction that records it, so that a crash leaves a directory without a row,
 * which the next start removes, and never a row without a directory. Removal puts the directory into `trash` in the transaction that
 * drops the row; the agent deletes it afterwards.
 */

import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { parseFilters } from "../../../common/filters.ts";
import type { Row } from "../../store/database.ts";
import { nextTurn, PART } from "../../turn.ts";
import type {
  SnapshotCommitOptions,
  SnapshotInfo,
  SnapshotOptions,
  Snapshotter,
  SnapshotUsage,
} from "../api/snapshots.ts";
import type { CallOptions, FieldPaths, Filters, Labels, Mount } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { checkLabels, updateLabels } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { snapshotCommit, snapshotPrepare } from "../events/messages.ts";
import { idMappingOf } from "./id-maps.ts";
import type { Layout } from "./layout.ts";
import { readSnapshot, snapshotAdaptor, snapshotExists, snapshotNotFound } from "./rows.ts";

/** Asks for nothing to be made when the named snapshot is there (containerd, core/snapshots). */
export const TARGET_LABEL = "containerd.io/snapshot.ref";

export class LocalSnapshotter implements Snapshotter {
  readonly rebases: boolean;
  readonly mayBeRemote = false;
  readonly #scope: Scope;
  readonly #name: string;
  readonly #layout: Layout;

  constructor(scope: Scope, name: string, layout: Layout) {
    this.#scope = scope;
    this.#name = name;
    this.#layout = layout;
    this.rebases = layout.rebases;
  }

  async stat(key: string): Promise<SnapshotInfo> {
    return readSnapshot(this.#row(key));
  }

  async update(info: Pick<SnapshotInfo, "name" | "labels">, fieldPaths?: FieldPaths): Promise<SnapshotInfo> {
    const scope = this.#scope;
    return scope.write(() => {
      const row = this.#row(info.name);
      const before = readSnapshot(row);
      const labels = updateLabels(`snapshot ${JSON.stringify(info.name)}`, before.labels, info.labels, fieldPaths);
      const updatedAt = now();
      scope.db.run(
        "UPDATE snapshots SET labels = ?, updated_at = ? WHERE id = ?",
        JSON.stringify(labels),
        updatedAt,
        row.id!,
      );
      scope.hold("snapshot", this.#node(info.name));
      return { ...before, labels, updatedAt };
    });
  }

  async usage(key: string, options: CallOptions = {}): Promise<SnapshotUsage> {
    const row = this.#row(key);
    if (row.size !== null) return { size: row.size as number, inodes: row.inodes as number };
    if (row.kind === "view") return { size: 0, inodes: 0 };
    return this.#measure(row.id as number, options.signal);
  }

  async mounts(key: string): Promise<Mount[]> {
    const row = this.#row(key);
    if (row.kind === "committed") {
      throw new WharfError("FailedPrecondition", `snapshot ${JSON.stringify(key)} is committed`, {
        subject: key,
        hint: "make a view of it, or prepare one on it",
      });
    }
    return this.#mounts(row, await this.#mountOptions(readSnapshot(row).labels));
  }

  async prepare(key: string, parent: string, options: SnapshotOptions = {}): Promise<Mount[]> {
    return this.#create("active", key, parent, options);
  }

  async view(key: string, parent: string, options: SnapshotOptions = {}): Promise<Mount[]> {
    return this.#create("view", key, parent, options);
  }

  async #create(kind: "active" | "view", key: string, parent: string, options: SnapshotOptions): Promise<Mount[]> {
    const scope = this.#scope;
    const layout = this.#layout;
    if (key === "") throw new WharfError("InvalidArgument", "a snapshot needs a key");
    const labels = checkLabels(options.labels);
    const mapping = layout.remaps ? idMappingOf(labels) : undefined;
    const more = await this.#mountOptions(labels);
    const names = labels[TARGET_LABEL] ? [labels[TARGET_LABEL], key] : [key];
    const base = kind === "active" && parent !== "" && layout.draft ? this.#find(parent) : undefined;
    const wanted = base?.kind === "committed" && !names.some((name) => this.#find(name));
    // What the transaction refuses anyway is not made.
    const draft = wanted ? await layout.draft?.(base.id as number) : undefined;
    let made: number | undefined;
    const body = () => {
      // What is there already is leased, in a transaction that stays, and told by an error.
      for (const name of names) {
        if (!this.#find(name)) continue;
        this.#hold(name);
        return snapshotExists(name);
      }
      const parentId = parent === "" ? undefined : this.#parent(parent);
      if (draft && parentId !== base?.id) {
        throw new WharfError("Aborted", `parent snapshot ${JSON.stringify(parent)} became another one meanwhile`);
      }
      const time = now();
      const id = scope.db.insert(
        "INSERT INTO snapshots (namespace, snapshotter, key, kind, parent, labels, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ...[scope.namespace, this.#name, key, kind, parent, JSON.stringify(labels), time, time],
      );
      this.#hold(key);
      made = id;
      layout.place(id, { kind, parent: parentId, draft, owner: mapping?.owner });
      failpoint("snapshot.created");
      if (kind === "active") scope.emit(snapshotPrepare({ key, parent, snapshotter: this.#name }));
      return this.#mounts(this.#row(key), more);
    };
    let result: Mount[] | WharfError;
    try {
      result = scope.write(body);
    } catch (error) {
      // With the row its id is undone, too, and the next snapshot would find the directory in its way.
      if (made !== undefined) layout.undo(made, draft);
      await layout.discard?.(draft);
      throw error;
    }
    if (result instanceof WharfError) {
      await layout.discard?.(draft);
      throw result;
    }
    return result;
  }

  async commit(name: string, key: string, options: SnapshotCommitOptions = {}): Promise<void> {
    const scope = this.#scope;
    const labels = JSON.stringify(checkLabels(options.labels));
    this.#checkCommit(name, key);
    if (options.parent && !this.rebases) {
      throw new WharfError("InvalidArgument", `snapshotter ${this.#name} cannot rebase`, { subject: key });
    }
    const id = this.#row(key).id as number;
    if (options.parent && options.inherit?.length) await this.#inherit(id, options.parent, options.inherit);
    const usage = options.usage ?? (await this.#measure(id));
    failpoint("snapshot.measured");
    scope.write(() => {
      // Looked at again: this waited.
      const row = this.#checkCommit(name, key);
      const parent = (row.parent as string) || options.parent || "";
      if (parent !== "") this.#parent(parent);
      const time = now();
      scope.db.run(
        "UPDATE snapshots SET key = ?, kind = 'committed', parent = ?, labels = ?, created_at = ?, updated_at = ?, size = ?, inodes = ? WHERE id = ?",
        ...[name, parent, labels, time, time, usage.size, usage.inodes, row.id!],
      );
      scope.release(key, `snapshots/${this.#name}`);
      this.#hold(name);
      scope.emit(snapshotCommit({ key, name, snapshotter: this.#name }));
    });
    options.onWritten?.();
    await scope.db.durable();
  }

  #checkCommit(name: string, key: string): Row {
    if (name === "") throw new WharfError("InvalidArgument", "a committed snapshot needs a name");
    // Before the key: of two who commit the same the second is told that it is there.
    if (this.#find(name)) throw snapshotExists(name);
    const row = this.#row(key);
    if (row.kind !== "active") {
      throw new WharfError(
        "FailedPrecondition",
        `snapshot ${JSON.stringify(key)} is ${row.kind}, only an active one can be committed`,
        {
          subject: key,
        },
      );
    }
    return row;
  }

  async remove(key: string): Promise<void> {
    const scope = this.#scope;
    const room = !this.#layout.files.isNearlyFull();
    try {
      this.#drop(key);
    } catch (error) {
      const row = this.#find(key);
      if (row?.kind !== "active" || !isCode(error, "ResourceExhausted")) throw error;
      // Not even a removal can be written down: what is in the snapshot may be what fills the disk, and nobody wants it any more.
      await scope.shared.agent.remove([this.#layout.files.upper(row.id as number)]);
      this.#drop(key);
    }
    failpoint("snapshot.removed");
    scope.shared.gc.schedule();
    if (room) scope.shared.gc.emptyTrashSoon();
    else await scope.shared.gc.emptyTrash();
  }

  #drop(key: string): void {
    const scope = this.#scope;
    scope.remove(() => {
      const row = this.#row(key);
      const child = scope.db.get(
        "SELECT key FROM snapshots WHERE namespace = ? AND snapshotter = ? AND parent = ? LIMIT 1",
        ...[scope.namespace, this.#name, key],
      );
      if (child) {
        const message = `cannot remove snapshot ${JSON.stringify(key)}: ${JSON.stringify(child.key)} is based on it`;
        throw new WharfError("FailedPrecondition", message, { subject: key });
      }
      scope.shared.gc.dropSnapshot(row);
      scope.release(key, `snapshots/${this.#name}`);
    });
  }

  async *walk(filters?: Filters): AsyncGenerator<SnapshotInfo> {
    const filter = parseFilters(filters);
    const sql = "SELECT * FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key > ? ORDER BY key LIMIT ?";
    for (let last = ""; ; ) {
      const rows = this.#scope.db.all(sql, this.#scope.namespace, this.#name, last, PART);
      for (const row of rows) {
        const info = readSnapshot(row);
        if (filter(snapshotAdaptor(info))) yield info;
      }
      if (rows.length < PART) return;
      last = rows.at(-1)!.key as string;
      await nextTurn();
    }
  }

  cleanup(): Promise<void> {
    return this.#scope.shared.gc.emptyTrash();
  }

  #mounts(row: Row, more: readonly string[]): Mount[] {
    const parents = this.#chain(row.parent as string);
    return this.#layout.mounts(row.id as number, row.kind as "active" | "view", parents, more);
  }

  /** What labels add to the mounts. */
  async #mountOptions(labels: Labels): Promise<readonly string[]> {
    const mapping = this.#layout.remaps ? idMappingOf(labels) : undefined;
    return mapping && (await this.#scope.shared.remapsIds()) ? mapping.options : [];
  }

  /** Ids from the snapshot `name` down to its base. */
  #chain(name: string): number[] {
    const ids: number[] = [];
    for (let next = name; next !== ""; ) {
      const row = this.#row(next);
      ids.push(row.id as number);
      next = row.parent as string;
    }
    return ids;
  }

  async #inherit(id: number, parent: string, paths: readonly string[]): Promise<void> {
    const { files } = this.#layout;
    const lowers = this.#chain(parent).map((lower) => files.upper(lower));
    await this.#scope.shared.agent.inherit(files.upper(id), lowers, paths);
  }

  #measure(id: number, signal?: AbortSignal): Promise<SnapshotUsage> {
    return this.#scope.shared.agent.usage(this.#layout.files.upper(id), signal);
  }

  /** The id of a snapshot that may be a parent. */
  #parent(name: string): number {
    const row = this.#find(name);
    if (!row) throw new WharfError("NotFound", `parent snapshot ${JSON.stringify(name)} not found`, { subject: name });
    if (row.kind !== "committed") {
      throw new WharfError("InvalidArgument", `parent snapshot ${JSON.stringify(name)} is not committed`, {
        subject: name,
      });
    }
    return row.id as number;
  }

  #hold(key: string): void {
    // In leases a snapshot is named by its key alone, the snapshotter stands in the type.
    this.#scope.hold("snapshot", this.#node(key), `snapshots/${this.#name}`, key);
  }

  #node(key: string): string {
    return `${this.#name}/${key}`;
  }

  #find(key: string): Row | undefined {
    const sql = "SELECT * FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?";
    return this.#scope.db.get(sql, this.#scope.namespace, this.#name, key);
  }

  #row(key: string): Row {
    const row = this.#find(key);
    if (!row) throw snapshotNotFound(key);
    return row;
  }
}
