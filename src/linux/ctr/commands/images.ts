// ctr images: what is there, whether it is whole, labels, removal, use.
import { bool } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { formatPlatform } from "../../../common/oci/platform.ts";
import { command, DEFAULT_SNAPSHOTTER, group, need, PROGRAM } from "../ctr.ts";
import { SNAPSHOTTER } from "../flags.ts";
import { checkImage, isUnpacked, listImages, openImage, platformsOf } from "../image.ts";
import { labelPaths, labelsOf, labelText } from "../labels.ts";
import { convert } from "./image-convert.ts";
import { inspect } from "./image-inspect.ts";
import { imageMount, imageUnmount } from "./image-mount.ts";
import { exportImages, importImages, pull, push, tag } from "./image-transfer.ts";

const list = command({
  name: "list",
  summary: "List images",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the names", { short: "q" }) },
  run: async (ctr, { flags, args }) => {
    const images = await listImages(ctr, args);
    if (flags.quiet) {
      for (const { name } of images) ctr.line(name);
      return 0;
    }
    const rows = ["REF\tTYPE\tDIGEST\tSIZE\tPLATFORMS\tLABELS\t"];
    for (const { name, target, labels } of images) {
      const { mediaType, digest } = target;
      let size = 0;
      let platforms = "-";
      try {
        const { documents, required } = await checkImage(ctr, target);
        for (const blob of [...documents, ...required]) size += blob.size;
        const found = (await platformsOf(ctr, target)).map(formatPlatform);
        platforms = [...new Set(found)].sort().join(",") || "-";
      } catch (error) {
        ctr.warn(`image ${name}: ${(error as Error).message}`);
      }
      rows.push(`${name}\t${mediaType}\t${digest}\t${shortSize(size)}\t${platforms}\t${labelText(labels)}\t`);
    }
    ctr.table(rows, 1);
    return 0;
  },
});

/** As containerd's clients write sizes: one digit, and a space before the unit. */
export function shortSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  return `${value.toFixed(1)} ${units[at]}`;
}

const check = command({
  name: "check",
  summary: "Tell whether all of an image's content is here",
  usage: "[FILTER...]",
  flags: { quiet: bool("Only the names of those that are ready", { short: "q" }), ...SNAPSHOTTER },
  run: async (ctr, { flags, args }) => {
    const images = await listImages(ctr, args);
    const rows = ["REF\tTYPE\tDIGEST\tSTATUS\tSIZE\tUNPACKED\t"];
    for (const { name, target } of images) {
      const { available, required, present } = await checkImage(ctr, target);
      const sum = (blobs: readonly { size: number }[]) => shortSize(blobs.reduce((all, { size }) => all + size, 0));
      const whole = available && present.length === required.length;
      const unpacked = available && (await isUnpacked(ctr, await openImage(ctr, name), flags.snapshotter));
      const count = available ? `${present.length}/${required.length}` : `${present.length}/?`;
      const status = !available ? "unavailable" : whole ? "complete" : "incomplete";
      const size = `${sum(present)}/${available ? sum(required) : "?"}`;
      if (!flags.quiet)
        rows.push(`${name}\t${target.mediaType}\t${target.digest}\t${status} (${count})\t${size}\t${unpacked}`);
      else if (whole && unpacked) ctr.line(name);
    }
    if (!flags.quiet && images.length > 0) ctr.table(rows, 1);
    return 0;
  },
});

const label = command({
  name: "label",
  summary: "Set or clear labels of an image",
  usage: "IMAGE [KEY=VALUE...]",
  flags: { "replace-all": bool("Replace all labels", { short: "r" }) },
  run: async (ctr, { flags, args }) => {
    const name = need(args, 0, "an image");
    const labels = labelsOf(args.slice(1));
    const paths = flags["replace-all"] ? ["labels"] : labelPaths(labels);
    // containerd 2.1 crashes on an image without a target, though the mask leaves it out
    const { image } = await ctr.images.update({ image: { name, labels, target: {} }, updateMask: { paths } });
    const told = labelText(image!.labels);
    ctr.line(told === "-" ? "" : told);
    return 0;
  },
});

const remove = command({
  name: "delete",
  summary: "Remove images",
  usage: "IMAGE [IMAGE...]",
  flags: { sync: bool("Wait until what nothing refers to any more is removed") },
  run: async (ctr, { flags, args }) => {
    for (const [at, name] of args.entries()) {
      try {
        await ctr.images.delete({ name, sync: flags.sync && at === args.length - 1 });
        ctr.line(name);
      } catch (error) {
        if (!isCode(error, "NotFound")) throw error;
        ctr.warn(`${name}: image not found`);
      }
    }
    return 0;
  },
});

const prune = command({
  name: "prune",
  summary: "Remove images that no container uses",
  usage: "",
  flags: { all: bool("All of them; without it nothing is removed") },
  run: async (ctr, { flags }) => {
    if (!flags.all) {
      ctr.warn("nothing was removed: --all says that all unused images may go");
      return 0;
    }
    const used = new Set((await ctr.containers.list({})).containers.map(({ image }) => image));
    const unused = (await listImages(ctr)).filter(({ name }) => !used.has(name));
    for (const [at, { name }] of unused.entries()) {
      await ctr.images.delete({ name, sync: at === unused.length - 1 });
      ctr.err(`${PROGRAM}: deleted image: ${name}\n`);
    }
    return 0;
  },
});

const usageOf = command({
  name: "usage",
  summary: "Show what an image's snapshots take",
  usage: "IMAGE",
  flags: SNAPSHOTTER,
  run: async (ctr, { flags, args }) => {
    const image = await openImage(ctr, need(args, 0, "an image"));
    const snapshotter = flags.snapshotter || DEFAULT_SNAPSHOTTER;
    const rows = ["KEY\tSIZE\tINODES\t"];
    for (let key: string = image.chain.at(-1) ?? ""; key !== ""; ) {
      const { size, inodes } = await ctr.snapshots.usage({ snapshotter, key });
      rows.push(`${key}\t${shortSize(size)}\t${inodes}\t`);
      key = (await ctr.snapshots.stat({ snapshotter, key })).info!.parent;
    }
    ctr.table(rows, 1);
    return 0;
  },
});

export const images = group("images", "Manage images", [
  [check],
  [exportImages],
  [importImages],
  [inspect, "i"],
  [list, "ls"],
  [imageMount],
  [imageUnmount],
  [pull],
  [push],
  [prune],
  [remove, "del", "remove", "rm"],
  [tag],
  [label],
  [convert],
  [usageOf],
]);
