/** containerd.services.images.v1: a thin layer over ImageStore. */

import { WharfError } from "../../../common/errors.ts";
import { ImagesService, type Image as WireImage } from "../../../common/gen/containerd/services/images.ts";
import type { Timestamp } from "../../../common/gen/google/protobuf/timestamp.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Image, ImageInput } from "../../containerd/api/images.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { fromDescriptor, fromTime, required, toDescriptor, toTime } from "../convert.ts";
import { listing } from "../parts.ts";
import type { Router } from "../router.ts";

export function addImages(router: Router, core: ContainerdCore): void {
  const store = (call: CallContext) => clientOf(core, call).images;
  router.add(ImagesService, {
    get: async ({ name }, call) => ({ image: toImage(await store(call).get(name)) }),
    list: ({ filters }, call) =>
      listing(ImagesService.methods.list.output, store(call).pages(filters), (some) => ({ images: some.map(toImage) })),
    create: async ({ image, sourceDateEpoch }, call) => ({
      image: toImage(await store(call).create({ ...fromImage(image), ...epoch(sourceDateEpoch) })),
    }),
    update: async ({ image, updateMask, sourceDateEpoch }, call) => {
      const paths = updateMask?.paths ?? [];
      // A mask that leaves the target alone need not come with one.
      const wanted = fromImage(image, paths.length > 0 && !paths.includes("target"));
      return { image: toImage(await store(call).update({ ...wanted, ...epoch(sourceDateEpoch) }, paths)) };
    },
    delete: async ({ name, sync, target }, call) => {
      await store(call).delete(name, { sync, target: target && fromDescriptor(target) });
      return {};
    },
  });
}

function epoch(time: Timestamp | undefined): Pick<ImageInput, "sourceDateEpoch"> {
  return time ? { sourceDateEpoch: fromTime(time) } : {};
}

const NO_TARGET: Init<WireImage>["target"] = { mediaType: "", digest: "", size: 0, annotations: {} };

function fromImage(image: WireImage | undefined, bare = false): ImageInput {
  const { name, labels, target } = required(image, "image");
  if (name === "") throw new WharfError("InvalidArgument", "Image.Name required");
  const given = target ?? (bare ? (NO_TARGET as WireImage["target"]) : undefined);
  return { name, labels, target: fromDescriptor(required(given, "target")) };
}

function toImage({ name, labels, target, createdAt, updatedAt }: Image): Init<WireImage> {
  return { name, labels, target: toDescriptor(target), createdAt: toTime(createdAt), updatedAt: toTime(updatedAt) };
}
