/** What update takes, and what top, update, changes and prune answer. */

import { RestartPolicy, resources } from "./host-config.ts";
import { any, array, integer, nullable, object, optional, partial, string } from "./schema.ts";

export const ContainerUpdateRequest = object("ContainerUpdateRequest", {
  ...partial(object("Resources", resources)).fields,
  RestartPolicy: optional(partial(RestartPolicy)),
});
export const ContainerUpdateResponse = object("ContainerUpdateResponse", { Warnings: nullable(array(string())) });
export const ContainerTopResponse = object("ContainerTopResponse", {
  Titles: array(string()),
  Processes: array(array(string())),
});
export const ContainerPruneResponse = object("ContainerPruneResponse", {
  ContainersDeleted: nullable(array(string())),
  SpaceReclaimed: integer("bytes"),
});
export const FilesystemChanges = nullable(
  array(object("FilesystemChange", { Path: string(), Kind: integer("0 modified, 1 added, 2 deleted") })),
);
/** containers/stats.ts has it in full. */
export const ContainerStatsResponse = any("statistics of one moment");
