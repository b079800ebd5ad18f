/** Snapshotter over gRPC. */

import { WharfError } from "../../../common/errors.ts";
import { Kind, SnapshotsService, type Info as WireInfo } from "../../../common/gen/containerd/services/snapshots.ts";
import type {
  SnapshotCommitOptions,
  SnapshotInfo,
  SnapshotKind,
  SnapshotOptions,
  Snapshotter,
  SnapshotUsage,
} from "../../containerd/api/snapshots.ts";
import type { CallOptions, FieldPaths, Filters, Mount } from "../../containerd/api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import { fromMounts, fromTime, required } from "../convert.ts";
import { type Caller, type ClientFor, mask } from "./call.ts";

const KINDS: Readonly<Record<number, SnapshotKind>> = {
  [Kind.VIEW]: "view",
  [Kind.ACTIVE]: "active",
  [Kind.COMMITTED]: "committed",
};

export class RemoteSnapshots implements Snapshotter {
  /** Not in containerd 2.1's messages. */
  readonly rebases = false;
  readonly mayBeRemote: boolean;
  readonly #call: Caller;
  readonly #name: string;

  constructor(call: Caller, name: string) {
    this.#call = call;
    this.#name = name;
    // containerd's own has what it is given: asking it would cost each pull a snapshot, and the fetches would wait for that.
    this.mayBeRemote = name !== DEFAULT_SNAPSHOTTER;
  }

  get #client(): ClientFor<typeof SnapshotsService> {
    return this.#call(SnapshotsService);
  }

  async stat(key: string): Promise<SnapshotInfo> {
    return readInfo((await this.#client.stat({ snapshotter: this.#name, key })).info);
  }

  async update(info: Pick<SnapshotInfo, "name" | "labels">, paths?: FieldPaths): Promise<SnapshotInfo> {
    const { name, labels } = info;
    const request = { snapshotter: this.#name, info: { name, labels }, updateMask: mask(paths) };
    return readInfo((await this.#client.update(request)).info);
  }

  async usage(key: string, { signal }: CallOptions = {}): Promise<SnapshotUsage> {
    const { size, inodes } = await this.#client.usage({ snapshotter: this.#name, key }, { signal });
    return { size, inodes };
  }

  async mounts(key: string): Promise<Mount[]> {
    return fromMounts((await this.#client.mounts({ snapshotter: this.#name, key })).mounts);
  }

  async prepare(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    return fromMounts((await this.#client.prepare({ snapshotter: this.#name, key, parent, labels })).mounts);
  }

  async view(key: string, parent: string, { labels = {} }: SnapshotOptions = {}): Promise<Mount[]> {
    return fromMounts((await this.#client.view({ snapshotter: this.#name, key, parent, labels })).mounts);
  }

  /** Usage is measured over there. Unimplemented with a new parent: containerd 2.1's API has no such thing. */
  async commit(name: string, key: string, { labels = {}, parent }: SnapshotCommitOptions = {}): Promise<void> {
    if (parent) throw new WharfError("Unimplemented", "a remote snapshotter does not rebase", { subject: name });
    await this.#client.commit({ snapshotter: this.#name, name, key, labels });
  }

  async remove(key: string): Promise<void> {
    await this.#client.remove({ snapshotter: this.#name, key });
  }

  async *walk(filters: Filters = []): AsyncGenerator<SnapshotInfo> {
    for await (const { info } of this.#client.list({ snapshotter: this.#name, filters })) yield* info.map(readInfo);
  }

  async cleanup(): Promise<void> {
    await this.#client.cleanup({ snapshotter: this.#name });
  }
}

function readInfo(info: WireInfo | undefined): SnapshotInfo {
  const { name, parent, kind, createdAt, updatedAt, labels } = required(info, "info");
  const known = KINDS[kind];
  if (!known) throw new WharfError("Internal", `snapshot ${JSON.stringify(name)} has the unknown kind ${kind}`);
  return { kind: known, name, parent, labels, createdAt: fromTime(createdAt), updatedAt: fromTime(updatedAt) };
}
