/** A bridge network, the default one or a user's: made when the first container wants it, taken down when the daemon ends without any. */

import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Attachment, BridgeNetwork } from "../../../common/agent/network.ts";
import type { AnswerOf, Operation, RequestOf } from "../../../common/agent/protocol.ts";
import { isCode } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { fromFile } from "../../../common/file-error.ts";
import { ifMissing } from "../../expected.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Log } from "../surroundings.ts";
import type { NetworkAttachment, NetworkDriver } from "./driver.ts";
import { ownNames } from "./files.ts";
import { endpointOf, portRequests } from "./ports.ts";
import { freeSubnet, hasInterface, hostRoutes, isFree, routeOf } from "./routes.ts";
import type { UserNetwork } from "./user-network.ts";

/** What the driver needs of the agent's client. */
export interface NetworkAgent {
  call<Op extends Operation>(op: Op, request: RequestOf<Op>): Promise<AnswerOf<Op>>;
}

const DEFAULT_STATE = "/run/wharf";

/** What an earlier daemon has noted; a note that cannot be read is none. */
function parseNetwork(text: string): BridgeNetwork | undefined {
  try {
    return JSON.parse(text) as BridgeNetwork;
  } catch {
    return undefined;
  }
}

/** The id that begins so and has an address; the beginning itself where none has. */
async function ownerOf({ ipamDir }: BridgeNetwork, beginning: string): Promise<string> {
  for (const name of await readdir(ipamDir).catch(ifMissing<string[]>([]))) {
    const text = await readFile(join(ipamDir, name), "utf8").catch(ifMissing(""));
    if (text.startsWith(beginning)) return text.split("\r\n")[0]!;
  }
  return beginning;
}

export class BridgeDriver implements NetworkDriver {
  readonly #agent: NetworkAgent;
  readonly #name: string;
  readonly #dir: string;
  readonly #bridge: string;
  readonly user: UserNetwork | undefined;
  readonly #others: () => readonly string[];
  readonly #log: Log;
  readonly #attachments = new Map<string, Attachment>();
  readonly #releases = new Map<string, Promise<void>>();
  #network: Promise<BridgeNetwork> | undefined;

  /**
   * @param state the daemon's state folder: attachments and reserved addresses end with the machine's run, as it does
   * @param log of what is left behind
   * @param user a network of a user's; the default one looks for what is free
   * @param others subnets that are not free for the default one
   */
  constructor(
    agent: NetworkAgent,
    state: string,
    log: Log,
    user?: UserNetwork,
    others: () => readonly string[] = () => [],
  ) {
    this.#agent = agent;
    this.#log = log;
    this.#others = others;
    this.user = user;
    if (user) {
      this.#name = user.name;
      this.#dir = join(state, `net-${user.id.slice(0, 12)}`);
      this.#bridge = user.bridge;
      return;
    }
    this.#name = "bridge";
    this.#dir = join(state, "net");
    const suffix = createHash("sha256").update(state).digest("hex").slice(0, 7);
    this.#bridge = state === DEFAULT_STATE ? "wharf0" : `wharf-${suffix}`;
  }

  /** Reads what a daemon before this one has attached, and takes away what it has left undone; what cannot be is told, and tried again by that container's start. */
  async restore(): Promise<void> {
    const names = await readdir(this.#dir).catch(ifMissing<string[]>([]));
    if (names.includes("network.json.tmp")) rmSync(join(this.#dir, "network.json.tmp"), { force: true });
    for (const name of names.filter((one) => one.endsWith(".json") && one !== "network.json")) {
      const note = await readFile(join(this.#dir, name), "utf8");
      try {
        this.#attachments.set(name.slice(0, -5), JSON.parse(note) as Attachment);
      } catch {
        // written in part: the namespace's file tells of it, if what was made is not gone already
        rmSync(join(this.#dir, name), { force: true });
      }
    }
    const noted = new Set([...this.#attachments.values()].map(({ netns }) => netns));
    for (const name of names.filter((one) => /^[0-9a-f]{24}$/.test(one))) {
      if (noted.has(join(this.#dir, name))) continue;
      await this.#undoIfPossible(name, "what a start that was cut off has of a network is left");
    }
  }

  /** Takes away what an attach has made that nobody was told of: the daemon was killed meanwhile. Its namespace's file is there, and no note. */
  async #undo(name: string): Promise<void> {
    const network = await this.#load();
    const attachment = { netns: join(this.#dir, name) };
    await this.#agent.call("networkDetach", { network, id: await ownerOf(network, name), attachment });
  }

  async #undoIfPossible(name: string, otherwise: string): Promise<void> {
    try {
      await this.#undo(name);
    } catch (error) {
      this.#log("error", otherwise, { network: this.#name, id: name, error });
    }
  }

  attached(): readonly string[] {
    return [...this.#attachments.keys()];
  }

  attachmentOf(id: string): Attachment | undefined {
    return this.#attachments.get(id);
  }

  async #load(): Promise<BridgeNetwork> {
    const ipamDir = join(this.#dir, "addresses");
    if (this.user) {
      const { bridge, subnet, gateway, mtu } = this.user;
      return { bridge, subnet, gateway, mtu, ipamDir };
    }
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const path = join(this.#dir, "network.json");
    const known = parseNetwork(await readFile(path, "utf8").catch(ifMissing("")));
    // Users' networks have theirs also while their bridges are not there.
    const taken = [...(await hostRoutes()), ...this.#others().map(routeOf)];
    if (known) {
      // While the bridge was not there somebody else may have taken its addresses.
      const kept = this.#attachments.size > 0 || (await hasInterface(known.bridge));
      if (kept || isFree(known.subnet, taken)) return known;
    }
    const network: BridgeNetwork = { bridge: this.#bridge, ...freeSubnet(taken), ipamDir };
    try {
      await writeFile(`${path}.tmp`, JSON.stringify(network));
      await rename(`${path}.tmp`, path);
    } catch (error) {
      rmSync(`${path}.tmp`, { force: true });
      throw fromFile(error, "note the network", path);
    }
    return network;
  }

  /** What the network is or will be; the bridge itself may not be there. */
  describe(): Promise<BridgeNetwork> {
    return this.#load();
  }

  /** The network, with its bridge there. */
  async #ready(): Promise<BridgeNetwork> {
    this.#network ??= this.#load().then(async (network) => {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      await this.#agent.call("networkEnsure", { network });
      return network;
    });
    try {
      return await this.#network;
    } catch (error) {
      this.#network = undefined;
      throw error;
    }
  }

  async attach(record: ContainerRecord): Promise<NetworkAttachment> {
    const network = await this.#ready();
    const { id, hostConfig } = record;
    if (this.#attachments.has(id)) await this.release(record);
    const { MacAddress, IPAMConfig } = record.networks[this.#name] ?? {};
    const { IPv4Address } = (IPAMConfig ?? {}) as { IPv4Address?: string };
    const name = id.slice(0, 24);
    const request = {
      network,
      id,
      netns: join(this.#dir, name),
      address: IPv4Address || undefined,
      mac: (MacAddress as string | undefined) || undefined,
      ports: portRequests(record),
    };
    const attachment = await this.#agent.call("networkAttach", request).catch(async (error: unknown) => {
      // an agent that fails takes back what it has done, one that was killed cannot; what is still left goes with the container's next start or the daemon's
      if (isCode(error, "Unavailable"))
        await this.#undoIfPossible(name, "what an agent that died has made of a network is left");
      throw error;
    });
    this.#attachments.set(id, attachment);
    // In memory, and small.
    writeFileSync(join(this.#dir, `${id}.json`), JSON.stringify(attachment), { mode: 0o600 });
    failpoint("network.noted");
    return {
      namespace: { path: attachment.netns },
      endpoints: { [this.#name]: endpointOf(id, attachment) },
      hosts: [{ address: attachment.address, names: ownNames(record) }],
      resolver: hostConfig.Dns?.length ? { servers: hostConfig.Dns, search: [], options: [] } : "host",
    };
  }

  /** Whoever asks while it is under way waits for the same. */
  release({ id }: Pick<ContainerRecord, "id">): Promise<void> {
    let release = this.#releases.get(id);
    if (!release) {
      release = this.#release(id).finally(() => this.#releases.delete(id));
      this.#releases.set(id, release);
    }
    return release;
  }

  async #release(id: string): Promise<void> {
    const attachment = this.#attachments.get(id);
    if (!attachment) return;
    await this.#agent.call("networkDetach", { network: await this.#load(), id, attachment });
    this.#attachments.delete(id);
    rmSync(join(this.#dir, `${id}.json`), { force: true });
    failpoint("network.released");
  }

  /** When the daemon ends: without containers on it the bridge goes, too. */
  async close(): Promise<void> {
    if (this.#attachments.size > 0) return;
    const network = (await this.#network) ?? (await this.#left());
    this.#network = undefined;
    if (network) await this.#agent.call("networkRemove", { network });
  }

  /** The bridge and all that was noted of it. What is still attached belongs to containers that have ended: it is released. */
  async remove(): Promise<void> {
    for (const id of [...this.#attachments.keys()]) await this.release({ id });
    await this.#agent.call("networkRemove", { network: await this.#load() });
    this.#network = undefined;
    rmSync(this.#dir, { recursive: true, force: true });
    failpoint("network.taken-down");
  }

  /** The network whose bridge an earlier life of this daemon made, if it is still there. */
  async #left(): Promise<BridgeNetwork | undefined> {
    if (!(await hasInterface(this.#bridge))) return undefined;
    if (this.user) return await this.#load();
    return parseNetwork(await readFile(join(this.#dir, "network.json"), "utf8").catch(ifMissing("")));
  }
}
