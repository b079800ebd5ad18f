/** Networks: what list, inspect and prune answer. */

import type { Infer } from "./schema.ts";
import { array, boolean, map, nullable, object, optional, string } from "./schema.ts";

const IpamConfig = object("IPAMConfig", {
  Subnet: optional(string()),
  IPRange: optional(string()),
  Gateway: optional(string()),
  AuxiliaryAddresses: optional(map(string())),
});
export const Network = object("Network", {
  Name: string(),
  Id: string(),
  Created: string(),
  Scope: string(),
  Driver: string(),
  EnableIPv4: boolean(),
  EnableIPv6: boolean(),
  IPAM: object("IPAM", { Driver: string(), Options: nullable(map(string())), Config: nullable(array(IpamConfig)) }),
  Internal: boolean(),
  Attachable: boolean(),
  Ingress: boolean(),
  ConfigFrom: object("", { Network: string() }),
  ConfigOnly: boolean(),
  Containers: optional(
    map(
      object("EndpointResource", {
        Name: string(),
        EndpointID: string(),
        MacAddress: string(),
        IPv4Address: string(),
        IPv6Address: string(),
      }),
    ),
  ),
  Options: nullable(map(string())),
  Labels: nullable(map(string())),
});
export type Network = Infer<typeof Network>;

export const NetworkCreateRequest = object("NetworkCreateRequest", {
  Name: optional(string()),
  Driver: optional(string("bridge")),
  Scope: optional(string("local")),
  Internal: optional(boolean()),
  Attachable: optional(boolean("says nothing of a bridge")),
  Ingress: optional(boolean()),
  ConfigOnly: optional(boolean()),
  ConfigFrom: optional(nullable(object("", { Network: optional(string()) }))),
  IPAM: optional(
    nullable(
      object("", {
        Driver: optional(string()),
        Options: optional(nullable(map(string()))),
        Config: optional(nullable(array(IpamConfig))),
      }),
    ),
  ),
  EnableIPv4: optional(nullable(boolean())),
  EnableIPv6: optional(nullable(boolean())),
  Options: optional(nullable(map(string()))),
  Labels: optional(nullable(map(string()))),
  CheckDuplicate: optional(boolean("older clients: always done")),
});
export type NetworkCreateRequest = Infer<typeof NetworkCreateRequest>;

export const NetworkCreateResponse = object("NetworkCreateResponse", { Id: string(), Warning: string() });

export const NetworkPruneResponse = object("NetworkPruneResponse", { NetworksDeleted: nullable(array(string())) });
