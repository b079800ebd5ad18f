/**
 * The metadata store: one SQLite database in WAL mode.
 *
 * Durability. A transaction is committed to the WAL file without fsync (`synchronous=NORMAL`), which a killed process cannot lose.
 * What must survive a power cut too awaits `durable()`: it flushes the WAL in libuv's thread pool, one flush for all
 * transactions that wait, so the event loop does not wait for the disk. The WAL keeps the order of transactions, so a flush also covers
 * all before it. Checkpoints (copying the WAL into the database) have their flushes there, too: only when writers do not pause for so long that the WAL could
 * never be begun anew the loop waits for one.
 */

import { closeSync, existsSync, fdatasync, fsyncSync, openSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { isCode, WharfError } from "../../common/errors.ts";
import { failpoint } from "../../common/failpoint.ts";
import { Checkpointer, type CheckpointFiles } from "./checkpointer.ts";
import { fromSqlite } from "./errors.ts";
import { Reserve } from "./reserve.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";

/**
 * A checkpoint is made when so many pages lie in the WAL. The file keeps its size when it is begun anew, up to `WAL_BYTES`: to write over
 * what is there is several times quicker to flush than to make a file longer.
 */
const CHECKPOINT_PAGES = 1024;
const WAL_BYTES = 8 * 1024 * 1024;

/** 64 MiB. It is begun anew only when all in it has been copied, which a writer that comes during each checkpoint's flushes would put off for ever. */
const MOST_PAGES = 16 * 1024;

/** Where the wal-index has the number of pages (https://sqlite.org/walformat.html, "The WAL-Index Header": mxFrame). */
const MX_FRAME = 16;

/** Up to this size the database is checked at every start, which takes milliseconds. */
const CHECK_BYTES = 4 * 1024 * 1024;

/** Milliseconds after its use that the reserve is put aside again: what was removed has then given back its space. */
const RESERVE_DELAY = 1000;

/** Milliseconds until a flush that nobody waits for. */
const SOON = 5;

export type Value = null | number | bigint | string | Uint8Array;

export interface Row {
  [column: string]: Value;
}

export class Database implements AsyncDisposable {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #tuples = new Map<string, StatementSync>();
  readonly #walFd: number;
  readonly #indexFd: number;
  readonly #reserve: Reserve;
  #depth = 0;
  #afterCommit: (() => void)[] = [];
  /** Counts transactions; flushed up to `#flushed`. */
  #written = 0;
  #flushed = 0;
  #flushing: Promise<void> | undefined;
  #flushQueued: Promise<void> | undefined;
  #soon: NodeJS.Timeout | undefined;
  /** That of the database is not to be closed before SQLite has closed it: all locks of this process would be gone. */
  readonly #files: CheckpointFiles;
  readonly #checkpointer: Checkpointer;

  readonly #failed: (message: string, error: unknown) => void;
  #checkpointFailed = false;

  private constructor(path: string, db: DatabaseSync, failed: (message: string, error: unknown) => void) {
    this.path = path;
    this.#failed = failed;
    this.#db = db;
    this.#walFd = openSync(`${path}-wal`, "r");
    this.#indexFd = openSync(`${path}-shm`, "r");
    this.#reserve = new Reserve(`${path}-reserve`);
    this.#reserve.keep();
    // a descriptor is told once that something could not be written: what a checkpoint is told, `durable()` must be told, too
    this.#files = { path, database: openSync(path, "r"), wal: openSync(`${path}-wal`, "r") };
    this.#checkpointer = new Checkpointer(this.#files);
  }

  /**
   * Opens or makes the database. DataLoss when it is corrupt, FailedPrecondition when it is someone else's or written by
   * a newer version.
   * @param claimed what there is that only a database could know of: the path of it, so that none is made beside it
   * @param failed told of what nobody waits for
   */
  static open(
    path: string,
    claimed: () => string | undefined = () => undefined,
    failed: (message: string, error: unknown) => void = () => {},
  ): Database {
    checkWal(`${path}-wal`);
    // A WAL that is still there means that the last daemon did not close it: then a look at it all is worth its time.
    const unclean = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
    const small = existsSync(path) && statSync(path).size <= CHECK_BYTES;
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: 1000, enableForeignKeyConstraints: true });
      db.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = ${WAL_BYTES}`,
      );
      if (unclean || small) check(db, path);
      if (pragma(db, "schema_version") === 0) begin(db, path, claimed());
      else migrate(db, path);
      const store = new Database(path, db, failed);
      syncDirectory(dirname(path));
      return store;
    } catch (error) {
      db?.close();
      throw fromSqlite(error, "open store", path);
    }
  }

  /** Runs a statement for its effect; answers how many rows it changed. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Runs an INSERT; answers the row's id. */
  insert(sql: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).run(...values).lastInsertRowid);
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: Value[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** As `all`, a row being the array of its columns' values: an object for each takes several times the memory, which tells where they are many. */
  tuples(sql: string, ...values: Value[]): Value[][] {
    let statement = this.#tuples.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#tuples.set(sql, statement);
    }
    return statement.all(...values) as unknown as Value[][];
  }

  /**
   * Runs `body`, which must be synchronous, in a transaction; what it throws rolls it back. Inside another one it is part of that.
   */
  transaction<T>(body: () => T): T {
    if (this.#depth > 0) return body();
    try {
      this.run("BEGIN IMMEDIATE");
    } catch (error) {
      throw fromSqlite(error, "begin transaction", this.path);
    }
    this.#depth = 1;
    this.#afterCommit = [];
    let result: T;
    try {
      result = body();
      failpoint("store.before-commit");
      this.run("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw fromSqlite(error, "write to store", this.path);
    } finally {
      this.#depth = 0;
    }
    failpoint("store.after-commit");
    this.#written++;
    const hooks = this.#afterCommit;
    this.#afterCommit = [];
    for (const hook of hooks) hook();
    this.#maybeCheckpoint();
    return result;
  }

  /**
   * A transaction that removes. On a full disk, where otherwise nothing could be removed any more, it may use the reserve, so
   * `body` may run twice.
   */
  removal<T>(body: () => T): T {
    try {
      return this.transaction(body);
    } catch (error) {
      if (this.#depth > 0 || !isCode(error, "ResourceExhausted") || !this.#reserve.release()) throw error;
      const result = this.transaction(body);
      setTimeout(() => this.keepReserve(), RESERVE_DELAY).unref();
      return result;
    }
  }

  /** Puts the reserve aside again if it was used and there is room. */
  keepReserve(): void {
    if (this.#db.isOpen) this.#reserve.keep();
  }

  /** Has `hook` called when the transaction under way is committed; it is dropped with a rollback. */
  afterCommit(hook: () => void): void {
    if (this.#depth === 0) throw new WharfError("Internal", "no transaction to wait for");
    this.#afterCommit.push(hook);
  }

  /** Resolves when everything committed so far would survive a power cut. */
  durable(): Promise<void> {
    if (this.#written <= this.#flushed) return Promise.resolve();
    if (!this.#flushing) {
      this.#flushing = this.#flush();
      return this.#flushing;
    }
    // The flush under way may have begun before our transaction: all who come now share the next one.
    this.#flushQueued ??= this.#flushing
      .catch(() => {})
      .then(() => {
        this.#flushQueued = undefined;
        this.#flushing = this.#flush();
        return this.#flushing;
      });
    return this.#flushQueued;
  }

  /** For whom nobody waits: a flush that begins in a few milliseconds, for all of them. `failed` is told why it could not. */
  durableSoon(failed: (error: unknown) => void): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      if (this.#db.isOpen) this.durable().catch(failed);
    }, SOON).unref();
  }

  #flush(): Promise<void> {
    const upTo = this.#written;
    return new Promise((resolve, reject) => {
      fdatasync(this.#walFd, (error) => {
        if (!this.#flushQueued) this.#flushing = undefined;
        if (error) return reject(fromSqlite(error, "flush store", this.path));
        this.#flushed = Math.max(this.#flushed, upTo);
        resolve();
      });
    });
  }

  #maybeCheckpoint(): void {
    // Looking is a system call: every 64 transactions will do.
    if (this.#written % 64 !== 0 || this.walPages() <= CHECKPOINT_PAGES) return;
    this.checkpoint()
      .then(() => {
        this.#catchUp();
        this.#checkpointFailed = false;
      })
      .catch((error: unknown) => {
        // Each of the next ones is tried, and fails for the same reason: told once, until one succeeds.
        if (!this.#checkpointFailed && this.#db.isOpen)
          this.#failed("the store's log is not taken into it, and grows", error);
        this.#checkpointFailed = true;
      });
  }

  /** Copies what has come since the last checkpoint began, which is little, before another writer can come. */
  #catchUp(): void {
    if (this.#db.isOpen && this.walPages() > MOST_PAGES) this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** How many pages were written to the WAL since it was begun anew. */
  walPages(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#indexFd, bytes, 0, 4, MX_FRAME);
    return endianness() === "LE" ? bytes.readUInt32LE() : bytes.readUInt32BE();
  }

  /** Copies the WAL into the database, without holding up readers or writers. */
  checkpoint(): Promise<void> {
    return this.#checkpointer.run();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#db.isOpen) return;
    clearTimeout(this.#soon);
    await Promise.allSettled([this.#flushing, this.#flushQueued, this.#checkpointer[Symbol.asyncDispose]()]);
    this.#statements.clear();
    this.#tuples.clear();
    // The last connection's close makes a checkpoint and removes the WAL.
    this.#db.close();
    for (const fd of [this.#walFd, this.#indexFd, this.#files.database, this.#files.wal]) closeSync(fd);
  }
}

const WAL_MAGIC: readonly number[] = [0x377f0682, 0x377f0683];

/** SQLite takes a WAL that does not begin as one for an empty one, and all in it would be lost. Zeros are what a power cut leaves of one that was just begun. */
function checkWal(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(4);
    if (readSync(fd, bytes, 0, 4, 0) < 4) return;
    const magic = bytes.readUInt32BE();
    if (magic === 0 || WAL_MAGIC.includes(magic)) return;
  } finally {
    closeSync(fd);
  }
  throw new WharfError("DataLoss", `the store's write-ahead log is corrupt: ${JSON.stringify(path)}`, {
    operation: "open store",
    subject: path,
    hint: "restore it from a backup, or move it away: what was written down last is lost then",
  });
}

/** A new database. It is on the disk before anything that it is to know of: one that is not there is lost, not new. */
function begin(db: DatabaseSync, path: string, claimed: string | undefined): void {
  if (claimed !== undefined) {
    throw new WharfError("FailedPrecondition", `the store ${JSON.stringify(path)} is lost: it is empty or missing`, {
      operation: "open store",
      subject: path,
      hint: `restore meta.db and meta.db-wal from a backup; to begin anew without what only they know of, move ${JSON.stringify(claimed)} away`,
    });
  }
  migrate(db, path);
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function check(db: DatabaseSync, path: string): void {
  const fault = db.prepare("PRAGMA quick_check(1)").get() as { quick_check?: string } | undefined;
  if (fault?.quick_check === "ok") return;
  throw new WharfError(
    "DataLoss",
    `the store is corrupt: ${JSON.stringify(path)}: ${fault?.quick_check ?? "no answer"}`,
    {
      operation: "check store",
      subject: path,
      hint: "stop the daemon, keep a copy of meta.db, and try `sqlite3 meta.db .recover`, or start with a new --root",
    },
  );
}

function migrate(db: DatabaseSync, path: string): void {
  const version = pragma(db, "user_version");
  const application = pragma(db, "application_id");
  const fault =
    application !== APPLICATION_ID && (application !== 0 || version !== 0 || pragma(db, "schema_version") !== 0)
      ? "it belongs to another program"
      : version > MIGRATIONS.length
        ? `it has version ${version}, this program knows up to ${MIGRATIONS.length}`
        : undefined;
  if (fault) {
    throw new WharfError("FailedPrecondition", `the store ${JSON.stringify(path)} cannot be used: ${fault}`, {
      operation: "open store",
      subject: path,
      hint: "start a version of wharfd that knows it, or use another --root",
    });
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec(
      `BEGIN IMMEDIATE; ${MIGRATIONS[next]}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${next + 1}; COMMIT`,
    );
  }
}

function pragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() as Record<string, number> | undefined;
  return row?.[name] ?? 0;
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
