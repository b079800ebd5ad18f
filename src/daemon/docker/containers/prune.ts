/** Removing all containers that do not run. */

import { isCode, WharfError } from "../../../common/errors.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { Filters } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { labelMatches } from "../events.ts";
import { parseTime } from "../logs/times.ts";
import { removeContainer } from "./remove.ts";

export interface Pruned {
  ContainersDeleted: string[] | null;
  /** Bytes. */
  SpaceReclaimed: number;
}

/** Whether labels meet the filters `label` and `label!`, of which each must hold. */
export function labelsPass(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  return (
    (filters.get("label") ?? []).every((wanted) => labelMatches(labels, wanted)) &&
    (filters.get("label!") ?? []).every((unwanted) => !labelMatches(labels, unwanted))
  );
}

/** InvalidArgument for a filter that is not one of `known`. */
export function checkFilters(filters: Filters, known: readonly string[], operation: string): void {
  for (const name of filters.keys()) {
    if (!known.includes(name)) throw new WharfError("InvalidArgument", `invalid filter '${name}'`, { operation });
  }
}

export async function pruneContainers(engine: Engine, filters: Filters, signal: AbortSignal): Promise<Pruned> {
  checkFilters(filters, ["until", "label", "label!"], "prune containers");
  const untils = filters.get("until") ?? [];
  if (untils.length > 1) throw new WharfError("InvalidArgument", "more than one until filter specified");
  const time = parseTime(untils[0], "until");
  const until = time === undefined ? Number.POSITIVE_INFINITY : timestampToMillis(time);
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const container of engine.containers.all()) {
    if (signal.aborted) break;
    const { record } = container;
    if (container.running || container.restarting || container.removing) continue;
    if (timestampToMillis(record.created) >= until || !labelsPass(record.config.Labels ?? {}, filters)) continue;
    try {
      const { size } = await engine.client
        .snapshots()
        .usage(record.id)
        .catch(() => ({ size: 0 }));
      await removeContainer(engine, container, { force: false });
      deleted.push(record.id);
      reclaimed += size;
    } catch (error) {
      // Started or removed by somebody else in the meantime.
      if (!isCode(error, "NotFound", "FailedPrecondition")) throw error;
    }
  }
  engine.events.emit("container", "prune", "", { reclaimed: String(reclaimed) });
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}
