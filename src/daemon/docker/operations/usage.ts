/** What everything takes up. Sizes of layers were counted when they were unpacked. */

import type { ContainerSummary } from "../../../common/docker/container.ts";
import { BuildPruneResponse, DataUsage } from "../../../common/docker/image-store.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, texts } from "../../http/query.ts";
import { listContainers } from "../containers/list.ts";
import type { Engine } from "../engine.ts";
import { layerUsage } from "../images/sizes.ts";
import { listImages } from "../images/view.ts";
import type { StoredVolume } from "../volumes/store.ts";

const TYPES = ["container", "image", "volume", "build-cache"] as const;

export function usageOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "SystemDataUsage",
      method: "GET",
      path: "/system/df",
      summary: "what images, containers, volumes and caches take up",
      query: { type: texts("container, image, volume, build-cache; all without it") },
      answer: DataUsage,
      handler: async (x) => {
        const unknown = x.query.type.find((type) => !TYPES.some((one) => one === type));
        if (unknown !== undefined) throw new WharfError("InvalidArgument", `unknown object type: ${unknown}`);
        const wanted = (type: (typeof TYPES)[number]) => x.query.type.length === 0 || x.query.type.includes(type);
        const [images, containers] = await Promise.all([
          wanted("image") ? imageUsage(engine) : undefined,
          wanted("container") ? containerUsage(engine) : undefined,
        ]);
        const volumes = wanted("volume") ? await volumeUsage(engine) : undefined;
        await x.object(200, {
          ...images,
          ...(containers ? { Containers: containers } : {}),
          ...(volumes ? { Volumes: volumes } : {}),
          ...(wanted("build-cache") ? { BuildCache: [] } : {}),
        });
      },
    }),
    operation({
      id: "BuildPrune",
      method: "POST",
      path: "/build/prune",
      summary: "removes caches of builds; without builds there are none",
      query: { filters: filters("until, id, parent, type, description, inuse, shared, private") },
      answer: BuildPruneResponse,
      handler: (x) => x.json(200, { CachesDeleted: null, SpaceReclaimed: 0 }),
    }),
  ];
}

/** Each layer counts once; what an image shares with others is said of each. */
async function imageUsage(engine: Engine): Promise<Pick<DataUsage, "LayersSize" | "Images">> {
  const { total, shared } = await layerUsage(engine, await engine.images.list());
  const rows = await listImages(engine, new Map(), { all: true });
  return { LayersSize: total, Images: rows.map((row) => ({ ...row, SharedSize: shared.get(row.Id) ?? 0 })) };
}

async function containerUsage(engine: Engine): Promise<ContainerSummary[]> {
  return await Array.fromAsync(await listContainers(engine, { all: true, size: true, filters: new Map() }));
}

async function volumeUsage(engine: Engine): Promise<unknown[]> {
  const { volumes } = engine;
  const usage = async (volume: StoredVolume) => {
    const { size } = await volumes.size(volume.name);
    const RefCount = volumes.usersOf(volume.name).length;
    return { ...volumes.view(volume), UsageData: { Size: size, RefCount } };
  };
  return await Promise.all(volumes.list(new Map()).map(usage));
}
