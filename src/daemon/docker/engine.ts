/** What the operations of the Docker API work with: the services below, and the Docker layer's own state. */

import { mkdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LogSettings } from "../config.ts";
import type { Containerd, ContainerdCore } from "../containerd/api.ts";
import type { Registry } from "../registry/client.ts";
import type { Puller } from "../transfer/pull.ts";
import type { Pusher } from "../transfer/push.ts";
import type { Container } from "./containers/container.ts";
import { Leftovers } from "./containers/leftovers.ts";
import { ContainerRegistry } from "./containers/registry.ts";
import { UserDatabase } from "./containers/users.ts";
import { Events } from "./events.ts";
import type { Exec } from "./exec/exec.ts";
import { ImageCatalogue } from "./images/store.ts";
import { LOG_DEFAULTS } from "./logs/defaults.ts";
import { NetworkDrivers } from "./network/driver.ts";
import { sharedNetwork } from "./network/shared.ts";
import { UserNetworks } from "./network/user.ts";
import { Runtimes } from "./runtimes.ts";
import type { Log, Surroundings, TreeReader } from "./surroundings.ts";
import { Turns } from "./turns.ts";
import { Volumes } from "./volumes/volumes.ts";

/** The containerd namespace of the Docker layer, dockerd's own. */
const NAMESPACE = "moby";

/** What speaks to registries. */
export interface Registries {
  registry: Registry;
  puller: Puller;
  pusher: Pusher;
}

export interface EngineOptions {
  core: ContainerdCore;
  agent: TreeReader;
  /** Loaded when first asked for. */
  registries: () => Promise<Registries>;
  root: string;
  state: string;
  log: Log;
  /** Cgroup of the containers' cgroups, dockerd's own by default. */
  cgroupParent?: string | undefined;
  runtimes?: Runtimes | undefined;
  /** For containers that name no driver; dockerd's own by default. */
  logs?: LogSettings | undefined;
  /** Of what it makes, dockerd's own by default. */
  namespace?: string | undefined;
}

export class Engine implements Surroundings {
  readonly client: Containerd;
  readonly core: Pick<ContainerdCore, "version">;
  readonly agent: TreeReader;
  readonly registries: () => Promise<Registries>;
  readonly root: string;
  readonly state: string;
  readonly log: Log;
  readonly runtimes: Runtimes;
  readonly logs: LogSettings;
  readonly cgroupParent: string;
  readonly images: ImageCatalogue;
  readonly containers: ContainerRegistry;
  readonly leftovers: Leftovers;
  readonly execs = new Map<string, Exec>();
  readonly events = new Events();
  /** For creations and removals, which write much. */
  readonly turns = new Turns();
  readonly networks = new NetworkDrivers();
  readonly userNetworks: UserNetworks;
  readonly volumes: Volumes;
  readonly users: UserDatabase;
  /** Resolves when the first image of an empty root is there; what looks for images waits for it. */
  settling: Promise<void> = Promise.resolve();
  /** Aborted when the daemon shuts down. */
  readonly closing = new AbortController();

  constructor(options: EngineOptions) {
    this.core = options.core;
    this.client = options.core.namespace(options.namespace ?? NAMESPACE);
    this.agent = options.agent;
    this.registries = options.registries;
    this.root = options.root;
    this.state = options.state;
    this.log = options.log;
    this.cgroupParent = options.cgroupParent ?? "/docker";
    this.logs = options.logs ?? LOG_DEFAULTS;
    this.runtimes = options.runtimes ?? new Runtimes();
    this.images = new ImageCatalogue(this.client, () => this.settling);
    this.containers = new ContainerRegistry(this.client);
    this.leftovers = new Leftovers(options.agent, options.log);
    this.users = new UserDatabase(options.agent);
    this.volumes = new Volumes(this);
    this.networks.add("container:", sharedNetwork(this));
    this.userNetworks = new UserNetworks(this.agent, this.networks, this.events, this);
  }

  /** The container's folder on the host: log, hosts, resolv.conf. */
  folder(id: string): string {
    return join(this.root, "containers", id);
  }

  /** For the first who needs it: a start, or a client that waits for the log's first line. */
  makeFolder(id: string): void {
    mkdirSync(this.folder(id), { recursive: true, mode: 0o710 });
  }

  logPath(id: string): string {
    return join(this.folder(id), `${id}-json.log`);
  }

  /** The attach socket of a process. Short: a socket's path may have 107 bytes. */
  attachSocket(id: string): string {
    return join(this.state, "io", `${id.slice(0, 24)}.sock`);
  }

  async prepareFolders(): Promise<void> {
    await mkdir(join(this.root, "containers"), { recursive: true, mode: 0o710 });
    await mkdir(join(this.state, "io"), { recursive: true, mode: 0o700 });
  }

  /** Tells the event of a container, with its labels as dockerd does. */
  emit(container: Container, action: string, attributes: Record<string, string> = {}): void {
    const { config, name, id } = container.record;
    this.events.emit("container", action, id, { ...config.Labels, ...attributes, image: config.Image, name });
  }
}
