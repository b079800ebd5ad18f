/** ImageStore over gRPC. */

import { ImagesService, type Image as WireImage } from "../../../common/gen/containerd/services/images.ts";
import type { Image, ImageDeleteOptions, ImageInput, ImageStore } from "../../containerd/api/images.ts";
import type { FieldPaths, Filters } from "../../containerd/api/types.ts";
import { fromDescriptor, fromTime, required, toDescriptor, toTime } from "../convert.ts";
import { type Caller, mask } from "./call.ts";

export class RemoteImages implements ImageStore {
  readonly #call: Caller;

  constructor(call: Caller) {
    this.#call = call;
  }

  async get(name: string): Promise<Image> {
    return readImage((await this.#call(ImagesService).get({ name })).image);
  }

  async list(filters: Filters = []): Promise<Image[]> {
    return (await this.#call(ImagesService).list({ filters })).images.map(readImage);
  }

  async *pages(filters?: Filters): AsyncGenerator<Image[]> {
    yield await this.list(filters);
  }

  async create({ name, target, labels, sourceDateEpoch }: ImageInput): Promise<Image> {
    const image = { name, labels: labels ?? {}, target: toDescriptor(target) };
    return readImage(
      (await this.#call(ImagesService).create({ image, sourceDateEpoch: toTime(sourceDateEpoch) })).image,
    );
  }

  async update({ name, target, labels, sourceDateEpoch }: ImageInput, paths?: FieldPaths): Promise<Image> {
    const image = { name, labels: labels ?? {}, target: toDescriptor(target) };
    return readImage(
      (
        await this.#call(ImagesService).update({
          image,
          updateMask: mask(paths),
          sourceDateEpoch: toTime(sourceDateEpoch),
        })
      ).image,
    );
  }

  async delete(name: string, { sync = false, target }: ImageDeleteOptions = {}): Promise<void> {
    await this.#call(ImagesService).delete({ name, sync, target: target && { digest: target.digest } });
  }
}

function readImage(image: WireImage | undefined): Image {
  const { name, labels, target, createdAt, updatedAt } = required(image, "image");
  return {
    ...{ name, labels },
    target: fromDescriptor(required(target, "target")),
    createdAt: fromTime(createdAt),
    updatedAt: fromTime(updatedAt),
  };
}
