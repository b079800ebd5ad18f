/** Networks as containers see them. */

import type { Infer } from "./schema.ts";
import { any, array, integer, map, nullable, object, optional, partial, string } from "./schema.ts";

export const EndpointSettings = object("EndpointSettings", {
  IPAMConfig: nullable(any()),
  Links: nullable(array(string())),
  Aliases: nullable(array(string())),
  MacAddress: string(),
  DriverOpts: nullable(map(string())),
  GwPriority: integer(),
  NetworkID: string(),
  EndpointID: string(),
  Gateway: string(),
  IPAddress: string(),
  IPPrefixLen: integer(),
  IPv6Gateway: string(),
  GlobalIPv6Address: string(),
  GlobalIPv6PrefixLen: integer(),
  DNSNames: nullable(array(string())),
});
export type EndpointSettings = Infer<typeof EndpointSettings>;

export const NetworkingConfig = object("NetworkingConfig", {
  EndpointsConfig: optional(map(nullable(partial(EndpointSettings)))),
});

export function emptyEndpoint(): EndpointSettings {
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: null,
    MacAddress: "",
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}
