/** A remote snapshotter for tests: it has the layers it was told of, under names of its own, and lets the rest be unpacked into folders. */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import type { SnapshotInfo, SnapshotOptions, Snapshotter } from "../api/snapshots.ts";
import type { Labels, Mount } from "../api/types.ts";
import { now } from "../core/clock.ts";
import { TARGET_LABEL } from "../snapshots/local.ts";

export class RemoteSnapshotter implements Snapshotter {
  readonly rebases = false;
  readonly mayBeRemote = true;
  /** By name. */
  readonly snapshots = new Map<string, SnapshotInfo>();
  /** Chain ids of the layers it comes to by itself. */
  readonly offers = new Set<string>();
  /** Says that a layer is there, and has it not. */
  lying = false;
  /** Cannot tell what it has. */
  broken = false;
  /** A removal waits for it. */
  beforeRemove: (() => Promise<void>) | undefined;
  readonly #folder: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async stat(key: string): Promise<SnapshotInfo> {
    return this.#get(key);
  }

  update(): Promise<never> {
    throw new WharfError("Unimplemented", "update");
  }

  async usage(key: string): Promise<{ size: number; inodes: number }> {
    this.#get(key);
    return { size: 4096, inodes: 1 };
  }

  async mounts(key: string): Promise<Mount[]> {
    const source = join(this.#folder, encodeURIComponent(key).replaceAll("%", "_").slice(-60));
    await mkdir(source, { recursive: true });
    return [{ type: "bind", source, target: "", options: ["rbind", "rw"] }];
  }

  prepare(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    const target = labels[TARGET_LABEL];
    if (this.lying) throw new WharfError("AlreadyExists", "it exists");
    if (target !== undefined && this.offers.has(target)) {
      const there = [...this.snapshots.values()].some(
        (one) => one.labels[TARGET_LABEL] === target && one.parent === parent,
      );
      if (!there) this.#put(`own-${++this.#count}`, "committed", parent, labels);
      throw new WharfError("AlreadyExists", `target snapshot ${target} exists`);
    }
    this.#put(key, "active", parent, labels);
    return this.mounts(key);
  }

  view(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    this.#put(key, "view", parent, labels);
    return this.mounts(key);
  }

  async commit(name: string, key: string, { labels = {} }: SnapshotOptions = {}): Promise<void> {
    const { parent } = this.#get(key);
    this.snapshots.delete(key);
    this.#put(name, "committed", parent, labels);
  }

  async remove(key: string): Promise<void> {
    await this.beforeRemove?.();
    this.#get(key);
    for (const { parent } of this.snapshots.values())
      if (parent === key) throw new WharfError("FailedPrecondition", `${key} is a parent`);
    this.snapshots.delete(key);
  }

  async *walk(): AsyncGenerator<SnapshotInfo> {
    if (this.broken) throw new WharfError("Unavailable", "it has gone");
    yield* this.snapshots.values();
  }

  async cleanup(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  #get(key: string): SnapshotInfo {
    const found = this.snapshots.get(key);
    if (!found) throw new WharfError("NotFound", `there is no ${key}`);
    return found;
  }

  #put(name: string, kind: SnapshotInfo["kind"], parent: string, labels: Labels): void {
    const time = now();
    if (parent !== "") this.#get(parent);
    this.snapshots.set(name, { kind, name, parent, labels, createdAt: time, updatedAt: time });
  }
}
