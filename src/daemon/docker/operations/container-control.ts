/** Containers that are there: pause, unpause, rename, update, top, stats, prune. */

import {
  ContainerPruneResponse,
  ContainerStatsResponse,
  ContainerTopResponse,
  ContainerUpdateRequest,
  ContainerUpdateResponse,
} from "../../../common/docker/container-control.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, text } from "../../http/query.ts";
import { pauseContainer, renameContainer, unpauseContainer } from "../containers/control.ts";
import { pruneContainers } from "../containers/prune.ts";
import { answerStats } from "../containers/stats.ts";
import { topContainer } from "../containers/top.ts";
import { updateContainer } from "../containers/update.ts";
import type { Engine } from "../engine.ts";

export function containerControlOperations(engine: Engine): Operation[] {
  const find = (id: string) => engine.containers.get(id);
  return [
    operation({
      id: "ContainerPause",
      method: "POST",
      path: "/containers/{id}/pause",
      summary: "freezes its processes",
      handler: async (x) => {
        await pauseContainer(engine, find(x.param("id")));
        x.empty(204);
      },
    }),
    operation({
      id: "ContainerUnpause",
      method: "POST",
      path: "/containers/{id}/unpause",
      summary: "lets them go on",
      handler: async (x) => {
        await unpauseContainer(engine, find(x.param("id")));
        x.empty(204);
      },
    }),
    operation({
      id: "ContainerRename",
      method: "POST",
      path: "/containers/{id}/rename",
      summary: "gives it another name",
      query: { name: text() },
      handler: async (x) => {
        await renameContainer(engine, find(x.param("id")), x.query.name ?? "");
        x.empty(204);
      },
    }),
    operation({
      id: "ContainerUpdate",
      method: "POST",
      path: "/containers/{id}/update",
      summary: "sets other limits and another restart policy",
      body: ContainerUpdateRequest,
      answer: ContainerUpdateResponse,
      handler: async (x) => x.json(200, { Warnings: await updateContainer(engine, find(x.param("id")), x.body) }),
    }),
    operation({
      id: "ContainerTop",
      method: "GET",
      path: "/containers/{id}/top",
      summary: "its processes, as the host's ps shows them",
      query: { ps_args: text("-ef by default") },
      answer: ContainerTopResponse,
      handler: async (x) => x.json(200, await topContainer(engine, find(x.param("id")), x.query.ps_args || "-ef")),
    }),
    operation({
      id: "ContainerStats",
      method: "GET",
      path: "/containers/{id}/stats",
      summary: "what it uses, every second or once",
      query: { stream: text("a flag, set by default"), "one-shot": flag("without the second that CPU use needs") },
      answer: ContainerStatsResponse,
      handler: async (x) => {
        const stream = !["", "0", "no", "false", "none"].includes((x.query.stream ?? "1").toLowerCase());
        await answerStats(engine, find(x.param("id")), x, { stream, oneShot: x.query["one-shot"] });
      },
    }),
    operation({
      id: "ContainerPrune",
      method: "POST",
      path: "/containers/prune",
      summary: "removes those that do not run",
      query: { filters: filters("until, label, label!") },
      answer: ContainerPruneResponse,
      handler: async (x) => x.json(200, await pruneContainers(engine, x.query.filters, x.signal)),
    }),
  ];
}
