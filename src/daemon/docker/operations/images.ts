/** Images: pull, list, inspect, delete. */

import { ImageDeleteItem, ImageInspect, ImageSummary } from "../../../common/docker/image.ts";
import { array } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Platform, parsePlatform } from "../../../common/oci/platform.ts";
import type { Exchange } from "../../http/exchange.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, text, texts } from "../../http/query.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import type { Engine } from "../engine.ts";
import { download, importImage } from "../images/import.ts";
import { pullImage, pullReference } from "../images/pull.ts";
import { removeImage } from "../images/remove.ts";
import { removePlatforms } from "../images/remove-platforms.ts";
import { nameToGive } from "../images/tag.ts";
import { inspectImage, listImages } from "../images/view.ts";
import { tellProgress } from "./progress.ts";

export function imageOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "ImageCreate",
      method: "POST",
      path: "/images/create",
      summary: "pulls an image, or makes one of a tar, telling its progress as JSON lines",
      query: {
        fromImage: text("the name"),
        fromSrc: text("import: the address of a tar, or - for the body"),
        tag: text("tag or digest; latest by default"),
        platform: text("os[/arch[/variant]]"),
        repo: text("import: the name"),
        message: text("import: comment of the image"),
        changes: texts("import: instructions of a Dockerfile"),
      },
      handler: async (x) => {
        const { fromImage, fromSrc, tag, platform } = x.query;
        if (fromSrc) return await importSource(engine, x, fromSrc);
        const header = x.request.headers["x-registry-auth"];
        const request = {
          image: fromImage ?? "",
          tag,
          platform,
          auth: typeof header === "string" ? header : undefined,
        };
        const reference = pullReference(request);
        await tellProgress(x, async (tell) => {
          await pullImage(engine, request, reference, tell, x.signal);
        });
      },
    }),
    operation({
      id: "ImageList",
      method: "GET",
      path: "/images/json",
      summary: "the images that are here",
      query: { all: flag(), filters: filters(), digests: flag(), manifests: flag(), "shared-size": flag() },
      answer: array(ImageSummary),
      handler: async (x) => {
        const { all, manifests, "shared-size": shared } = x.query;
        x.json(200, await listImages(engine, x.query.filters, { all, shared, manifests }));
      },
    }),
    operation({
      id: "ImageInspect",
      method: "GET",
      path: "/images/{name*}/json",
      summary: "all about one image",
      query: { platform: text("JSON platform"), manifests: flag() },
      answer: ImageInspect,
      handler: async (x) => {
        const { platform, manifests } = x.query;
        if (platform && manifests) {
          throw new WharfError(
            "InvalidArgument",
            "conflicting options: manifests and platform options cannot both be set",
          );
        }
        const image = await engine.images.resolve(x.param("name"), platform ? platformOf(platform) : undefined);
        x.json(200, await inspectImage(engine, image, manifests));
      },
    }),
    operation({
      id: "ImageDelete",
      method: "DELETE",
      path: "/images/{name*}",
      summary: "takes a name away, and with the last one the image",
      query: { force: flag(), noprune: flag(), platforms: texts("JSON platform: these alone") },
      answer: array(ImageDeleteItem),
      handler: async (x) => {
        const { force, platforms } = x.query;
        if (platforms.length > 0) {
          const wanted = platforms.map(platformOf);
          x.json(200, await removePlatforms(engine, x.param("name"), wanted, force));
          return;
        }
        x.json(200, await removeImage(engine, x.param("name"), force));
      },
    }),
  ];
}

/** JSON `{"os": …, "architecture": …}`, as newer clients send it, or `os/arch`. InvalidArgument. */
export function platformOf(value: string) {
  if (!value.startsWith("{")) return parsePlatform(value, hostPlatform());
  let given: Partial<Platform>;
  try {
    given = JSON.parse(value) as Partial<Platform>;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `the platform is no JSON: ${value}`, { operation: "read request", cause });
  }
  return parsePlatform([given.os, given.architecture, given.variant].filter(Boolean).join("/"), hostPlatform());
}

interface ImportQuery {
  readonly repo: string | undefined;
  readonly tag: string | undefined;
  readonly message: string | undefined;
  readonly platform: string | undefined;
  readonly changes: readonly string[];
}

async function importSource(engine: Engine, x: Exchange<ImportQuery, unknown>, from: string): Promise<void> {
  const { repo, tag, message, platform, changes } = x.query;
  const source = from === "-" ? x.request : download(from, x.signal);
  const request = {
    reference: repo ? nameToGive(repo, tag) : undefined,
    platform: platform ? platformOf(platform) : hostPlatform(),
    message: message ?? "",
    // Older clients send several in one.
    changes: changes.filter((change) => change !== ""),
  };
  await tellProgress(x, async (tell) => tell({ status: await importImage(engine, source, request) }));
}
