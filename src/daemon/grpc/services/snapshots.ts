/** containerd.services.snapshots.v1: a thin layer over the snapshotters. */

import { WharfError } from "../../../common/errors.ts";
import { type Info, Kind, SnapshotsService } from "../../../common/gen/containerd/services/snapshots.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { SnapshotInfo, SnapshotKind, Snapshotter } from "../../containerd/api/snapshots.ts";
import type { Containerd, ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { blocks, required, toMounts, toTime } from "../convert.ts";
import type { Router } from "../router.ts";

const KINDS: Readonly<Record<SnapshotKind, Kind>> = {
  view: Kind.VIEW,
  active: Kind.ACTIVE,
  committed: Kind.COMMITTED,
};

/** `own` in place of the snapshotters by name. */
export function addSnapshots(router: Router, core: ContainerdCore, own?: (client: Containerd) => Snapshotter): void {
  const of = (call: CallContext, name: string): Snapshotter => {
    const client = clientOf(core, call);
    if (own) return own(client);
    if (name === "") throw new WharfError("InvalidArgument", "snapshotter argument missing");
    try {
      return client.snapshots(name);
    } catch {
      // containerd's code for it; that there is none is said once
      throw new WharfError("InvalidArgument", `snapshotter not loaded: ${name}`, { subject: name });
    }
  };
  router.add(SnapshotsService, {
    prepare: async ({ snapshotter, key, parent, labels }, call) => ({
      mounts: toMounts(await of(call, snapshotter).prepare(key, parent, { labels })),
    }),
    view: async ({ snapshotter, key, parent, labels }, call) => ({
      mounts: toMounts(await of(call, snapshotter).view(key, parent, { labels })),
    }),
    mounts: async ({ snapshotter, key }, call) => ({ mounts: toMounts(await of(call, snapshotter).mounts(key)) }),
    commit: async ({ snapshotter, name, key, labels }, call) => {
      await of(call, snapshotter).commit(name, key, { labels });
      return {};
    },
    remove: async ({ snapshotter, key }, call) => {
      await of(call, snapshotter).remove(key);
      return {};
    },
    stat: async ({ snapshotter, key }, call) => ({ info: toInfo(await of(call, snapshotter).stat(key)) }),
    update: async ({ snapshotter, info, updateMask }, call) => {
      const { name, labels } = required(info, "info");
      return { info: toInfo(await of(call, snapshotter).update({ name, labels }, updateMask?.paths)) };
    },
    async *list({ snapshotter, filters }, call) {
      for await (const block of blocks(of(call, snapshotter).walk(filters))) yield { info: block.map(toInfo) };
    },
    usage: async ({ snapshotter, key }, call) => await of(call, snapshotter).usage(key, { signal: call.signal }),
    cleanup: async ({ snapshotter }, call) => {
      await of(call, snapshotter).cleanup();
      return {};
    },
  });
}

function toInfo({ name, parent, kind, createdAt, updatedAt, labels }: SnapshotInfo): Init<Info> {
  return { name, parent, kind: KINDS[kind], createdAt: toTime(createdAt), updatedAt: toTime(updatedAt), labels };
}
