/**
 * How a container gets its network: one driver a mode. Drivers are added to `NetworkDrivers`: the bridge, the users' networks.
 */

import type { Attachment, BridgeNetwork } from "../../../common/agent/network.ts";
import { type EndpointSettings, emptyEndpoint } from "../../../common/docker/network.ts";
import { WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { UserNetwork } from "./user-network.ts";

/** What a started container has. */
export interface NetworkAttachment {
  /** A namespace of its own that the runtime makes, the host's, or one to join. */
  namespace: "own" | "host" | { path: string };
  /** By network name, for inspect. */
  endpoints: Record<string, EndpointSettings>;
  /** Lines for /etc/hosts beyond localhost. */
  hosts: { address: string; names: string[] }[];
  /** Where names are resolved: as the host does, or at these servers. */
  resolver: "host" | { servers: string[]; search: string[]; options: string[] };
  /** Folder with the hosts, hostname and resolv.conf of the container whose network it is. */
  sharedFiles?: string;
}

export interface NetworkDriver {
  /** What is kept of a user's network. */
  readonly user?: UserNetwork | undefined;
  /** What a started container has, for inspect; undefined before and after. */
  attachmentOf?(id: string): Attachment | undefined;
  /** Ids of the containers that it keeps account of. */
  attached?(): readonly string[];
  /** The network, where it is one of the machine's own making. */
  describe?(): Promise<BridgeNetwork>;
  /** Before the task is made. */
  attach(container: ContainerRecord, signal?: AbortSignal): Promise<NetworkAttachment>;
  /** When the task is gone; harmless for a container that was never attached. */
  release(container: Pick<ContainerRecord, "id">): Promise<void>;
}

const nothing = async () => {};

/** Loopback alone. */
const noneDriver: NetworkDriver = {
  attach: async () => ({ namespace: "own", endpoints: { none: emptyEndpoint() }, hosts: [], resolver: "host" }),
  release: nothing,
};

/** The host's own network. */
const hostDriver: NetworkDriver = {
  attach: async () => ({ namespace: "host", endpoints: { host: emptyEndpoint() }, hosts: [], resolver: "host" }),
  release: nothing,
};

export class NetworkDrivers {
  readonly #drivers = new Map<string, NetworkDriver>([
    ["none", noneDriver],
    ["host", hostDriver],
  ]);

  /** `mode` is a name, or ends with a colon and stands for all that begin with it. */
  add(mode: string, driver: NetworkDriver): void {
    this.#drivers.set(mode, driver);
  }

  remove(mode: string): void {
    this.#drivers.delete(mode);
  }

  /** The user's network of this name. */
  user(name: string): UserNetwork | undefined {
    return this.#drivers.get(name)?.user;
  }

  /** Of the user's network that has this id, or the only one whose id begins so. */
  nameOf(id: string): string | undefined {
    const found =
      /^[0-9a-f]{3,64}$/.test(id) && !this.has(id) ? this.users().filter((user) => user.id.startsWith(id)) : [];
    return found.length === 1 ? found[0]!.name : undefined;
  }

  users(): UserNetwork[] {
    return [...this.#drivers.values()].flatMap(({ user }) => (user ? [user] : []));
  }

  /** A network of the machine's own making. */
  async describe(name: string): Promise<BridgeNetwork | undefined> {
    return await this.#drivers.get(name)?.describe?.();
  }

  /** When the task is gone; harmless for a container whose network is no more. */
  async release(record: ContainerRecord): Promise<void> {
    const { NetworkMode } = record.hostConfig;
    const driver = this.#drivers.get(NetworkMode) ?? this.#drivers.get(NetworkMode.replace(/:.*/s, ":"));
    await driver?.release(record);
  }

  /** What containers have that are gone. */
  async releaseGone(isThere: (id: string) => boolean): Promise<void> {
    for (const driver of this.#drivers.values())
      for (const id of driver.attached?.() ?? []) if (!isThere(id)) await driver.release({ id });
  }

  has(mode: string): boolean {
    return this.#drivers.has(mode);
  }

  /** What `default` stands for: the bridge where there is one. */
  get defaultMode(): string {
    return this.#drivers.has("bridge") ? "bridge" : "none";
  }

  /** What a container has on its network, where the mode's driver keeps account. */
  attachmentOf(mode: string, id: string): Attachment | undefined {
    return this.#drivers.get(mode)?.attachmentOf?.(id);
  }

  /** The host's address on the bridge; undefined without a bridge. */
  async hostAddress(): Promise<string | undefined> {
    return (await this.#drivers.get("bridge")?.describe?.())?.gateway;
  }

  /** Names of the networks there are. */
  names(): string[] {
    return [...this.#drivers.keys()].filter((name) => !name.endsWith(":"));
  }

  /** Unimplemented or NotFound for a mode without driver. */
  get(mode: string): NetworkDriver {
    const name = mode === "" || mode === "default" ? this.defaultMode : mode;
    const driver = this.#drivers.get(name) ?? this.#drivers.get(name.slice(0, name.indexOf(":") + 1));
    if (driver) return driver;
    const known = [...this.#drivers.keys()].map((key) => (key.endsWith(":") ? `${key}<name>` : key)).join(", ");
    const later = name === "bridge";
    throw new WharfError(
      later ? "Unimplemented" : "NotFound",
      later ? `the network mode ${JSON.stringify(name)} is not there yet` : `network ${name} not found`,
      {
        operation: "create container",
        subject: name,
        hint: `use --network with one of ${known}, or a network of 'network ls'`,
      },
    );
  }
}
