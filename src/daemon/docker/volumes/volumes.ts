/** Volumes and the containers that use them: who uses which, removal, and the mounts that some volumes stand for. */

import { readFile } from "node:fs/promises";
import type { Volume } from "../../../common/docker/volume.ts";
import { WharfError } from "../../../common/errors.ts";
import { warned } from "../../expected.ts";
import type { Filters } from "../../http/query.ts";
import type { ContainerRecord } from "../containers/record.ts";
import { labelMatches } from "../events.ts";
import { checkFilters, labelsPass } from "../filters.ts";
import type { Surroundings } from "../surroundings.ts";
import { ANONYMOUS, DRIVER, type StoredVolume, type VolumeRequest, VolumeStore } from "./store.ts";

export class Volumes {
  readonly store: VolumeStore;
  readonly #engine: Surroundings;
  /** Names in use by what is not yet, or no longer, a container: how often. */
  readonly #held = new Map<string, number>();
  /** Of volumes that are mounts: the containers that run with them. */
  readonly #mounted = new Map<string, Set<string>>();

  constructor(engine: Surroundings) {
    this.#engine = engine;
    this.store = new VolumeStore(engine.root, engine.agent);
  }

  async create(request: VolumeRequest): Promise<StoredVolume> {
    const { volume, made } = await this.store.create(request);
    if (made) this.#engine.events.emit("volume", "create", volume.name, { driver: DRIVER });
    return volume;
  }

  /** In Docker's shape. */
  view({ name, createdAt, labels, options }: StoredVolume): Volume {
    return {
      CreatedAt: createdAt,
      Driver: DRIVER,
      Labels: labels,
      Mountpoint: this.store.path(name),
      Name: name,
      Options: options,
      Scope: "local",
    };
  }

  /** Ids of the containers that have it, running or not. */
  usersOf(name: string): string[] {
    return this.#engine.containers
      .all()
      .filter(({ record }) => uses(record, name))
      .map(({ id }) => id);
  }

  /** Keeps a volume from being removed until disposed of. */
  hold(name: string): Disposable {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#held.get(name)! - 1;
        if (left > 0) this.#held.set(name, left);
        else this.#held.delete(name);
      },
    };
  }

  /** By name. InvalidArgument for an unknown filter. */
  list(filters: Filters): StoredVolume[] {
    checkFilters(filters, ["dangling", "driver", "label", "name"], "list volumes");
    const used = new Set<string>();
    for (const { record } of this.#engine.containers.all())
      for (const { Type, Name } of record.mounts) if (Type === "volume") used.add(Name!);
    const dangling = filters.get("dangling")?.map((text) => truth("dangling", text));
    return this.store
      .all()
      .filter(({ name, labels }) => {
        const any = (key: string, test: (value: string) => boolean) => filters.get(key)?.some(test) ?? true;
        return (
          any("name", (value) => nameMatches(name, value)) &&
          any("driver", (value) => value === DRIVER) &&
          (filters.get("label") ?? []).every((value) => labelMatches(labels ?? {}, value)) &&
          (dangling?.some((wanted) => wanted === !used.has(name)) ?? true)
        );
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** NotFound; FailedPrecondition while a container has it. */
  async remove(name: string): Promise<void> {
    await this.store.exclusive(name, async () => {
      this.store.get(name);
      const users = this.usersOf(name);
      if (users.length > 0 || this.#held.has(name)) {
        throw new WharfError("FailedPrecondition", `remove ${name}: volume is in use - [${users.join(", ")}]`, {
          operation: "remove volume",
          subject: name,
        });
      }
      await this.store.remove(name);
    });
    this.#engine.events.emit("volume", "destroy", name, { driver: DRIVER });
  }

  /** With a container go its volumes that have no name and no other user. */
  async removeAnonymousOf({ mounts, id }: ContainerRecord): Promise<void> {
    for (const { Type, Name } of mounts) {
      const volume = Type === "volume" ? this.store.find(Name!) : undefined;
      if (volume?.labels?.[ANONYMOUS] === undefined || this.usersOf(volume.name).length > 0) continue;
      await this.remove(volume.name).catch((error: unknown) => {
        this.#engine.log("warn", "a volume of a removed container is left", { id, volume: volume.name, error });
      });
    }
  }

  /** Removes those that no container has: the anonymous ones, or all of them. */
  async prune(filters: Filters, all: boolean): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }> {
    checkFilters(filters, ["label", "label!", "all"], "prune volumes");
    const every = all || (filters.get("all")?.some((text) => truth("all", text)) ?? false);
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const { name, labels } of this.store.all()) {
      if (!every && labels?.[ANONYMOUS] === undefined) continue;
      if (!labelsPass(labels ?? {}, filters) || this.usersOf(name).length > 0 || this.#held.has(name)) continue;
      const { size } = await this.size(name);
      await this.remove(name);
      deleted.push(name);
      reclaimed += size;
    }
    this.#engine.events.emit("volume", "prune", "", { reclaimed: String(reclaimed) });
    return { VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
  }

  /** Bytes that its files hold, as docker counts; what is mounted there from elsewhere is not the volume's own. */
  async size(name: string): Promise<{ size: number }> {
    if (this.store.get(name).options) return { size: 0 };
    const { agent, log } = this.#engine;
    const usage = await agent
      .usage(this.store.path(name))
      .catch(warned(log, "a volume cannot be measured", { name }, "NotFound"));
    return { size: usage?.content ?? 0 };
  }

  /** Before a container starts: the volumes that stand for a mount are mounted, and all of them must still be there. */
  async use(record: Pick<ContainerRecord, "id" | "mounts">): Promise<void> {
    for (const { Type, Name } of record.mounts) {
      if (Type !== "volume") continue;
      const { name, options } = this.store.get(Name!);
      if (!options) continue;
      await this.store.exclusive(name, async () => {
        const users = this.#mounted.get(name) ?? new Set();
        this.#mounted.set(name, users);
        if (users.size === 0 && !(await isMounted(this.store.path(name)))) await this.#mount(name, options);
        users.add(record.id);
      });
    }
  }

  /** When it has ended. Harmless for one that has no such volumes. */
  async disuse(record: Pick<ContainerRecord, "id" | "mounts">): Promise<void> {
    for (const { Type, Name } of record.mounts) {
      if (Type !== "volume" || !this.store.find(Name!)?.options) continue;
      await this.store.exclusive(Name!, async () => {
        const users = this.#mounted.get(Name!);
        users?.delete(record.id);
        if (users && users.size > 0) return;
        // After a restart of the daemon others may run with it that have not been taken over yet.
        const others = this.#engine.containers.all();
        if (others.some((other) => other.id !== record.id && other.running && uses(other.record, Name!))) return;
        this.#mounted.delete(Name!);
        await this.#engine.agent.call("unmount", { target: this.store.path(Name!), detach: true });
      });
    }
  }

  async #mount(name: string, options: Record<string, string>): Promise<void> {
    const list = (options.o ?? "").split(",").filter(Boolean);
    const mount = { type: options.type ?? "none", source: options.device!, options: list };
    try {
      await this.#engine.agent.call("mount", { mounts: [mount], target: this.store.path(name) });
    } catch (cause) {
      throw new WharfError("InvalidArgument", `failed to mount local volume ${name}`, {
        operation: "mount volume",
        subject: name,
        cause,
      });
    }
  }
}

function uses({ mounts }: ContainerRecord, name: string): boolean {
  return mounts.some((mount) => mount.Type === "volume" && mount.Name === name);
}

async function isMounted(path: string): Promise<boolean> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const escaped = path.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return table.split("\n").some((line) => line.split(" ", 5)[4] === escaped);
}

function truth(filter: string, text: string): boolean {
  if (["1", "true", "t", "T", "TRUE", "True"].includes(text)) return true;
  if (["0", "false", "f", "F", "FALSE", "False"].includes(text)) return false;
  throw new WharfError("InvalidArgument", `invalid filter '${filter}=${text}'`, { operation: "list volumes" });
}

function nameMatches(name: string, value: string): boolean {
  try {
    return new RegExp(value).test(name);
  } catch {
    return name.includes(value);
  }
}
