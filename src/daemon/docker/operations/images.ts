/** Images: pull, list, inspect, delete. */

import { ImageDeleteItem, ImageInspect, ImageSummary, type ProgressLine } from "../../../common/docker/image.ts";
import { array } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { parsePlatform } from "../../../common/oci/platform.ts";
import { messageOf } from "../../http/errors.ts";
import type { BodyWriter } from "../../http/exchange.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, text, texts } from "../../http/query.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import type { Engine } from "../engine.ts";
import { pullImage, pullReference } from "../images/pull.ts";
import { removeImage } from "../images/remove.ts";
import { inspectImage, listImages } from "../images/view.ts";

export function imageOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "ImageCreate",
      method: "POST",
      path: "/images/create",
      summary: "pulls an image, telling its progress as JSON lines",
      query: {
        fromImage: text("the name"),
        fromSrc: text("import: not there yet"),
        tag: text("tag or digest; latest by default"),
        platform: text("os[/arch[/variant]]"),
        repo: text(),
        message: text(),
        changes: texts(),
      },
      handler: async (x) => {
        const { fromImage, fromSrc, tag, platform } = x.query;
        if (fromSrc)
          throw new WharfError("Unimplemented", "importing a root file system (ImageCreate fromSrc) is not there yet");
        const header = x.request.headers["x-registry-auth"];
        const request = {
          image: fromImage ?? "",
          tag,
          platform,
          auth: typeof header === "string" ? header : undefined,
        };
        const reference = pullReference(request);
        // Errors before the first line are answered with a status; later ones are a line of the stream.
        let out: BodyWriter | undefined;
        let sent: Promise<void> = Promise.resolve();
        const tell = (line: ProgressLine) => {
          out ??= x.stream(200, "application/json");
          const to = out;
          sent = sent.then(() => to.line(line)).catch(() => {});
        };
        try {
          await pullImage(engine, request, reference, tell, x.signal);
        } catch (error) {
          if (!out) throw error;
          const message = messageOf(error);
          tell({ errorDetail: { message }, error: message });
        }
        await sent;
        out?.end();
      },
    }),
    operation({
      id: "ImageList",
      method: "GET",
      path: "/images/json",
      summary: "the images that are here",
      query: { all: flag(), filters: filters(), digests: flag(), manifests: flag(), "shared-size": flag() },
      answer: array(ImageSummary),
      handler: async (x) => x.json(200, await listImages(engine, x.query.filters, x.query.all)),
    }),
    operation({
      id: "ImageInspect",
      method: "GET",
      path: "/images/{name*}/json",
      summary: "all about one image",
      query: { platform: text("JSON platform"), manifests: flag() },
      answer: ImageInspect,
      handler: async (x) => {
        const { platform } = x.query;
        const image = await engine.images.resolve(x.param("name"), platform ? platformOf(platform) : undefined);
        x.json(200, await inspectImage(engine, image));
      },
    }),
    operation({
      id: "ImageDelete",
      method: "DELETE",
      path: "/images/{name*}",
      summary: "takes a name away, and with the last one the image",
      query: { force: flag(), noprune: flag(), platforms: texts() },
      answer: array(ImageDeleteItem),
      handler: async (x) => x.json(200, await removeImage(engine, x.param("name"), x.query.force)),
    }),
  ];
}

/** JSON `{"os": …, "architecture": …}`, as newer clients send it, or `os/arch`. */
function platformOf(value: string) {
  if (!value.startsWith("{")) return parsePlatform(value, hostPlatform());
  const { os, architecture, variant } = JSON.parse(value) as { os: string; architecture: string; variant?: string };
  return parsePlatform([os, architecture, variant].filter(Boolean).join("/"), hostPlatform());
}
