/** Copies the WAL into the database through a connection of its own (https://sqlite.org/wal.html, "Checkpointing"). */

import { DatabaseSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";

parentPort!.on("message", (path: string) => {
  try {
    const db = new DatabaseSync(path, { timeout: 1000 });
    try {
      db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA wal_checkpoint(PASSIVE)");
    } finally {
      db.close();
    }
    parentPort!.postMessage({});
  } catch (error) {
    parentPort!.postMessage({ error });
  }
});
