/**
 * The files of a rotated log: `<path>` is the one that is written, `<path>.1` (or `<path>.1.gz`) the one before, and so on. Reading goes by
 * the open file, not by its name, so that nothing is lost or read twice when they move on or are packed.
 */

import { stat } from "node:fs/promises";
import { idOf, LogPart } from "./part.ts";

/** Names looked at, at most. */
const MOST = 1000;

/** The log's files that are there, oldest first. While it is being rotated one name may be missing. The caller closes them. */
async function list(path: string): Promise<LogPart[]> {
  const found: LogPart[] = [];
  try {
    for (let at = 0, missing = 0; at < MOST && missing < 2; at++) {
      const name = at === 0 ? path : `${path}.${at}`;
      // The packed file comes before the plain one goes.
      const part = (await LogPart.open(name)) ?? (at > 0 ? await LogPart.open(`${name}.gz`) : undefined);
      if (part === undefined) missing++;
      else {
        missing = 0;
        found.unshift(part);
      }
    }
    return found;
  } catch (error) {
    await closeAll(found);
    throw error;
  }
}

/** Opens all, oldest first: as they stood at one moment, none left out and none twice. */
export async function openLogFiles(path: string): Promise<LogPart[]> {
  let files = await list(path);
  for (;;) {
    const after = await list(path).finally(() => closeAll(files));
    const same = after.length === files.length && after.every(({ id }, at) => id === files[at]!.id);
    if (same) return after;
    files = after;
  }
}

/** The file that follows an open one; undefined while that is the newest. */
export async function successor(path: string, part: LogPart): Promise<LogPart | undefined> {
  const newest = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (newest && idOf(newest) === part.id) return undefined;
  const files = await openLogFiles(path);
  const at = files.findIndex(({ id }) => id === part.id);
  // Not among them any more: it was the oldest and is gone, and the oldest that is left comes after it.
  const next = files[at + 1];
  await closeAll(files.filter((file) => file !== next));
  return next;
}

async function closeAll(parts: readonly LogPart[]): Promise<void> {
  await Promise.all(parts.map((part) => part.close()));
}
