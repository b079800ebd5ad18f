/** Images in the shapes of list and inspect. */

import type { ImageInspect, ImageSummary } from "../../../common/docker/image.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Image } from "../../containerd/api/images.ts";
import type { Filters } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { labelMatches } from "../events.ts";
import { parseTime } from "../logs/times.ts";
import { manifestSummaries } from "./manifests.ts";
import { DANGLING } from "./names.ts";
import { imageSize, layerUsage } from "./sizes.ts";
import { type NamedImage, namesOf } from "./store.ts";

const EPOCH = "1970-01-01T00:00:00Z";

export interface ListOptions {
  /** Also steps on the way to other images. */
  all?: boolean | undefined;
  /** Says how much of each image others have as well. */
  shared?: boolean | undefined;
  /** Says what there is for each platform. */
  manifests?: boolean | undefined;
}

export async function listImages(
  engine: Engine,
  filters: Filters,
  { all = false, shared = false, manifests = false }: ListOptions = {},
): Promise<ImageSummary[]> {
  for (const name of filters.keys()) {
    if (!FILTERS.has(name)) throw new WharfError("InvalidArgument", `invalid filter '${name}'`);
  }
  const images = await engine.images.list();
  const sharedSizes = shared ? (await layerUsage(engine, images)).shared : undefined;
  const parents = new Set(images.map(({ parent }) => parent));
  const rows: ImageSummary[] = [];
  for (const image of images) {
    if (!(await matches(engine, image, filters, images))) continue;
    const { tags, digests } = namesOf(image.images);
    if (!all && filters.get("dangling")?.[0] === "false" && tags.length === 0) continue;
    // A step on the way to another image.
    if (!all && tags.length === 0 && digests.length === 0 && parents.has(image.id)) continue;
    rows.push({
      Containers: engine.containers.all().filter((container) => container.record.imageId === image.id).length,
      Created: Math.floor(created(image) / 1000),
      Id: image.id,
      Labels: image.config.config?.Labels ?? null,
      ParentId: image.parent,
      RepoDigests: digests,
      RepoTags: tags,
      SharedSize: sharedSizes?.get(image.id) ?? -1,
      Size: await imageSize(engine.client, image),
      ...(manifests ? { Manifests: await manifestSummaries(engine, image.target), Descriptor: image.target } : {}),
    });
  }
  return rows.sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1));
}

const FILTERS = new Set(["dangling", "label", "reference", "before", "since", "until"]);

async function matches(
  engine: Engine,
  image: NamedImage,
  filters: Filters,
  all: readonly NamedImage[],
): Promise<boolean> {
  const { tags, digests } = namesOf(image.images);
  for (const [name, values] of filters) {
    if (name === "dangling") {
      const wanted = ["true", "1"].includes(values[0] ?? "");
      if ((tags.length === 0) !== wanted) return false;
    } else if (name === "label") {
      if (!values.every((value) => labelMatches(image.config.config?.Labels ?? {}, value))) return false;
    } else if (name === "reference") {
      if (!values.some((pattern) => [...tags, ...digests].some((tag) => referenceMatches(pattern, tag)))) return false;
    } else if (name === "before" || name === "since") {
      const other = await engine.images.resolve(values[0] ?? "");
      const than = created(all.find((one) => one.id === other.id) ?? other);
      if (name === "before" ? created(image) >= than : created(image) <= than) return false;
    } else if (name === "until") {
      if (!values.every((value) => created(image) < (Date.parse(parseTime(value, "until") ?? "") || 0))) return false;
    }
  }
  return true;
}

/** `busy*`, `*:latest`, `local/*:1.*`: a pattern without tag holds for all tags; `*` does not match a slash. */
function referenceMatches(pattern: string, tag: string): boolean {
  const expression = new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, "\\$&")
      .replaceAll("*", "[^/]*")
      .replaceAll("?", "[^/]")}$`,
  );
  const bare = tag.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
  return expression.test(tag) || expression.test(bare);
}

export async function inspectImage(engine: Engine, image: NamedImage, manifests = false): Promise<ImageInspect> {
  const { tags, digests } = namesOf(image.images);
  const { config } = image;
  const execution = config.config ?? {};
  const last = config.history?.at(-1);
  const result: ImageInspect = {
    Id: image.id,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: image.parent,
    Comment: last?.comment ?? "",
    Created: config.created ?? EPOCH,
    DockerVersion: "",
    Author: config.author ?? "",
    Architecture: config.architecture,
    Os: config.os,
    Size: await imageSize(engine.client, image),
    GraphDriver: { Data: null, Name: "overlayfs" },
    RootFS: { Type: "layers", Layers: [...config.rootfs.diff_ids] },
    Metadata: { LastTagTime: latest(image.images) },
    Descriptor: image.target,
    ...(manifests ? { Manifests: await manifestSummaries(engine, image.target) } : {}),
    Config: {
      ...execution,
      Cmd: execution.Cmd ?? null,
      Entrypoint: execution.Entrypoint ?? null,
      Env: execution.Env ?? null,
      Labels: execution.Labels ?? null,
      OnBuild: execution.OnBuild ?? null,
      User: execution.User ?? "",
      Volumes: execution.Volumes ?? null,
      WorkingDir: execution.WorkingDir ?? "",
    },
  };
  if (config.variant) result.Variant = config.variant;
  if (config["os.version"]) result.OsVersion = config["os.version"];
  return result;
}

/** Milliseconds since the epoch. */
function created(image: NamedImage): number {
  return Date.parse(image.config.created ?? EPOCH) || 0;
}

function latest(images: readonly Image[]): string {
  const named = images.filter(({ name }) => !name.startsWith(DANGLING));
  return (
    named
      .map((image) => image.updatedAt)
      .sort()
      .at(-1) ?? "0001-01-01T00:00:00Z"
  );
}
