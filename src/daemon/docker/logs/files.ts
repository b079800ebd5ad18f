/**
 * The files of a rotated log: `<path>` is the one that is written, `<path>.1` the one before, and so on. Reading goes by the
 * open file, not by its name, so that nothing is lost or read twice when they move on.
 */

import { type FileHandle, open, stat } from "node:fs/promises";

/** Names looked at, at most. */
const MOST = 1000;

/** The log's files that are there with their inodes, oldest first. While it is being rotated one name may be missing. */
async function listFiles(path: string): Promise<{ name: string; ino: number }[]> {
  const found: { name: string; ino: number }[] = [];
  for (let at = 0, missing = 0; at < MOST && missing < 2; at++) {
    const name = at === 0 ? path : `${path}.${at}`;
    const ino = await inode(name);
    if (ino === undefined) missing++;
    else {
      missing = 0;
      found.unshift({ name, ino });
    }
  }
  return found;
}

/** Opens all, oldest first: as they stood at one moment, none left out and none twice. */
export async function openLogFiles(path: string): Promise<FileHandle[]> {
  for (;;) {
    const files = await listFiles(path);
    const handles: FileHandle[] = [];
    let same = true;
    try {
      for (const { name, ino } of files) {
        const handle = await open(name, "r");
        handles.push(handle);
        same &&= (await handle.stat()).ino === ino;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      same = false;
    }
    const after = await listFiles(path);
    same &&= after.length === files.length && after.every(({ ino }, at) => ino === files[at]!.ino);
    if (same) return handles;
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

/** The file that follows an open one; undefined while that is the newest. */
export async function successor(path: string, handle: FileHandle): Promise<FileHandle | undefined> {
  const { ino } = await handle.stat();
  if ((await inode(path)) === ino) return undefined;
  const files = await openLogFiles(path);
  const inodes = await Promise.all(files.map(async (file) => (await file.stat()).ino));
  // Not among them any more: it was the oldest and is gone, and the oldest that is left comes after it.
  const next = files[inodes.indexOf(ino) + 1];
  await Promise.all(files.filter((file) => file !== next).map((file) => file.close()));
  return next;
}

async function inode(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
