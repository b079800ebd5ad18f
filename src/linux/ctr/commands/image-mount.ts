// ctr images mount, unmount: an image's root file system on a folder.
import { bool, list, string } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { mountAll, unmountAll } from "../../shim/rootfs.ts";
import { absolute } from "../../sys/fs.ts";
import { command, DEFAULT_SNAPSHOTTER, need } from "../ctr.ts";
import { REGISTRY, SNAPSHOTTER } from "../flags.ts";
import { openImage, platformOf, unpack } from "../image.ts";

const DAY_MS = 24 * 3600_000;

export const imageMount = command({
  name: "mount",
  summary: "Mount an image's root file system on a folder",
  usage: "IMAGE FOLDER",
  flags: {
    ...REGISTRY,
    ...SNAPSHOTTER,
    label: list("Label, for the original's sake", { type: "KEY=VALUE", hidden: true }),
    rw: bool("Let it be written to"),
    platform: string("Platform of the image", { type: "OS/ARCH" }),
    "sync-fs": bool("Write the files to disk while unpacking", { hidden: true }),
  },
  run: async (ctr, { flags, args }) => {
    const name = need(args, 0, "an image");
    const target = need(args, 1, "a folder");
    const snapshotter = flags.snapshotter || DEFAULT_SNAPSHOTTER;
    const labels = {
      "containerd.io/gc.expire": new Date(Date.now() + DAY_MS).toISOString().replace(/\.\d+Z$/, "Z"),
      [`containerd.io/gc.ref.snapshot.${snapshotter}`]: target,
    };
    const image = await openImage(ctr, name, platformOf(flags.platform));
    try {
      await ctr.leases.create({ id: target, labels });
      ctr.lease = target;
    } catch (error) {
      if (!isCode(error, "AlreadyExists")) throw error;
    }
    await unpack(ctr, image, snapshotter);
    const parent = image.chain.at(-1) ?? "";
    ctr.line(parent);
    const request = { snapshotter, key: target, parent };
    let mounts: Awaited<ReturnType<typeof ctr.snapshots.mounts>>["mounts"];
    try {
      ({ mounts } = flags.rw ? await ctr.snapshots.prepare(request) : await ctr.snapshots.view(request));
    } catch (error) {
      if (!isCode(error, "AlreadyExists")) throw error;
      ({ mounts } = await ctr.snapshots.mounts({ snapshotter, key: target }));
    }
    try {
      mountAll(mounts, absolute(target));
    } catch (error) {
      await ctr.undo(`the snapshot ${target}`, ctr.snapshots.remove({ snapshotter, key: target }));
      await ctr.undo(`the lease ${target}`, ctr.leases.delete({ id: target }));
      throw error;
    }
    ctr.line(target);
    return 0;
  },
});

export const imageUnmount = command({
  name: "unmount",
  summary: "Take an image's mount away again",
  usage: "FOLDER",
  flags: {
    ...REGISTRY,
    ...SNAPSHOTTER,
    label: list("Label, for the original's sake", { type: "KEY=VALUE", hidden: true }),
    rm: bool("Remove the snapshot too"),
  },
  run: async (ctr, { flags, args }) => {
    const target = need(args, 0, "a folder");
    const snapshotter = flags.snapshotter || DEFAULT_SNAPSHOTTER;
    unmountAll(absolute(target));
    if (flags.rm) {
      const gone = (error: unknown) => {
        if (!isCode(error, "NotFound")) throw error;
      };
      await ctr.leases.delete({ id: target }).catch(gone);
      await ctr.snapshots.remove({ snapshotter, key: target }).catch(gone);
    }
    ctr.line(target);
    return 0;
  },
});
