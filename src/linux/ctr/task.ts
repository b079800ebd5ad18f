// Creating a container's task: its root mounts, streams and options.

import { Options } from "../../common/gen/containerd/runc/options.ts";
import type { Container } from "../../common/gen/containerd/services/containers.ts";
import type { Mount } from "../../common/gen/containerd/types/mount.ts";
import { isAny, packAny, unpackAny } from "../../common/protobuf/any.ts";
import { readSpec } from "./container.ts";
import type { Ctr } from "./ctr.ts";
import { getImage, readBlob } from "./image.ts";
import { type IoChoice, TaskIo } from "./io.ts";

export interface TaskOptions extends IoChoice {
  /** Image whose index names a checkpoint. */
  checkpoint?: string | undefined;
  noPivot?: boolean | undefined;
  /** The snapshot's, when they are known already. */
  mounts?: readonly Mount[] | undefined;
}

const CHECKPOINT_TYPE = "application/vnd.containerd.container.criu.checkpoint.criu.tar";

async function checkpointOf(ctr: Ctr, image: string) {
  const { target } = await getImage(ctr, image);
  const index = JSON.parse(native.utf8(await readBlob(ctr, target.digest))) as { manifests: (typeof target)[] };
  return index.manifests.find(({ mediaType }) => mediaType === CHECKPOINT_TYPE);
}

/** Creates the task; when that fails the streams are gone too. */
export async function createTask(ctr: Ctr, container: Container, options: TaskOptions) {
  const { id, snapshotter, snapshotKey, runtime } = container;
  const rootfs =
    options.mounts ?? (snapshotKey ? (await ctr.snapshots.mounts({ snapshotter, key: snapshotKey })).mounts : []);
  const io = TaskIo.create(id, options);
  try {
    const { uidMappings, gidMappings } = readSpec(container).linux ?? {};
    const special = {
      ...(options.noPivot ? { noPivotRoot: true } : {}),
      ...(uidMappings?.[0] ? { ioUid: uidMappings[0].hostID } : {}),
      ...(gidMappings?.[0] ? { ioGid: gidMappings[0].hostID } : {}),
    };
    const given = runtime?.options && isAny(runtime.options, Options) ? unpackAny(Options, runtime.options) : undefined;
    const any = Object.keys(special).length > 0 ? packAny(Options, { ...given, ...special }) : undefined;
    const checkpoint = options.checkpoint ? await checkpointOf(ctr, options.checkpoint) : undefined;
    const { pid } = await ctr.tasks.create({ containerId: id, rootfs, ...io.streams, options: any, checkpoint });
    return { io, pid };
  } catch (error) {
    io[Symbol.dispose]();
    throw error;
  }
}
