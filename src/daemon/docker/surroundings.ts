/** What a part of the Docker layer has around it. */

import type { Agent } from "../agent/client.ts";
import type { ContainerRegistry } from "./containers/registry.ts";
import type { Events } from "./events.ts";

export type Log = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields?: Record<string, unknown>,
) => void;

/** What the Docker layer needs of the agent. */
export type TreeReader = Pick<
  Agent,
  "readFile" | "export" | "archiveStat" | "archiveGet" | "archivePut" | "usage" | "remove" | "call"
>;

export interface Surroundings {
  readonly root: string;
  readonly agent: TreeReader;
  readonly containers: ContainerRegistry;
  readonly events: Events;
  readonly log: Log;
  /** The container's folder on the host. */
  folder(id: string): string;
}
