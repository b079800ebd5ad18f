/** Images: list, inspect, delete, and the lines of a progress stream. */

import { GraphDriver } from "./container.ts";
import type { Infer } from "./schema.ts";
import { any, array, boolean, integer, map, nullable, object, optional, string } from "./schema.ts";

const OciPlatform = object("OCIPlatform", {
  architecture: string(),
  os: string(),
  "os.version": optional(string()),
  "os.features": optional(array(string())),
  variant: optional(string()),
});

/** One manifest of an image. */
export const ManifestSummary = object("ImageManifestSummary", {
  ID: string("digest of the manifest"),
  Descriptor: any("as in the index"),
  Available: boolean("all of it is here"),
  Size: object("", {
    Content: integer("bytes of manifest, config and layers that are here"),
    Total: integer("bytes, with the unpacked layers"),
  }),
  Kind: string("image, attestation, unknown"),
  ImageData: optional(
    object("", {
      Platform: OciPlatform,
      Size: object("", { Unpacked: integer("bytes of the unpacked layers") }),
      Containers: array(string("id")),
    }),
  ),
  AttestationData: optional(object("", { For: string("digest of the manifest it is about") })),
});
export type ManifestSummary = Infer<typeof ManifestSummary>;

export const ImageSummary = object("ImageSummary", {
  Containers: integer("-1: not counted"),
  Created: integer("seconds since the epoch"),
  Id: string(),
  Labels: nullable(map(string())),
  ParentId: string(),
  RepoDigests: array(string()),
  RepoTags: array(string()),
  SharedSize: integer("bytes; -1: not counted"),
  Size: integer("bytes of its unpacked layers"),
  Manifests: optional(array(ManifestSummary, "with manifests")),
  Descriptor: optional(any("what the names point at; with manifests")),
});
export type ImageSummary = Infer<typeof ImageSummary>;

export const ImageInspect = object("ImageInspect", {
  Id: string(),
  RepoTags: array(string()),
  RepoDigests: array(string()),
  Parent: string(),
  Comment: string(),
  Created: string(),
  DockerVersion: string(),
  Author: string(),
  Architecture: string(),
  Variant: optional(string()),
  Os: string(),
  OsVersion: optional(string()),
  Size: integer("bytes of its unpacked layers"),
  GraphDriver: GraphDriver,
  RootFS: object("", { Type: string(), Layers: array(string()) }),
  Metadata: object("", { LastTagTime: string() }),
  Descriptor: optional(any()),
  Manifests: optional(array(ManifestSummary, "with manifests")),
  Config: any("an image config's execution part"),
});
export type ImageInspect = Infer<typeof ImageInspect>;

export const ImageDeleteItem = object("ImageDeleteResponseItem", {
  Untagged: optional(string()),
  Deleted: optional(string()),
});
export type ImageDeleteItem = Infer<typeof ImageDeleteItem>;

const ProgressDetail = object("ProgressDetail", { current: optional(integer()), total: optional(integer()) });

/** A line of a pull's, push's, load's or build's answer. */
export const ProgressLine = object("ProgressLine", {
  status: optional(string()),
  id: optional(string()),
  progressDetail: optional(ProgressDetail),
  progress: optional(string()),
  error: optional(string()),
  errorDetail: optional(object("ErrorDetail", { code: optional(integer()), message: string() })),
  aux: optional(any()),
});
export type ProgressLine = Infer<typeof ProgressLine>;
