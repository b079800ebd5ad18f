/** Volumes: create, list, inspect, delete, prune. */

import { Volume, VolumeCreateRequest, VolumeListResponse, VolumePruneResponse } from "../../../common/docker/volume.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag } from "../../http/query.ts";
import type { Engine } from "../engine.ts";

/** Up to here prune took named volumes, too. */
const PRUNED_ALL = 41;

export function volumeOperations(engine: Engine): Operation[] {
  const { volumes } = engine;
  return [
    operation({
      id: "VolumeList",
      method: "GET",
      path: "/volumes",
      summary: "the volumes",
      query: { filters: filters("dangling, driver, label, name") },
      answer: VolumeListResponse,
      handler: (x) =>
        x.json(200, { Volumes: volumes.list(x.query.filters).map((one) => volumes.view(one)), Warnings: null }),
    }),
    operation({
      id: "VolumeCreate",
      method: "POST",
      path: "/volumes/create",
      summary: "makes a volume; one of that name that is there is answered",
      body: VolumeCreateRequest,
      answer: Volume,
      handler: async (x) => {
        const { Name, Driver, DriverOpts, Labels } = x.body;
        const volume = await volumes.create({
          name: Name || undefined,
          driver: Driver,
          options: DriverOpts,
          labels: Labels,
        });
        x.json(201, volumes.view(volume));
      },
    }),
    operation({
      id: "VolumeInspect",
      method: "GET",
      path: "/volumes/{name}",
      summary: "one volume",
      answer: Volume,
      handler: (x) => x.json(200, volumes.view(volumes.store.get(x.param("name")))),
    }),
    operation({
      id: "VolumeDelete",
      method: "DELETE",
      path: "/volumes/{name}",
      summary: "removes a volume that no container has",
      query: { force: flag("one that is not there is no error") },
      handler: async (x) => {
        try {
          await volumes.remove(x.param("name"));
        } catch (error) {
          if (!x.query.force || !isCode(error, "NotFound")) throw error;
        }
        x.empty(204);
      },
    }),
    operation({
      id: "VolumePrune",
      method: "POST",
      path: "/volumes/prune",
      summary: "removes the anonymous volumes that no container has, or all of them",
      query: { filters: filters("label, label!, all") },
      answer: VolumePruneResponse,
      handler: async (x) => x.json(200, await volumes.prune(x.query.filters, x.version <= PRUNED_ALL)),
    }),
    operation({
      id: "VolumeUpdate",
      method: "PUT",
      path: "/volumes/{name}",
      summary: "only volumes of a swarm can be changed",
      handler: () => {
        throw new WharfError("Unavailable", "This node is not a swarm manager: only cluster volumes can be updated");
      },
    }),
  ];
}
