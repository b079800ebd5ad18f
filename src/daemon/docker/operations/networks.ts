/** Networks: list, inspect; there are only those that are always there. */

import { Network, NetworkPruneResponse } from "../../../common/docker/network-resource.ts";
import { array } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, text } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { checkFilters } from "../filters.ts";
import { findNetwork, listNetworks, viewNetwork } from "../network/view.ts";

export function networkOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "NetworkList",
      method: "GET",
      path: "/networks",
      summary: "the networks",
      query: { filters: filters("dangling, driver, id, label, name, scope, type") },
      answer: array(Network),
      handler: async (x) => x.json(200, await listNetworks(engine, x.query.filters)),
    }),
    operation({
      id: "NetworkInspect",
      method: "GET",
      path: "/networks/{id}",
      summary: "one network with its containers",
      query: { verbose: flag(), scope: text() },
      answer: Network,
      handler: async (x) => {
        const { scope } = x.query;
        const name = findNetwork(engine, x.param("id"));
        if (scope && scope !== "local") throw new WharfError("NotFound", `network ${x.param("id")} not found`);
        x.json(200, await viewNetwork(engine, name, true));
      },
    }),
    operation({
      id: "NetworkDelete",
      method: "DELETE",
      path: "/networks/{id}",
      summary: "refused for those that are always there",
      handler: (x) => {
        const name = findNetwork(engine, x.param("id"));
        throw new WharfError("PermissionDenied", `${name} is a pre-defined network and cannot be removed`, {
          operation: "remove network",
          subject: name,
        });
      },
    }),
    operation({
      id: "NetworkPrune",
      method: "POST",
      path: "/networks/prune",
      summary: "removes the users' networks without containers, of which there are none",
      query: { filters: filters("until, label, label!") },
      answer: NetworkPruneResponse,
      handler: (x) => {
        checkFilters(x.query.filters, ["until", "label", "label!"], "prune networks");
        x.json(200, { NetworksDeleted: null });
      },
    }),
  ];
}
