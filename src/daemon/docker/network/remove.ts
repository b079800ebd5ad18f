/** DELETE /networks/{id}, and POST /networks/prune. */

import { WharfError } from "../../../common/errors.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { Filters } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { checkFilters, labelsPass } from "../filters.ts";
import { parseTime } from "../logs/times.ts";
import { containersOn, findNetwork } from "./view.ts";

/** NotFound. PermissionDenied for one that is always there, and while a container runs on it. */
export async function removeNetwork(engine: Engine, text: string): Promise<void> {
  const name = findNetwork(engine, text);
  const details = { operation: "remove network", subject: name };
  const user = engine.networks.user(name);
  if (!user) {
    throw new WharfError("PermissionDenied", `${name} is a pre-defined network and cannot be removed`, details);
  }
  const users = containersOn(engine, name).map(({ id, record }) => `name:"${record.name}" id:"${id.slice(0, 12)}"`);
  if (users.length > 0) {
    throw new WharfError(
      "PermissionDenied",
      `error while removing network: network ${name} has active endpoints (${users.join(", ")})`,
      details,
    );
  }
  await engine.userNetworks.remove(user);
}

/** Names of what was removed. */
export async function pruneNetworks(engine: Engine, filters: Filters): Promise<string[] | null> {
  checkFilters(filters, ["until", "label", "label!"], "prune networks");
  const time = parseTime(filters.get("until")?.[0], "until");
  const until = time === undefined ? Number.POSITIVE_INFINITY : timestampToMillis(time);
  const deleted: string[] = [];
  for (const user of engine.networks.users()) {
    if (!labelsPass(user.labels, filters) || timestampToMillis(user.created) >= until) continue;
    // Also those of containers that do not run: they could not be started any more.
    if (engine.containers.all().some(({ record }) => record.hostConfig.NetworkMode === user.name)) continue;
    await engine.userNetworks.remove(user);
    deleted.push(user.name);
  }
  return deleted.length > 0 ? deleted : null;
}
