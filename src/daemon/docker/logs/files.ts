/**
 * The files of a rotated log: `<path>` is the one that is written, `<path>.1` the one before, and so on. Reading goes by the
 * open file, not by its name, so that nothing is lost or read twice when they move on.
 */

import { type FileHandle, open, stat } from "node:fs/promises";

/** Names looked at, at most. */
const MOST = 1000;

/** The log's files that are there, oldest first. */
export async function logFiles(path: string): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < MOST; at++) {
    const name = at === 0 ? path : `${path}.${at}`;
    if (!(await inode(name))) {
      if (at === 0) continue;
      break;
    }
    found.unshift(name);
  }
  return found;
}

/** Opens all, oldest first; one that is moved on meanwhile is found under its next name, none is opened twice. */
export async function openLogFiles(path: string): Promise<FileHandle[]> {
  for (;;) {
    const handles: FileHandle[] = [];
    const seen = new Set<number>();
    let again = false;
    for (const name of await logFiles(path)) {
      try {
        const handle = await open(name, "r");
        handles.push(handle);
        const { ino } = await handle.stat();
        again ||= seen.has(ino);
        seen.add(ino);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        again = true;
      }
    }
    // The set is whole when the newest is still the newest.
    const newest = handles.at(-1);
    const current = await inode(path);
    if (!again && (newest ? (await newest.stat()).ino === current : current === undefined)) return handles;
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
