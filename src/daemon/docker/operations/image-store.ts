/** Images that are here: names, history, what may go, and images made of containers. */

import type { ContainerConfig } from "../../../common/docker/container.ts";
import { HistoryItem, IdResponse, ImagePruneResponse } from "../../../common/docker/image-store.ts";
import { any, array, nullable } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, int, text, texts } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { commitContainer } from "../images/commit.ts";
import { imageHistory } from "../images/history.ts";
import { pruneImages } from "../images/prune.ts";
import { nameToGive, tagImage } from "../images/tag.ts";
import { platformOf } from "./images.ts";

export function imageStoreOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "ImageHistory",
      method: "GET",
      path: "/images/{name*}/history",
      summary: "the steps that made an image, newest first",
      query: { platform: text("JSON platform") },
      answer: array(HistoryItem),
      handler: async (x) => {
        const { platform } = x.query;
        const image = await engine.images.resolve(x.param("name"), platform ? platformOf(platform) : undefined);
        x.json(200, await imageHistory(engine, image));
      },
    }),
    operation({
      id: "ImageTag",
      method: "POST",
      path: "/images/{name*}/tag",
      summary: "gives an image one more name",
      query: { repo: text("the name"), tag: text("latest by default") },
      handler: async (x) => {
        await tagImage(engine, x.param("name"), x.query.repo ?? "", x.query.tag);
        x.empty(201);
      },
    }),
    operation({
      id: "ImagePrune",
      method: "POST",
      path: "/images/prune",
      summary: "removes images without a name; with dangling=false all that no container uses",
      query: { filters: filters("dangling, until, label, label!") },
      answer: ImagePruneResponse,
      handler: async (x) => x.json(200, await pruneImages(engine, x.query.filters)),
    }),
    operation({
      id: "ImageSearch",
      method: "GET",
      path: "/images/search",
      summary: "refused: registries have no search that all of them answer",
      query: { term: text(), limit: int(), filters: filters() },
      handler: () => {
        throw new WharfError(
          "Unimplemented",
          "searching is not offered: only Docker Hub ever answered it. Look at https://hub.docker.com/search",
          { operation: "ImageSearch" },
        );
      },
    }),
    operation({
      id: "ImageCommit",
      method: "POST",
      path: "/commit",
      summary: "an image of what a container has changed",
      query: {
        container: text("name or id"),
        repo: text(),
        tag: text(),
        comment: text(),
        author: text(),
        pause: text("whether the container stands still meanwhile; true by default"),
        changes: texts("instructions of a Dockerfile"),
      },
      body: nullable(any("a container's configuration")),
      bodyOptional: true,
      answer: IdResponse,
      handler: async (x) => {
        const { container, repo, tag, comment, author, pause, changes } = x.query;
        if (!container) throw new WharfError("InvalidArgument", "no container to commit", { hint: "give container" });
        const given = x.body ?? {};
        if (typeof given !== "object" || Array.isArray(given))
          throw new WharfError("InvalidArgument", "the request body is no configuration");
        const Id = await commitContainer(engine, engine.containers.get(container), {
          reference: repo ? nameToGive(repo, tag) : undefined,
          author: author ?? "",
          comment: comment ?? "",
          pause: pause === undefined || pause === "" || !["0", "false", "no", "none"].includes(pause.toLowerCase()),
          changes,
          config: given as Partial<ContainerConfig>,
        });
        x.json(201, { Id });
      },
    }),
  ];
}
