/** GET /images/{name}/history: the steps that made an image, newest first. */

import type { HistoryItem } from "../../../common/docker/image-store.ts";
import type { History } from "../../../common/oci/image.ts";
import type { Engine } from "../engine.ts";
import { layerSizeOf } from "./sizes.ts";
import { type NamedImage, namesOf } from "./store.ts";

export async function imageHistory(engine: Engine, image: NamedImage): Promise<HistoryItem[]> {
  const { history } = image.config;
  // Images that say nothing of their making still have layers.
  const steps: History[] = history?.length ? history : image.config.rootfs.diff_ids.map(() => ({}));
  const items: HistoryItem[] = [];
  let layer = 0;
  for (const step of steps) {
    const counts = !step.empty_layer && layer < image.chain.length;
    items.unshift({
      Id: "<missing>",
      Created: Math.floor((Date.parse(step.created ?? "") || 0) / 1000),
      CreatedBy: step.created_by ?? "",
      Tags: null,
      Size: counts ? await layerSizeOf(engine.client, image, layer++) : 0,
      Comment: step.comment ?? "",
    });
  }
  const { tags } = namesOf(image.images);
  if (items[0]) Object.assign(items[0], { Id: image.id, Tags: tags.length > 0 ? tags : null });
  return items;
}
