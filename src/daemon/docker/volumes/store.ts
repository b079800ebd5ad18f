/**
 * Volumes of the driver `local`: `<root>/volumes/<name>/_data`, and beside it `volume.json` with all that is known of the volume.
 * A volume is made under another name and renamed when it is whole, and renamed away before it is deleted, so that whenever the
 * daemon is killed there is either all of it or none; what has a name with a dot is swept at the next start.
 */

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { fromFile } from "../../../common/file-error.ts";
import type { Agent } from "../../agent/client.ts";
import { now } from "../clock.ts";
import { newId } from "../ids.ts";

export const DRIVER = "local";
/** Dockerd's label of volumes that nobody has named. */
export const ANONYMOUS = "com.docker.volume.anonymous";
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** Bytes a file name may have. */
const LONGEST = 255;
/** Options of the driver, those of mount(8). */
const OPTIONS = new Set(["type", "o", "device", "size"]);

export interface StoredVolume {
  name: string;
  createdAt: string;
  labels: Record<string, string> | null;
  options: Record<string, string> | null;
}

export interface VolumeRequest {
  /** Without one the volume is anonymous. */
  name?: string | undefined;
  driver?: string | undefined;
  labels?: Record<string, string> | undefined;
  options?: Record<string, string> | undefined;
}

export class VolumeStore {
  readonly #root: string;
  readonly #agent: Pick<Agent, "remove">;
  readonly #volumes = new Map<string, StoredVolume>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #swept = 0;

  constructor(root: string, agent: Pick<Agent, "remove">) {
    this.#root = join(root, "volumes");
    this.#agent = agent;
  }

  /** Reads what is there, and sweeps what a killed daemon has left half done. */
  async load(log: (message: string, error: unknown) => void): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o701 });
    const strays: string[] = [];
    for (const name of await readdir(this.#root)) {
      if (name.startsWith(".")) {
        strays.push(join(this.#root, name));
        continue;
      }
      try {
        const stored = JSON.parse(await readFile(this.#file(name), "utf8")) as StoredVolume;
        this.#volumes.set(name, { ...stored, name });
        if (existsSync(this.#marker(name))) await this.#empty(name);
      } catch (error) {
        log(`volume ${name} is left out`, error);
      }
    }
    await this.#agent.remove(strays);
  }

  all(): StoredVolume[] {
    return [...this.#volumes.values()];
  }

  find(name: string): StoredVolume | undefined {
    return this.#volumes.get(name);
  }

  get(name: string): StoredVolume {
    const found = this.#volumes.get(name);
    if (found) return found;
    throw new WharfError("NotFound", `get ${name}: no such volume`, { operation: "find volume", subject: name });
  }

  path(name: string): string {
    return join(this.#root, name, "_data");
  }

  /**
   * One that is there already is answered as it is. InvalidArgument for a bad name or option, NotFound for another driver,
   * AlreadyExists for other options than it has.
   */
  async create(request: VolumeRequest): Promise<{ volume: StoredVolume; made: boolean }> {
    const { name = newId(), driver = "", labels, options } = request;
    if (driver !== "" && driver !== DRIVER) {
      throw new WharfError("NotFound", `error looking up volume plugin ${driver}: plugin "${driver}" not found`, {
        operation: "create volume",
        subject: driver,
        hint: `the only volume driver is ${DRIVER}`,
      });
    }
    checkName(name);
    checkOptions(options ?? {});
    return await this.exclusive(name, async () => {
      const there = this.#volumes.get(name);
      if (there) {
        const asked = options && Object.keys(options).length > 0;
        if (asked && !sameEntries(options, there.options ?? {})) {
          throw new WharfError("AlreadyExists", `volume ${name} exists with other options`, {
            operation: "create volume",
            subject: name,
          });
        }
        return { volume: there, made: false };
      }
      const volume: StoredVolume = {
        name,
        createdAt: now(),
        labels: request.name === undefined ? { ...labels, [ANONYMOUS]: "" } : nullIfEmpty(labels),
        options: nullIfEmpty(options),
      };
      const fresh = this.#aside();
      try {
        // one by one: with `recursive` Node says ENOENT where the kernel said EROFS
        await mkdir(fresh, { mode: 0o755 });
        await mkdir(join(fresh, "_data"), { mode: 0o755 });
        await writeFile(join(fresh, "volume.json"), JSON.stringify(volume), { flush: request.name !== undefined });
        failpoint("volume.written");
        await rename(fresh, join(this.#root, name));
        failpoint("volume.made");
      } catch (error) {
        await rm(fresh, { recursive: true, force: true });
        throw fromFile(error, "create volume", this.path(name));
      }
      this.#volumes.set(name, volume);
      return { volume, made: true };
    });
  }

  /** Deletes it with all that is in it. NotFound. The caller knows that nobody uses it, and has its turn. */
  async remove(name: string): Promise<void> {
    this.get(name);
    const gone = this.#aside();
    await rename(join(this.#root, name), gone);
    failpoint("volume.removed");
    this.#volumes.delete(name);
    await this.#agent.remove([gone]);
  }

  /** Fills a volume for the first time. If the daemon is killed meanwhile, it is empty again afterwards. */
  async fill(name: string, work: () => Promise<void>): Promise<void> {
    await writeFile(this.#marker(name), "");
    failpoint("volume.filling");
    try {
      await work();
    } catch (error) {
      await this.#empty(name).catch(() => {});
      throw error;
    }
    await rm(this.#marker(name));
  }

  /** Runs `work` when all earlier work on the volume is done. */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#turns.set(name, settled);
    void settled.then(() => {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    });
    return result;
  }

  async #empty(name: string): Promise<void> {
    await this.#agent.remove([this.path(name)]);
    await mkdir(this.path(name), { mode: 0o755 });
    await rm(this.#marker(name), { force: true });
  }

  #file(name: string): string {
    return join(this.#root, name, "volume.json");
  }

  #marker(name: string): string {
    return join(this.#root, name, "filling");
  }

  #aside(): string {
    return join(this.#root, `.${process.pid}-${this.#swept++}-${newId().slice(0, 8)}`);
  }
}

/** InvalidArgument. */
export function checkName(name: string): void {
  if (NAME.test(name) && name.length <= LONGEST) return;
  const why = name.length === 1 ? "volume name is too short, names should be at least two alphanumeric characters" : "";
  throw new WharfError(
    "InvalidArgument",
    why ||
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    { operation: "create volume", subject: name },
  );
}

function checkOptions(options: Readonly<Record<string, string>>): void {
  const bad = (why: string) => new WharfError("InvalidArgument", why, { operation: "create volume" });
  for (const name of Object.keys(options)) if (!OPTIONS.has(name)) throw bad(`invalid option: "${name}"`);
  if ("size" in options) throw bad("quota size requested but no quota support: a volume cannot have a size of its own");
  if (Object.keys(options).length === 0) return;
  if (!options.device) throw bad('missing required option: "device"');
  if (!options.type && !/(^|,)r?bind(,|$)/.test(options.o ?? "")) throw bad('missing required option: "type"');
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function nullIfEmpty(map: Record<string, string> | undefined): Record<string, string> | null {
  return map && Object.keys(map).length > 0 ? { ...map } : null;
}
