/**
 * What a start does after whatever end the last run came to: files that no row knows are removed, and the trash is
 * emptied. Runs before anything is served, when no file can belong to an operation under way.
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { failpoint } from "../../../common/failpoint.ts";
import { isDiskFull } from "../../store/errors.ts";
import { PROCESS_LABEL } from "../api/leases.ts";
import { checkpointsFolder } from "../tasks/checkpoint.ts";
import type { Shared } from "./scope.ts";

export async function recover(shared: Shared): Promise<void> {
  try {
    endLeases(shared);
    recoverSnapshots(shared);
    if (shared.contentPolicy === "isolated") unshareIngests(shared);
  } catch (error) {
    // On a full disk the daemon has to start all the same: else nothing could be removed.
    if (!isDiskFull(error)) throw error;
    shared.log("the disk is full: left-overs of the last run stay for now", error);
  }
  await recoverContent(shared);
  await rm(checkpointsFolder(shared.paths.root), { recursive: true, force: true });
  failpoint("recover.done");
  // Not waited for: large trees take their time.
  void shared.gc.emptyTrash();
  shared.gc.schedule(1000);
}

/** Leases of what the last process was doing itself, and cannot go on with. */
function endLeases({ db }: Shared): void {
  const label = `labels ->> '$."${PROCESS_LABEL}"'`;
  db.removal(() => db.run(`DELETE FROM leases WHERE ${label} IS NOT NULL`));
}

/** Blobs of other namespaces that were to be taken over when these were not isolated yet: their bytes have to be shown now. */
function unshareIngests({ db }: Shared): void {
  db.removal(() => db.run("UPDATE ingests SET shared = NULL WHERE shared IS NOT NULL"));
}

/** Directories that were made in a transaction that never was committed go the way of removed snapshots. */
function recoverSnapshots({ db, snapshotFiles }: Shared): void {
  const known = new Set(db.all("SELECT id FROM snapshots").map((row) => String(row.id)));
  const strays = [...snapshotFiles.values()].flatMap((files) =>
    files
      .list()
      .filter((name) => !known.has(name))
      .map((name) => join(files.root, name)),
  );
  if (strays.length === 0) return;
  db.transaction(() => {
    for (const path of strays) db.run("INSERT OR IGNORE INTO trash VALUES (?)", path);
  });
}

async function recoverContent({ db, blobs }: Shared): Promise<void> {
  const files = blobs.list();
  const content = new Set(
    db
      .all("SELECT digest FROM content UNION SELECT shared FROM ingests WHERE shared IS NOT NULL")
      .map((row) => row.digest),
  );
  const ingests = new Set(db.all("SELECT id FROM ingests").map((row) => String(row.id)));
  const strays = files.blobs.filter((digest) => !content.has(digest));
  await Promise.all([
    ...strays.map((digest) => blobs.discard(digest)),
    ...files.ingests.filter((name) => !ingests.has(name)).map((name) => blobs.dropFile(name)),
  ]);
}
