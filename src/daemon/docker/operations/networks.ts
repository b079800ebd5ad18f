/** Networks: create, list, inspect, delete, prune. */

import {
  Network,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkPruneResponse,
} from "../../../common/docker/network-resource.ts";
import { array } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, text } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { pruneNetworks, removeNetwork } from "../network/remove.ts";
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
      id: "NetworkCreate",
      method: "POST",
      path: "/networks/create",
      summary: "makes a network: a bridge of its own, whose containers know each other by name",
      body: NetworkCreateRequest,
      answer: NetworkCreateResponse,
      handler: async (x) => x.json(201, { Id: await engine.userNetworks.create(x.body), Warning: "" }),
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
      summary: "removes a network that no container runs on",
      handler: async (x) => {
        await removeNetwork(engine, x.param("id"));
        x.empty(204);
      },
    }),
    operation({
      id: "NetworkPrune",
      method: "POST",
      path: "/networks/prune",
      summary: "removes the users' networks without containers",
      query: { filters: filters("until, label, label!") },
      answer: NetworkPruneResponse,
      handler: async (x) => x.json(200, { NetworksDeleted: await pruneNetworks(engine, x.query.filters) }),
    }),
  ];
}
