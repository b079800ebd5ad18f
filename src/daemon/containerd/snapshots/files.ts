/**
 * Directories of a snapshotter, `<root>/<folder>/<id>/{fs,work}`, the last with overlays only. The daemon only makes them; looking
 * into them, copying and deleting them is the agent's.
 */

import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import { fromFile } from "../../../common/file-error.ts";

export class SnapshotFiles {
  readonly root: string;

  constructor(root: string, folder: string) {
    this.root = join(root, folder);
    mkdirSync(this.root, { recursive: true, mode: 0o700 });
  }

  directory(id: number): string {
    return join(this.root, String(id));
  }

  upper(id: number): string {
    return join(this.root, String(id), "fs");
  }

  work(id: number): string {
    return join(this.root, String(id), "work");
  }

  /** Makes a snapshot's directories; the root of the tree gets the owner named, or that of the parent's. */
  create(
    id: number,
    options: { parent: number | undefined; work: boolean; owner: { uid: number; gid: number } | undefined },
  ): void {
    try {
      mkdirSync(this.directory(id), { mode: 0o700 });
      mkdirSync(this.upper(id), { mode: 0o755 });
      if (options.work) mkdirSync(this.work(id), { mode: 0o711 });
    } catch (error) {
      throw fromFile(error, "make snapshot", this.directory(id));
    }
    if (options.parent === undefined && !options.owner) return;
    const { uid, gid } = options.owner ?? lstatSync(this.upper(options.parent!));
    if (uid !== 0 || gid !== 0) chownSync(this.upper(id), uid, gid);
  }

  /** Takes back what `create` made, as far as it got. */
  undo(id: number): void {
    for (const path of [this.work(id), this.upper(id), this.directory(id)]) {
      try {
        rmdirSync(path);
      } catch (error) {
        // What cannot be written has nothing of it: why that is, is said already.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT" && code !== "EROFS") throw error;
      }
    }
  }

  /** Whether a twentieth of the disk is free at most: what is removed then is removed for its room. */
  isNearlyFull(): boolean {
    const { bavail, blocks } = statfsSync(this.root);
    return bavail * 20 <= blocks;
  }

  /** DataLoss when the tree of a snapshot has been taken away behind the store's back. */
  check(id: number): void {
    const path = this.upper(id);
    if (existsSync(path)) return;
    throw new WharfError("DataLoss", `the snapshot's directory ${JSON.stringify(path)} is gone`, {
      operation: "mount snapshot",
      subject: path,
      hint: "somebody has removed it; remove the image and the containers made of it, and pull it again",
    });
  }

  /** Whether `path` is one of these directories or lies in one. */
  has(path: string): boolean {
    return path.startsWith(`${this.root}/`);
  }

  /** Names of all entries of ours; for the clean-up at the start. Of other names nobody here is the owner. */
  list(): string[] {
    return readdirSync(this.root).filter((name) => /^(\d+|new-[0-9a-f]{16})$/.test(name));
  }
}
