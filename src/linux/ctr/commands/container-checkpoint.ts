// ctr containers checkpoint, restore: a container with its files, settings and running state as one image, and back.
import { bool } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { CheckpointOptions } from "../../../common/gen/containerd/runc/options.ts";
import { Container } from "../../../common/gen/containerd/services/containers.ts";
import type { Descriptor } from "../../../common/gen/containerd/types/descriptor.ts";
import { Status } from "../../../common/gen/containerd/types/task.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { decode, encode } from "../../../common/protobuf/codec.ts";
import { sha256 } from "../../sys/hash.ts";
import { getContainer } from "../container.ts";
import { writeBlob } from "../content-write.ts";
import { type Ctr, command, need } from "../ctr.ts";
import { getImage, openImage, readBlob } from "../image.ts";
import { runProcess } from "../process.ts";
import { createTask } from "../task.ts";
import { writeIndex } from "./task-checkpoint.ts";

const RECORD_TYPE = "application/vnd.containerd.container.checkpoint.config.v1+proto";

async function put(ctr: Ctr, mediaType: string, bytes: Uint8Array, annotations = {}): Promise<Descriptor> {
  const digest = `sha256:${sha256(bytes)}`;
  await writeBlob(ctr, { ref: `checkpoint-${digest}`, digest }, bytes);
  return { mediaType, digest, size: bytes.length, annotations };
}

export const checkpointContainer = command({
  name: "checkpoint",
  summary: "Keep a container as an image",
  usage: "CONTAINER REF",
  flags: {
    rw: bool("With what was changed in its files"),
    image: bool("With its image", { hidden: true }),
    task: bool("With the state of its processes"),
  },
  run: async (ctr, { flags, args }) => {
    const container = await getContainer(ctr, need(args, 0, "a container"));
    const ref = need(args, 1, "a name for the image");
    await ctr.leased(async () => {
      const parts = [await put(ctr, RECORD_TYPE, encode(Container, container))];
      if (flags.task) {
        const options = packAny(CheckpointOptions, {});
        const { process } = await ctr.tasks.get({ containerId: container.id });
        const runs = process?.status === Status.RUNNING;
        // files and memory have to be of the same moment
        if (runs && flags.rw) await ctr.tasks.pause({ containerId: container.id });
        try {
          parts.push(...(await ctr.tasks.checkpoint({ containerId: container.id, options })).descriptors);
          if (flags.rw) parts.push(await changesOf(ctr, container));
        } finally {
          if (runs && flags.rw) await ctr.tasks.resume({ containerId: container.id });
        }
      } else if (flags.rw) parts.push(await changesOf(ctr, container));
      await writeIndex(ctr, ref, parts);
    });
    return 0;
  },
});

async function changesOf(ctr: Ctr, { snapshotter, snapshotKey: key }: Container): Promise<Descriptor> {
  const { info } = await ctr.snapshots.stat({ snapshotter, key });
  const view = `${key}-parent-${Date.now()}`;
  const { mounts: left } = await ctr.snapshots.view({ snapshotter, key: view, parent: info!.parent });
  try {
    const { mounts: right } = await ctr.snapshots.mounts({ snapshotter, key });
    return (await ctr.diff.diff({ left, right, ref: `checkpoint-rw-${key}` })).diff!;
  } finally {
    await ctr.snapshots.remove({ snapshotter, key: view });
  }
}

export const restoreContainer = command({
  name: "restore",
  summary: "Make a container from an image that was kept of one",
  usage: "CONTAINER REF",
  flags: { rw: bool("With the changes of its files"), live: bool("Let its processes go on") },
  run: async (ctr, { flags, args }) => {
    const id = need(args, 0, "a container");
    const ref = need(args, 1, "an image");
    const { target } = await getImage(ctr, ref);
    const { manifests } = JSON.parse(native.utf8(await readBlob(ctr, target.digest))) as { manifests: Descriptor[] };
    const find = (pattern: RegExp) => manifests.find(({ mediaType }) => pattern.test(mediaType));
    const record = find(/checkpoint\.config/);
    if (!record) throw new WharfError("InvalidArgument", `${JSON.stringify(ref)} is no image of a container`);
    const before = decode(Container, await readBlob(ctr, record.digest));
    const image = await openImage(ctr, before.image);
    const { snapshotter } = before;
    const { mounts } = await ctr.snapshots.prepare({ snapshotter, key: id, parent: image.chain.at(-1) ?? "" });
    const changes = find(/layer.*tar/);
    if (flags.rw && changes) await ctr.diff.apply({ diff: changes, mounts });
    const { container } = await ctr.containers.create({ container: { ...before, id, snapshotKey: id } });
    if (!flags.live) return 0;
    const { io, pid } = await createTask(ctr, container!, { tty: false, checkpoint: ref });
    using _io = io;
    return await runProcess(ctr, { name: { containerId: id, execId: "" }, io, pid, detach: true, pidFile: "" });
  },
});
