/** Volumes: what create takes, what inspect, list and prune answer. */

import type { Infer } from "./schema.ts";
import { array, integer, map, nullable, object, optional, string } from "./schema.ts";

export const Volume = object("Volume", {
  CreatedAt: string(),
  Driver: string(),
  Labels: nullable(map(string())),
  Mountpoint: string(),
  Name: string(),
  Options: nullable(map(string())),
  Scope: string(),
  UsageData: optional(object("", { RefCount: integer(), Size: integer("bytes") })),
});
export type Volume = Infer<typeof Volume>;

export const VolumeCreateRequest = object("VolumeCreateOptions", {
  Name: optional(string()),
  Driver: optional(string()),
  DriverOpts: optional(map(string())),
  Labels: optional(map(string())),
});
export const VolumeListResponse = object("VolumeListResponse", {
  Volumes: array(Volume),
  Warnings: nullable(array(string())),
});
export const VolumePruneResponse = object("VolumePruneResponse", {
  VolumesDeleted: nullable(array(string())),
  SpaceReclaimed: integer("bytes"),
});
