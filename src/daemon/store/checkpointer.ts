/**
 * Makes checkpoints of a database without a thread of its own, whose engine would cost ten megabytes: the flushes, which wait for the disk, are
 * libuv's, and what SQLite does itself is a copy from one file's pages in memory to another's. It is as safe as SQLite's own
 * (https://sqlite.org/wal.html, "Checkpointing"), by a reader that stands at one transaction all the while:
 *
 * 1. From where the reader stands nothing later is copied, so one flush of the WAL, begun after it, covers all that will be: the database never has
 *    what the WAL may yet lose.
 * 2. While it stands there the WAL is not begun anew, so that all that is in it is there until the database has been flushed.
 */

import { fdatasync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { fromSqlite } from "./errors.ts";

const flush = promisify(fdatasync);

/**
 * Readers that stay where they are to the end of the process, since the database could not be flushed: what the WAL has may be nowhere else. It grows
 * from then on, is not removed, and the next start reads it from its beginning.
 */
const stuck: DatabaseSync[] = [];

export interface CheckpointFiles {
  path: string;
  /** Descriptors of the database and of its WAL. To close that of the database would take away all locks on it (fcntl_locking(2)). */
  database: number;
  wal: number;
}

export class Checkpointer implements AsyncDisposable {
  readonly #files: CheckpointFiles;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(files: CheckpointFiles) {
    this.#files = files;
  }

  /** Copies the WAL into the database. One that is under way is joined. */
  run(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        throw fromSqlite(error, "checkpoint store", this.#files.path);
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #run(): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { path, database, wal } = this.#files;
    const reader = new DatabaseSync(path, { timeout: 1000 });
    try {
      reader.exec("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
      await flush(wal);
      copy(path);
    } catch (error) {
      reader.close();
      throw error;
    }
    try {
      await flush(database);
    } catch (error) {
      stuck.push(reader);
      this.#failure = error;
      throw error;
    }
    reader.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.catch(() => {});
  }
}

/** What readers allow, without a flush. */
function copy(path: string): void {
  using db = new DatabaseSync(path, { timeout: 1000 });
  db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF; PRAGMA wal_checkpoint(PASSIVE)");
}
