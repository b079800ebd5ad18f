/** Images: history, prune, push, commit, what a registry has; and what everything takes up. */

import { ContainerSummary } from "./container.ts";
import { ImageDeleteItem, ImageSummary } from "./image.ts";
import type { Infer } from "./schema.ts";
import { any, array, boolean, integer, nullable, object, optional, string } from "./schema.ts";

export const HistoryItem = object("HistoryResponseItem", {
  Id: string("of the newest layer; <missing> for the rest"),
  Created: integer("seconds since the epoch"),
  CreatedBy: string(),
  Tags: nullable(array(string())),
  Size: integer("bytes of the unpacked layer"),
  Comment: string(),
});
export type HistoryItem = Infer<typeof HistoryItem>;

export const ImagePruneResponse = object("ImagePruneResponse", {
  ImagesDeleted: nullable(array(ImageDeleteItem)),
  SpaceReclaimed: integer("bytes"),
});
export type ImagePruneResponse = Infer<typeof ImagePruneResponse>;

export const IdResponse = object("IDResponse", { Id: string() });

export const AuthConfig = object("AuthConfig", {
  username: optional(string()),
  password: optional(string()),
  auth: optional(string()),
  email: optional(string()),
  serveraddress: optional(string()),
  identitytoken: optional(string()),
  registrytoken: optional(string()),
});
export type AuthConfig = Infer<typeof AuthConfig>;

export const AuthResponse = object("AuthResponse", { Status: string(), IdentityToken: optional(string()) });

export const DistributionInspect = object("DistributionInspect", {
  Descriptor: any("an OCI descriptor"),
  Platforms: array(any("an OCI platform")),
});

const BuildCacheRecord = object("BuildCache", { ID: string(), InUse: boolean(), Size: integer() });

export const BuildPruneResponse = object("BuildPruneResponse", {
  CachesDeleted: nullable(array(string())),
  SpaceReclaimed: integer("bytes"),
});

export const DataUsage = object("SystemDataUsageResponse", {
  LayersSize: optional(integer("bytes of all unpacked layers, each counted once")),
  Images: optional(array(ImageSummary)),
  Containers: optional(array(ContainerSummary)),
  Volumes: optional(array(any("a volume with UsageData"))),
  BuildCache: optional(array(BuildCacheRecord)),
});
export type DataUsage = Infer<typeof DataUsage>;
