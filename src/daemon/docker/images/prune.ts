/** POST /images/prune: images without a name, or all that no container uses. */

import type { ImageDeleteItem } from "../../../common/docker/image.ts";
import type { ImagePruneResponse } from "../../../common/docker/image-store.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import type { Filters } from "../../http/query.ts";
import { hasSnapshot } from "../../transfer/unpack.ts";
import type { Engine } from "../engine.ts";
import { labelMatches } from "../events.ts";
import { parseTime } from "../logs/times.ts";
import { removeImage } from "./remove.ts";
import { layerSizeOf } from "./sizes.ts";
import { type NamedImage, namesOf } from "./store.ts";

/** InvalidArgument for an unknown filter. */
export async function pruneImages(engine: Engine, filters: Filters): Promise<ImagePruneResponse> {
  const wanted = pruneTest(filters);
  const all = ["false", "0"].includes(filters.get("dangling")?.[0] ?? "true");
  const used = new Set(engine.containers.all().map(({ record }) => record.imageId));
  const deleted: ImageDeleteItem[] = [];
  const layers = new Map<string, number>();
  for (const image of await engine.images.list()) {
    const { tags, digests } = namesOf(image.images);
    if (used.has(image.id) || (!all && tags.length > 0)) continue;
    if (!wanted(image.config.config?.Labels ?? {}, Date.parse(image.config.created ?? "") || 0)) continue;
    for (const [at, chainId] of image.chain.entries()) layers.set(chainId, await layerSizeOf(engine.client, image, at));
    deleted.push(...(await removeAll(engine, image, tags.length > 0 ? tags : digests)));
  }
  let reclaimed = 0;
  for (const [chainId, size] of layers) {
    if (!(await hasSnapshot(engine.client, DEFAULT_SNAPSHOTTER, chainId))) reclaimed += size;
  }
  engine.events.emit("image", "prune", "", { reclaimed: String(reclaimed) });
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}

/** Name by name, as a user would; one that a container began to use meanwhile stays. */
async function removeAll(engine: Engine, image: NamedImage, names: readonly string[]): Promise<ImageDeleteItem[]> {
  const items: ImageDeleteItem[] = [];
  for (const name of names.length > 0 ? names : [image.id]) {
    try {
      items.push(...(await removeImage(engine, name, false)));
    } catch (error) {
      if (!isCode(error, "FailedPrecondition", "NotFound")) throw error;
    }
  }
  return items;
}

/** `label`, `label!` and `until` as every prune has them. Times in milliseconds. */
function pruneTest(filters: Filters): (labels: Readonly<Record<string, string>>, created: number) => boolean {
  let until = Number.POSITIVE_INFINITY;
  for (const [name, values] of filters) {
    if (name === "until") {
      if (values.length > 1) throw new WharfError("InvalidArgument", "more than one until filter specified");
      until = Date.parse(parseTime(values[0], "until") ?? "") || 0;
    } else if (!["dangling", "label", "label!"].includes(name)) {
      throw new WharfError("InvalidArgument", `invalid filter '${name}'`);
    }
  }
  const have = filters.get("label") ?? [];
  const lack = filters.get("label!") ?? [];
  return (labels, created) =>
    created < until &&
    have.every((value) => labelMatches(labels, value)) &&
    !lack.some((value) => labelMatches(labels, value));
}
