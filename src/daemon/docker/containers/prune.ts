/** Removing all containers that do not run. */

import { isCode, WharfError } from "../../../common/errors.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { Filters } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { checkFilters, labelsPass } from "../filters.ts";
import { parseTime } from "../logs/times.ts";
import type { Container } from "./container.ts";
import { removeContainer } from "./remove.ts";

export interface Pruned {
  ContainersDeleted: string[] | null;
  /** Bytes. */
  SpaceReclaimed: number;
}

/** Containers that are removed at once: they share flushes and measurements. */
const GROUP = 8;

export async function pruneContainers(engine: Engine, filters: Filters, signal: AbortSignal): Promise<Pruned> {
  checkFilters(filters, ["until", "label", "label!"], "prune containers");
  const untils = filters.get("until") ?? [];
  if (untils.length > 1) throw new WharfError("InvalidArgument", "more than one until filter specified");
  const time = parseTime(untils[0], "until");
  const until = time === undefined ? Number.POSITIVE_INFINITY : timestampToMillis(time);
  const deleted: string[] = [];
  let reclaimed = 0;
  const prune = async (container: Container): Promise<void> => {
    const { record } = container;
    if (signal.aborted || container.running || container.restarting || container.removing) return;
    try {
      const usage = engine.client.snapshots().usage(record.id);
      const { size } = await usage.catch(() => ({ size: 0 }));
      await removeContainer(engine, container, { force: false });
      deleted.push(record.id);
      reclaimed += size;
    } catch (error) {
      // Started or removed by somebody else in the meantime.
      if (!isCode(error, "NotFound", "FailedPrecondition")) throw error;
    }
  };
  const chosen = engine.containers.all().filter(({ record }) => {
    return timestampToMillis(record.created) < until && labelsPass(record.config.Labels ?? {}, filters);
  });
  for (let at = 0; at < chosen.length; at += GROUP) await Promise.all(chosen.slice(at, at + GROUP).map(prune));
  engine.events.emit("container", "prune", "", { reclaimed: String(reclaimed) });
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}
