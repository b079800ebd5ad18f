/**
 * Garbage collection: marks what is in use, drops the rows of the rest and then their files. Runs some time after something
 * was deleted, when something expires, and at once for `sync` deletions. Also the one place that takes files away.
 */

import type { Digest } from "../../../common/digest.ts";
import { isCode } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import type { Row } from "../../store/database.ts";
import type { Shared } from "../core/scope.ts";
import { contentDelete, imageDelete, snapshotRemove } from "../events/messages.ts";
import { proxiedTrash, trashOf } from "../snapshots/proxy.ts";
import type { GarbageCollector, GcStats } from "./api.ts";
import { Marker } from "./mark.ts";
import { EXPIRE_LABEL, type GcNode, gcLabels, isExpired, type NodeKind, nodeKey } from "./references.ts";

/** Milliseconds from a deletion to the collection it asks for. */
const DELAY = 500;
/** Milliseconds that a collection which nobody waits for leaves a thing alone that a client was just told of: what keeps it may be on its way. */
const GRACE = 5000;
/** Milliseconds from a removal to that of its files: what is removed meanwhile goes with it, by one process. */
const TRASH_DELAY = 100;
/** And until an agent that died is asked again. */
const TRASH_AGAIN = 1000;
/** And where the reason is another one than an agent that was killed. */
const TRASH_MUCH_LATER = 60_000;
/** setTimeout's limit. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 60_000;
const LONGEST = 2 ** 31 - 1;
/** Rows that are dropped in one transaction: as many renames of blobs. And that are looked at in a turn, where none is dropped. */
const PAGE = 50;
const WIDE_PAGE = 200;

/** What to do with what has no mark. */
interface Sweep {
  /** Its row as it is now. */
  find(node: GcNode): Row | undefined;
  /** Where the mark alone does not tell. */
  isDead?(row: Row): boolean;
  /** In a transaction. */
  drop(row: Row): void;
}

export class Collector implements GarbageCollector, AsyncDisposable {
  readonly #shared: () => Shared;
  #marker: Marker | undefined;
  #running: Promise<GcStats> | undefined;
  #queued: Promise<GcStats> | undefined;
  #queuedLazy = true;
  /** What clients without a lease were told of, and until when it is left alone; the oldest first. */
  readonly #spared = new Map<string, { node: GcNode; until: number }>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #emptying: Promise<void> | undefined;
  #trashTimer: NodeJS.Timeout | undefined;
  /** Milliseconds until a collection that failed is tried again. */
  #retry = FIRST_RETRY;
  readonly #discarding = new Set<Promise<void>>();
  #closed = false;

  /** `shared` is asked for lazily: it holds this collector. */
  constructor(shared: () => Shared) {
    this.#shared = shared;
  }

  /** Keeps a node, and what it refers to, from the collection under way. */
  touch(kind: NodeKind, namespace: string, id: string): void {
    this.#marker?.touch({ kind, namespace, id });
  }

  /** As `touch`, and from those that nobody waits for in the next seconds. */
  spare(kind: NodeKind, namespace: string, id: string): void {
    this.touch(kind, namespace, id);
    const node: GcNode = { kind, namespace, id };
    const key = nodeKey(node);
    const now = Date.now();
    this.#spared.delete(key);
    this.#spared.set(key, { node, until: now + GRACE });
    this.#forgetSpared(now);
  }

  /** Those whose time is over. */
  #forgetSpared(now: number): void {
    for (const [key, { until }] of this.#spared) {
      if (until > now) break;
      this.#spared.delete(key);
    }
  }

  /** Asks for a collection `delay` milliseconds from now at the latest. */
  schedule(delay = DELAY): void {
    const at = Date.now() + delay;
    if (this.#closed || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.#request(true).then(
          () => {
            this.#retry = FIRST_RETRY;
          },
          (error: unknown) => {
            this.#shared().log("garbage collection failed", error);
            // What stood in its way may pass (a full disk), and nothing else would ask again.
            this.schedule(this.#retry);
            this.#retry = Math.min(this.#retry * 2, LAST_RETRY);
          },
        );
      },
      Math.min(delay, LONGEST),
    );
    this.#timer.unref();
  }

  /** Collects all that is garbage now, files included. */
  async run(): Promise<GcStats> {
    try {
      return await this.#request(false);
    } catch (error) {
      // Who asked is told; what is garbage still is.
      this.schedule();
      throw error;
    }
  }

  /** `lazy`: nobody waits for it. */
  #request(lazy: boolean): Promise<GcStats> {
    if (!this.#running) {
      this.#running = this.#collect(lazy).finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    // The one under way may have passed by already what the caller means.
    this.#queuedLazy &&= lazy;
    this.#queued ??= this.#running
      .catch(() => {})
      .then(() => {
        const asked = this.#queuedLazy;
        this.#queued = undefined;
        this.#queuedLazy = true;
        return this.#request(asked);
      });
    return this.#queued;
  }

  async #collect(lazy: boolean): Promise<GcStats> {
    // Small stores are collected without a pause; this one lets others in between collections that follow each other.
    await new Promise(setImmediate);
    const began = Date.now();
    const marker = new Marker(this.#shared().db);
    this.#marker = marker;
    this.#forgetSpared(Date.now());
    const spared = lazy ? [...this.#spared.values()] : [];
    for (const { node } of spared) marker.touch(node);
    try {
      await marker.mark();
      const stats = await this.#sweep(marker);
      this.#scheduleExpiry(began);
      const last = spared.at(-1);
      if (last) this.schedule(Math.max(0, last.until - Date.now()));
      await Promise.all([this.emptyTrash(), ...this.#discarding]);
      this.#shared().db.keepReserve();
      return stats;
    } finally {
      this.#marker = undefined;
    }
  }

  async #sweep(marker: Marker): Promise<GcStats> {
    const { db, blobs, writers } = this.#shared();
    const by =
      (sql: string) =>
      ({ namespace, id }: GcNode) =>
        db.get(sql, namespace, id);
    // An image and a lease live until they expire.
    const expired = (row: Row) => isExpired(gcLabels(row.labels));
    return {
      leases: await this.#sweepKind(marker, "lease", {
        find: by("SELECT * FROM leases WHERE namespace = ? AND id = ?"),
        isDead: expired,
        drop: (row) => db.run("DELETE FROM leases WHERE namespace = ? AND id = ?", row.namespace!, row.id!),
      }),
      images: await this.#sweepKind(marker, "image", {
        find: by("SELECT * FROM images WHERE namespace = ? AND name = ?"),
        isDead: expired,
        drop: (row) => {
          db.run("DELETE FROM images WHERE namespace = ? AND name = ?", row.namespace!, row.name!);
          this.#emit(row, imageDelete({ name: row.name as string }));
        },
      }),
      ingests: await this.#sweepKind(marker, "ingest", {
        find: by("SELECT * FROM ingests WHERE namespace = ? AND ref = ?"),
        isDead: (row) => !writers.has(row.id as number),
        drop: (row) => {
          db.run("DELETE FROM ingests WHERE id = ?", row.id!);
          db.afterCommit(() => {
            this.#track(blobs.dropIngest(row.id as number));
            if (row.shared !== null) this.discardBlob(row.shared as Digest);
          });
        },
      }),
      content: await this.#sweepKind(marker, "content", {
        find: by("SELECT namespace, digest FROM content WHERE namespace = ? AND digest = ?"),
        drop: (row) => {
          db.run("DELETE FROM content WHERE namespace = ? AND digest = ?", row.namespace!, row.digest!);
          this.#emit(row, contentDelete({ digest: row.digest as string }));
          db.afterCommit(() => this.discardBlob(row.digest as Digest));
        },
      }),
      snapshots: await this.#sweepKind(marker, "snapshot", {
        find: ({ namespace, id }) => {
          const slash = id.indexOf("/");
          const sql = "SELECT * FROM snapshots WHERE namespace = ? AND snapshotter = ? AND key = ?";
          return db.get(sql, namespace, id.slice(0, slash), id.slice(slash + 1));
        },
        drop: (row) => this.dropSnapshot(row),
      }),
    };
  }

  /** Nothing comes between bringing the marks up to date and dropping what has none. */
  async #sweepKind(marker: Marker, kind: NodeKind, { find, isDead = () => true, drop }: Sweep): Promise<number> {
    const { db } = this.#shared();
    const loose = marker.loose(kind);
    let dropped = 0;
    for (let at = 0; at < loose.length; await marker.pause()) {
      marker.drain();
      const dead: Row[] = [];
      for (const end = at + WIDE_PAGE; at < Math.min(end, loose.length) && dead.length < PAGE; at++) {
        const node = loose[at]!;
        const row = marker.isMarked(node) ? undefined : find(node);
        if (row && isDead(row)) dead.push(row);
      }
      if (dead.length === 0) continue;
      db.removal(() => dead.forEach(drop));
      failpoint("gc.swept");
      dropped += dead.length;
    }
    return dropped;
  }

  /** In a transaction: the snapshot's row goes, its directory is put into the trash. */
  dropSnapshot(row: Row): void {
    const { db, snapshotFiles } = this.#shared();
    db.run("DELETE FROM snapshots WHERE id = ?", row.id!);
    const files = snapshotFiles.get(row.snapshotter as string);
    db.run("INSERT INTO trash VALUES (?)", files ? files.directory(row.id as number) : trashOf(row));
    this.#emit(row, snapshotRemove({ key: row.key as string, snapshotter: row.snapshotter as string }));
  }

  /** Takes a blob's file away unless something still refers to it. */
  discardBlob(digest: Digest): void {
    const { db, blobs } = this.#shared();
    if (blobs.isHeld(digest)) return;
    const sql = "SELECT 1 FROM content WHERE digest = ?1 UNION ALL SELECT 1 FROM ingests WHERE shared = ?1 LIMIT 1";
    if (db.get(sql, digest)) return;
    this.#track(blobs.discard(digest));
  }

  /** Has the agent delete soon what is in the trash. */
  emptyTrashSoon(delay = TRASH_DELAY): void {
    if (this.#closed) void this.emptyTrash();
    else this.#trashTimer ??= setTimeout(() => void this.emptyTrash(), delay).unref();
  }

  /** Has the agent delete what is in the trash; resolves when all that was in it is gone. */
  emptyTrash(): Promise<void> {
    clearTimeout(this.#trashTimer);
    this.#trashTimer = undefined;
    const before = this.#emptying ?? Promise.resolve();
    const emptying = before.then(() => this.#emptyTrash());
    this.#emptying = emptying.catch(() => {});
    return emptying;
  }

  async #emptyTrash(): Promise<void> {
    const { db, agent, log, proxies } = this.#shared();
    const all = db.all("SELECT path FROM trash").map((row) => row.path as string);
    await this.#emptyProxied(all, proxies);
    const paths = all.filter((path) => !proxiedTrash(path, proxies));
    if (paths.length === 0) return;
    try {
      await agent.remove(paths);
      failpoint("trash.deleted");
      db.removal(() => {
        for (const path of paths) db.run("DELETE FROM trash WHERE path = ?", path);
      });
    } catch (error) {
      // They stay in the trash: the next time or the next start tries again.
      log(`cannot delete ${paths.length} removed snapshots`, error);
      if (this.#closed) return;
      if (isCode(error, "Unavailable", "Aborted")) this.emptyTrashSoon(TRASH_AGAIN);
      else setTimeout(() => !this.#closed && this.emptyTrashSoon(), TRASH_MUCH_LATER).unref();
    }
  }

  /** At other programs: what was made last goes first, since others may be its parents. */
  async #emptyProxied(entries: readonly string[], proxies: Shared["proxies"]): Promise<void> {
    const { db, log } = this.#shared();
    const theirs = entries.map((entry) => ({ entry, job: proxiedTrash(entry, proxies) }));
    theirs.sort((a, b) => (b.job?.id ?? 0) - (a.job?.id ?? 0));
    for (const { entry, job } of theirs) {
      try {
        if (!job) continue;
        const sql = "SELECT 1 FROM snapshots WHERE snapshotter = ? AND backend = ? LIMIT 1";
        if (job.backend === undefined || !db.get(sql, job.snapshotter, job.backend)) await job.remove();
        db.removal(() => db.run("DELETE FROM trash WHERE path = ?", entry));
      } catch (error) {
        log(`a snapshot of another program is not removed yet: ${entry}`, error);
      }
    }
  }

  /** Comes again when the next lease or image expires. @param began milliseconds since the epoch: what had expired then is judged */
  #scheduleExpiry(began: number): void {
    const { db } = this.#shared();
    const label = `labels ->> '$."${EXPIRE_LABEL}"'`;
    const those = `WHERE instr(labels, '"${EXPIRE_LABEL}"')`;
    const rows = db.all(`SELECT ${label} AS at FROM leases ${those} UNION ALL SELECT ${label} FROM images ${those}`);
    // What has expired and is still here is referred to; its end asks for a collection by itself.
    const at = Math.min(...rows.map((row) => Date.parse(String(row.at))).filter((time) => time > began));
    if (at !== Number.POSITIVE_INFINITY) this.schedule(Math.max(DELAY, at - Date.now()));
  }

  #emit(row: Row, message: Parameters<Shared["hub"]["emit"]>[1]): void {
    const { db, hub } = this.#shared();
    db.afterCommit(() => hub.emit(row.namespace as string, message));
  }

  #track(promise: Promise<void>): void {
    const tracked = promise
      .catch((error: unknown) => this.#shared().log("cannot delete content", error))
      .finally(() => this.#discarding.delete(tracked));
    this.#discarding.add(tracked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#trashTimer) void this.emptyTrash();
    await Promise.allSettled([this.#running, this.#queued, this.#emptying, ...this.#discarding]);
  }
}
