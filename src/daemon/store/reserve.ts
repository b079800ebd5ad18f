/** Disk space put aside: given up when the disk is full, so that what frees space can still be recorded. */

import { existsSync, rmSync, writeFileSync } from "node:fs";

/** Bytes: room in the WAL for some hundred removals. */
const SIZE = 1024 * 1024;

export class Reserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the space if it is not held. A disk too full for it is no error. */
  keep(): void {
    if (existsSync(this.#path)) return;
    try {
      writeFileSync(this.#path, Buffer.alloc(SIZE), { mode: 0o600 });
    } catch {
      rmSync(this.#path, { force: true });
    }
  }

  /** Gives the space up; false when there was none. */
  release(): boolean {
    if (!existsSync(this.#path)) return false;
    rmSync(this.#path, { force: true });
    return true;
  }
}
