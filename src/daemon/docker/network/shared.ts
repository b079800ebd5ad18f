/** `--network container:<name>`: the network of another container, with its names and files. */

import { WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Surroundings } from "../surroundings.ts";
import type { NetworkAttachment, NetworkDriver, NetworkDrivers } from "./driver.ts";

const PREFIX = "container:";

/** The mode with the other container's id in place of its name, a user's network by its name. InvalidArgument when there is none. */
export function resolveNetworkMode(engine: Surroundings, networks: NetworkDrivers, mode: string): string {
  if (!mode.startsWith(PREFIX)) return networks.nameOf(mode) ?? mode;
  const name = mode.slice(PREFIX.length);
  if (name === "") {
    throw new WharfError("InvalidArgument", "Invalid network mode: container: without a name", {
      operation: "create container",
    });
  }
  return `${PREFIX}${engine.containers.other(name).id}`;
}

/** InvalidArgument for settings of a network that is another container's. */
export function checkSharedNetwork({ config, hostConfig }: Pick<ContainerRecord, "config" | "hostConfig">): void {
  if (!hostConfig.NetworkMode.startsWith(PREFIX)) return;
  const conflicts: [boolean, string][] = [
    [(hostConfig.Links?.length ?? 0) > 0, "network and links"],
    [(hostConfig.Dns?.length ?? 0) > 0, "dns and the network mode"],
    [(hostConfig.ExtraHosts?.length ?? 0) > 0, "custom host-to-IP mapping and the network mode"],
    [(config.MacAddress ?? "") !== "", "mac-address and the network mode"],
    [
      Object.keys(hostConfig.PortBindings ?? {}).length > 0 || hostConfig.PublishAllPorts,
      "port publishing and the container type network mode",
    ],
  ];
  const found = conflicts.find(([there]) => there);
  if (!found) return;
  throw new WharfError("InvalidArgument", `conflicting options: ${found[1]}`, { operation: "create container" });
}

export function sharedNetwork(engine: Surroundings): NetworkDriver {
  return {
    async attach(record): Promise<NetworkAttachment> {
      const other = engine.containers.other(record.hostConfig.NetworkMode.slice(PREFIX.length));
      if (!other.running) {
        throw new WharfError("FailedPrecondition", `cannot join network of a non running container: ${other.id}`, {
          operation: "start container",
          subject: other.record.name,
          hint: `start it first: wharf start ${other.record.name}`,
        });
      }
      const { config, state } = other.record;
      record.config = { ...record.config, Hostname: config.Hostname, Domainname: config.Domainname };
      // Of a chain of such containers the files are those of the one that has the network.
      const owner = ownerOf(engine, other.record);
      return {
        namespace: other.record.hostConfig.NetworkMode === "host" ? "host" : { path: `/proc/${state.pid}/ns/net` },
        endpoints: {},
        hosts: [],
        resolver: "host",
        sharedFiles: engine.folder(owner),
      };
    },
    release: async () => {},
  };
}

function ownerOf(engine: Surroundings, { id, hostConfig }: ContainerRecord): string {
  if (!hostConfig.NetworkMode.startsWith(PREFIX)) return id;
  return ownerOf(engine, engine.containers.other(hostConfig.NetworkMode.slice(PREFIX.length)).record);
}
