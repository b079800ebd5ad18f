/** The networks there are, in the shapes of inspect and list: bridge, host and none, and the users'. */

import { createHash } from "node:crypto";
import type { Network } from "../../../common/docker/network-resource.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Filters } from "../../http/query.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { labelMatches } from "../events.ts";
import { checkFilters } from "../filters.ts";

/** What drivers are called by whom they are shown to. */
const DRIVERS: Readonly<Record<string, string>> = { none: "null" };
/** Networks that nobody makes are as old as the daemon. */
let since: string | undefined;

/** Of those that are always there the same for ever: a hash of the root and the name. */
export function networkId(engine: Pick<Engine, "root" | "networks">, name: string): string {
  const user = engine.networks.user(name);
  if (user) return user.id;
  return createHash("sha256").update(`network\0${engine.root}\0${name}`).digest("hex");
}

/** By name, id, or the beginning of one. NotFound; InvalidArgument when it is ambiguous. */
export function findNetwork(engine: Engine, text: string): string {
  const names = engine.networks.names();
  if (names.includes(text)) return text;
  const found = text === "" ? [] : names.filter((name) => networkId(engine, name).startsWith(text));
  if (found.length > 1) {
    throw new WharfError("InvalidArgument", `network ${text} is ambiguous (${found.length} matches found on name)`);
  }
  if (found[0]) return found[0];
  throw new WharfError("NotFound", `network ${text} not found`, { operation: "find network", subject: text });
}

export function driverOf(engine: Engine, name: string): string {
  return engine.networks.user(name) ? "bridge" : (DRIVERS[name] ?? name);
}

export async function viewNetwork(engine: Engine, name: string, containers: boolean): Promise<Network> {
  since ??= now();
  const user = engine.networks.user(name);
  const network = await engine.networks.get(name).describe?.();
  return {
    Name: name,
    Id: networkId(engine, name),
    Created: user?.created ?? since,
    Scope: "local",
    Driver: driverOf(engine, name),
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: "default",
      Options: user ? {} : null,
      Config: network ? [{ Subnet: network.subnet, Gateway: network.gateway }] : null,
    },
    Internal: false,
    Attachable: user?.attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    ...(containers ? { Containers: endpointsOf(engine, name) } : {}),
    Options: user
      ? user.options
      : network
        ? {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": network.bridge,
            "com.docker.network.driver.mtu": String(network.mtu ?? 1500),
          }
        : {},
    Labels: user?.labels ?? {},
  };
}

/** Containers that run on it, and those that are about to. */
export function containersOn(engine: Engine, name: string) {
  return engine.containers
    .all()
    .filter(
      ({ running, id, record }) =>
        record.hostConfig.NetworkMode === name && (running || engine.networks.attachmentOf(name, id) !== undefined),
    );
}

function endpointsOf(engine: Engine, name: string): NonNullable<Network["Containers"]> {
  const found: NonNullable<Network["Containers"]> = {};
  for (const { record } of containersOn(engine, name)) {
    const at = engine.networks.attachmentOf(name, record.id);
    found[record.id] = {
      Name: record.name,
      EndpointID: at ? record.id : "",
      MacAddress: at?.mac ?? "",
      IPv4Address: at ? `${at.address}/${at.prefix}` : "",
      IPv6Address: "",
    };
  }
  return found;
}

/** By name. InvalidArgument for an unknown filter. */
export async function listNetworks(engine: Engine, filters: Filters): Promise<Network[]> {
  checkFilters(filters, ["dangling", "driver", "id", "label", "name", "scope", "type"], "list networks");
  const all = await Promise.all(
    engine.networks
      .names()
      .sort()
      .map((name) => viewNetwork(engine, name, false)),
  );
  const tests: Record<string, (network: Network, value: string) => boolean> = {
    driver: ({ Driver }, value) => Driver === value,
    id: ({ Id }, value) => Id.startsWith(value),
    label: ({ Labels }, value) => labelMatches(Labels ?? {}, value),
    name: ({ Name }, value) => Name.includes(value),
    scope: ({ Scope }, value) => Scope === value,
    type: ({ Name }, value) => value === (engine.networks.user(Name) ? "custom" : "builtin"),
    // What is built in never counts as dangling.
    dangling: ({ Name }, value) =>
      ["true", "1"].includes(value) ===
      (engine.networks.user(Name) !== undefined && containersOn(engine, Name).length === 0),
  };
  return all.filter((network) =>
    [...filters].every(([name, values]) => values.some((value) => tests[name]!(network, value))),
  );
}
