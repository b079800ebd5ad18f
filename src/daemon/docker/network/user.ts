/** Networks of the users' own: bridges with a name, kept as `<root>/networks/<id>.json`, whatever becomes of the machine's state. */

import { mkdirSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkCreateRequest } from "../../../common/docker/network-resource.ts";
import { WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { fromFile } from "../../../common/file-error.ts";
import type { Agent } from "../../agent/client.ts";
import { now } from "../clock.ts";
import type { Events } from "../events.ts";
import { newId } from "../ids.ts";
import type { Log } from "../surroundings.ts";
import { BridgeDriver } from "./bridge.ts";
import type { NetworkDrivers } from "./driver.ts";
import { freeSubnet, hostRoutes, isFree, routeOf } from "./routes.ts";
import type { UserNetwork } from "./user-network.ts";
import { checkCreate, type Wanted } from "./user-request.ts";

const PREDEFINED = new Set(["bridge", "host", "none", "default"]);

export class UserNetworks {
  readonly #agent: Pick<Agent, "call">;
  readonly #networks: NetworkDrivers;
  readonly #events: Events;
  readonly #folder: string;
  readonly #state: string;
  readonly #log: Log;
  readonly #drivers = new Map<string, BridgeDriver>();
  /** One is made or removed after another: they must not take the same addresses. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    agent: Pick<Agent, "call">,
    networks: NetworkDrivers,
    events: Events,
    { root, state, log }: { root: string; state: string; log: Log },
  ) {
    this.#log = log;
    this.#agent = agent;
    this.#networks = networks;
    this.#events = events;
    this.#folder = join(root, "networks");
    this.#state = state;
  }

  /** Those of the daemons before this one. */
  async load(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#folder);
    // of one that was being made
    for (const name of names.filter((one) => one.endsWith(".json.tmp"))) await rm(join(this.#folder, name));
    for (const name of names.filter((one) => one.endsWith(".json"))) {
      try {
        await this.#add(JSON.parse(await readFile(join(this.#folder, name), "utf8")) as UserNetwork).restore();
      } catch (error) {
        this.#log("error", "a network is left out", { file: name, error });
      }
    }
  }

  #add(network: UserNetwork): BridgeDriver {
    const driver = new BridgeDriver(this.#agent, this.#state, this.#log, network);
    this.#drivers.set(network.name, driver);
    this.#networks.add(network.name, driver);
    return driver;
  }

  /** The new network's id. InvalidArgument, Unimplemented, AlreadyExists for a name, PermissionDenied for addresses that are taken. */
  create(request: NetworkCreateRequest): Promise<string> {
    return this.#inTurn(async () => {
      const wanted = checkCreate(request);
      const { name } = wanted;
      if (PREDEFINED.has(name)) {
        throw new WharfError("PermissionDenied", `operation is not permitted on predefined ${name} network`);
      }
      if (this.#networks.has(name)) {
        throw new WharfError("AlreadyExists", `network with name ${name} already exists`, {
          operation: "create network",
          subject: name,
        });
      }
      const id = newId();
      const { subnet, gateway } = await this.#addresses(wanted);
      const network: UserNetwork = {
        ...{ id, name, created: now(), labels: wanted.labels, options: wanted.options },
        ...{ bridge: wanted.bridge ?? `br-${id.slice(0, 12)}`, subnet, gateway, mtu: wanted.mtu },
        attachable: wanted.attachable,
      };
      await this.#keep(network);
      this.#add(network);
      this.#events.emit("network", "create", id, { name, type: "bridge" });
      return id;
    });
  }

  async #keep(network: UserNetwork): Promise<void> {
    const path = this.#file(network);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(`${path}.tmp`, JSON.stringify(network), { flush: true });
      failpoint("network.written");
      await rename(`${path}.tmp`, path);
      failpoint("network.kept");
    } catch (error) {
      rmSync(`${path}.tmp`, { force: true });
      throw fromFile(error, "keep network", path);
    }
  }

  #file({ id }: UserNetwork): string {
    return join(this.#folder, `${id}.json`);
  }

  /** The wanted ones, or the first /16 that neither the host nor another network has. */
  async #addresses(wanted: Wanted): Promise<{ subnet: string; gateway: string }> {
    const routes = await hostRoutes();
    const own = this.#networks.users().map(({ subnet }) => routeOf(subnet));
    const main = await this.#networks.describe("bridge");
    const taken = [...routes, ...own, ...(main ? [routeOf(main.subnet)] : [])];
    if (wanted.subnet !== undefined && wanted.gateway !== undefined) {
      if (isFree(wanted.subnet, taken)) return { subnet: wanted.subnet, gateway: wanted.gateway };
      throw new WharfError(
        "PermissionDenied",
        "invalid pool request: Pool overlaps with other one on this address space",
        { operation: "create network", subject: wanted.subnet },
      );
    }
    return freeSubnet(taken);
  }

  /** No container may be on it: that is for the caller to see to. */
  remove(network: UserNetwork): Promise<void> {
    return this.#inTurn(async () => {
      const driver = this.#drivers.get(network.name);
      if (!driver) return;
      await driver.remove();
      await rm(this.#file(network), { force: true });
      failpoint("network.removed");
      this.#drivers.delete(network.name);
      this.#networks.remove(network.name);
      this.#events.emit("network", "destroy", network.id, { name: network.name, type: "bridge" });
    });
  }

  /** When the daemon ends. */
  async close(): Promise<void> {
    const closes = [...this.#drivers].map(([network, driver]) =>
      driver.close().catch((error: unknown) => this.#log("warn", "a bridge is left", { network, error })),
    );
    await Promise.all(closes);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
