// ctr tasks checkpoint: a running container's state, kept as content under an image's name or in a folder.
import { bool, string } from "../../../common/cli/flags.ts";
import { CheckpointOptions } from "../../../common/gen/containerd/runc/options.ts";
import type { Descriptor } from "../../../common/gen/containerd/types/descriptor.ts";
import { OCI } from "../../../common/oci/media-types.ts";
import { packAny } from "../../../common/protobuf/any.ts";
import { sha256 } from "../../sys/hash.ts";
import { getContainer } from "../container.ts";
import { writeBlob } from "../content-write.ts";
import { type Ctr, command, need } from "../ctr.ts";

/** Keeps descriptors together: an index whose labels hold them, named as an image. */
export async function writeIndex(ctr: Ctr, name: string, manifests: readonly Descriptor[]): Promise<void> {
  const bytes = native.bytes(JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests }));
  const digest = `sha256:${sha256(bytes)}`;
  const labels = Object.fromEntries(manifests.map((one, at) => [`containerd.io/gc.ref.content.${at}`, one.digest]));
  await writeBlob(ctr, { ref: `index-${digest}`, digest, labels }, bytes);
  await ctr.images.create({ image: { name, target: { mediaType: OCI.index, digest, size: bytes.length } } });
}

export const checkpointTask = command({
  name: "checkpoint",
  summary: "Write a container's state down",
  usage: "CONTAINER",
  flags: {
    exit: bool("Stop the container afterwards"),
    "image-path": string("Folder for the state, instead of the content store", { type: "DIR" }),
    "work-path": string("Folder for criu's working files and log", { type: "DIR" }),
  },
  run: async (ctr, { flags, args }) => {
    const { id } = await getContainer(ctr, need(args, 0, "a container"));
    const options = packAny(CheckpointOptions, {
      ...{ exit: flags.exit, imagePath: flags["image-path"], workPath: flags["work-path"] },
    });
    await ctr.leased(async () => {
      const { descriptors } = await ctr.tasks.checkpoint({ containerId: id, options });
      if (flags["image-path"]) return;
      const name = `containerd.io/checkpoint/${id}:${new Date().toISOString().replace(/[^0-9A-Za-z.-]/g, "-")}`;
      await writeIndex(ctr, name, descriptors);
      ctr.line(name);
    });
    return 0;
  },
});
