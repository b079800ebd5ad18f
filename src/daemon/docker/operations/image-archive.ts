/** Images as archives: save and load. */

import { WharfError } from "../../../common/errors.ts";
import type { Exchange } from "../../http/exchange.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { flag, texts } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { loadImages } from "../images/archive/load.ts";
import { imagesToSave, saveImages } from "../images/archive/save.ts";
import { platformOf } from "./images.ts";
import { tellProgress } from "./progress.ts";

export function imageArchiveOperations(engine: Engine): Operation[] {
  const save = async (x: Exchange<unknown, unknown>, names: readonly string[], platforms: readonly string[]) => {
    const images = await imagesToSave(engine, names, onePlatform(platforms));
    const out = x.stream(200, "application/x-tar");
    await saveImages(engine, images, (data) => out.write(data), x.signal);
    out.end();
    for (const { image } of images) engine.events.emit("image", "save", image.id, { name: image.id });
  };
  return [
    operation({
      id: "ImageGet",
      method: "GET",
      path: "/images/{name*}/get",
      summary: "an image as a tar: OCI layout and docker archive in one",
      query: { platform: texts("JSON platform") },
      handler: async (x) => await save(x, [x.param("name")], x.query.platform),
    }),
    operation({
      id: "ImageGetAll",
      method: "GET",
      path: "/images/get",
      summary: "several images as one tar",
      query: { names: texts("names or ids"), platform: texts("JSON platform") },
      handler: async (x) => await save(x, x.query.names, x.query.platform),
    }),
    operation({
      id: "ImageLoad",
      method: "POST",
      path: "/images/load",
      summary: "takes the images of an archive: OCI layout or docker archive, plain or packed with gzip or zstd",
      query: { quiet: flag("no progress"), platform: texts("JSON platform") },
      handler: async (x) => {
        const platform = onePlatform(x.query.platform);
        // Clients look for what is wrong with an archive in the stream: dockerd answers 200 as soon as it reads.
        await tellProgress(x, async (tell) => await loadImages(engine, x.request, platform, tell), { inStream: true });
      },
    }),
  ];
}

function onePlatform(given: readonly string[]) {
  if (given.length > 1) throw new WharfError("InvalidArgument", "one platform at most can be chosen");
  return given[0] ? platformOf(given[0]) : undefined;
}
