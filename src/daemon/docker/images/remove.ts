/** DELETE /images/{name}: names are taken away one by one; with the last one the image goes. */

import type { ImageDeleteItem } from "../../../common/docker/image.ts";
import { WharfError } from "../../../common/errors.ts";
import { familiarName, tryParseReference } from "../../../common/reference.ts";
import type { Image } from "../../containerd/api/images.ts";
import { DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import { hasSnapshot } from "../../transfer/unpack.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../ids.ts";
import { DANGLING } from "./names.ts";
import { type NamedImage, namesOf } from "./store.ts";

/** NotFound; FailedPrecondition when a container uses it, or an id has several names, without `force`. */
export async function removeImage(engine: Engine, text: string, force: boolean): Promise<ImageDeleteItem[]> {
  const image = await engine.images.resolve(text);
  const { tags } = namesOf(image.images);
  const byId = isIdOf(text, image);
  const named = byId ? image.images : image.images.filter((one) => one.name === nameMeant(text, image));
  const last = named.length === image.images.length;
  const users = engine.containers.all().filter((container) => container.record.imageId === image.id);
  const short = shortId(image.id.slice("sha256:".length));
  if (byId && tags.length > 1 && !force) {
    throw conflict(
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
      text,
    );
  }
  if (last) {
    const running = users.find((container) => container.running);
    if (running && (byId || !force)) {
      const id = shortId(running.id);
      throw conflict(
        byId
          ? `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${id}`
          : `conflict: unable to remove repository reference "${text}" (must force) - container ${id} is using its referenced image ${short}`,
        text,
      );
    }
    if (users[0] && !force) {
      const id = shortId(users[0].id);
      throw conflict(
        byId
          ? `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${id}`
          : `conflict: unable to remove repository reference "${text}" (must force) - container ${id} is using its referenced image ${short}`,
        text,
      );
    }
  }
  const items: ImageDeleteItem[] = [];
  for (const one of named) {
    await engine.client.images.delete(one.name, { sync: last && one === named.at(-1) });
    if (!one.name.startsWith(DANGLING)) items.push({ Untagged: familiar(one) });
    engine.events.emit("image", "untag", image.id, { name: familiar(one) });
  }
  if (last) {
    for (const digest of namesOf(named).digests)
      if (!items.some((item) => item.Untagged === digest)) items.push({ Untagged: digest });
    items.push({ Deleted: image.id });
    // What other images and containers have of it stays.
    for (const chainId of image.chain.toReversed())
      if (!(await hasSnapshot(engine.client, DEFAULT_SNAPSHOTTER, chainId))) items.push({ Deleted: chainId });
    engine.events.emit("image", "delete", image.id, { name: image.id });
  }
  return items;
}

function isIdOf(text: string, image: NamedImage): boolean {
  const hex = text.replace(/^sha256:/, "");
  if (!/^[0-9a-f]+$/.test(hex)) return false;
  // A name wins over an id that begins the same way.
  return (
    nameMeant(text, image) === undefined && [image.id, image.target.digest].some((id) => id.slice(7).startsWith(hex))
  );
}

/** The stored name that the text means. */
function nameMeant(text: string, image: NamedImage): string | undefined {
  const reference = tryParseReference(text);
  if (!reference) return undefined;
  const repository = `${reference.domain}/${reference.path}`;
  const exact =
    reference.digest === undefined ? `${repository}:${reference.tag ?? "latest"}` : `${repository}@${reference.digest}`;
  return (
    image.images.find((one) => one.name === exact) ??
    // name@digest of an image that is kept under its tag.
    (reference.digest === undefined ? undefined : image.images.find((one) => one.name.startsWith(`${repository}:`)))
  )?.name;
}

function familiar({ name }: Image): string {
  const reference = tryParseReference(name);
  if (!reference) return name;
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return `${familiarName(reference)}${tag}${reference.digest === undefined ? "" : `@${reference.digest}`}`;
}

function conflict(message: string, subject: string): WharfError {
  return new WharfError("FailedPrecondition", message, { operation: "remove image", subject });
}
