/** Copies the WAL into the database through a connection of its own (https://sqlite.org/wal.html, "Checkpointing"). */

import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";

const db = new DatabaseSync(workerData as string, { timeout: 1000 });
try {
  db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA wal_checkpoint(PASSIVE)");
} finally {
  db.close();
}
