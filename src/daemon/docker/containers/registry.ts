/**
 * All containers of the Docker layer, by id and name. What is kept lies in the containerd containers of the namespace; this is
 * the index over it.
 */

import { WharfError } from "../../../common/errors.ts";
import type { WriteOptions } from "../../containerd/api/containers.ts";
import type { Containerd } from "../../containerd/api.ts";
import { randomName } from "../ids.ts";
import { Container } from "./container.ts";
import { decodeRecord, EXTENSION, encodeRecord } from "./record.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export class ContainerRegistry {
  readonly #client: Containerd;
  readonly #byId = new Map<string, Container>();
  /** Also names of containers that are just being made. */
  readonly #names = new Map<string, string>();
  /** Those on their way out, by name. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Those that are linked to others. */
  readonly linking = new Set<Container>();

  constructor(client: Containerd) {
    this.#client = client;
  }

  /** Reads all that is kept. A record that cannot be read is told of and left alone. */
  async load(log: (message: string, error: unknown) => void): Promise<void> {
    for (const stored of await this.#client.containers.list()) {
      const extension = stored.extensions[EXTENSION];
      if (!extension) continue;
      try {
        const record = decodeRecord(extension, stored.id);
        this.add(new Container(record));
      } catch (error) {
        log(`container ${stored.id} is left out`, error);
      }
    }
  }

  all(): Container[] {
    return [...this.#byId.values()];
  }

  /** By full id, name (with or without slash), or the beginning of an id. NotFound; InvalidArgument when it is ambiguous. */
  get(text: string): Container {
    const exact = this.#byId.get(text);
    if (exact) return exact;
    const name = text.startsWith("/") ? text.slice(1) : text;
    const named = this.#byId.get(this.#names.get(name) ?? "");
    if (named) return named;
    if (/^[0-9a-f]{1,64}$/.test(text)) {
      const found = this.all().filter((container) => container.id.startsWith(text));
      if (found.length > 1) {
        throw new WharfError("InvalidArgument", `Multiple IDs found with provided prefix: ${text}`, { subject: text });
      }
      if (found[0]) return found[0];
    }
    throw new WharfError("NotFound", `No such container: ${text}`, { operation: "find container", subject: text });
  }

  /** One that a request refers to beside its own: InvalidArgument when there is none, for NotFound is about the request's own matter. */
  other(text: string): Container {
    const found = this.find(text);
    if (found) return found;
    throw new WharfError("InvalidArgument", `No such container: ${text}`, {
      operation: "find container",
      subject: text,
    });
  }

  find(text: string): Container | undefined {
    try {
      return this.get(text);
    } catch {
      return undefined;
    }
  }

  /**
   * Takes a name for a container that is to be made; a random one when none is wanted. InvalidArgument, AlreadyExists. Dispose of the
   * answer to give it back; `keep` makes it stay.
   */
  reserve(wanted: string | undefined, id: string): Disposable & { name: string; keep(): void } {
    const name = wanted === undefined || wanted === "" ? this.#freeName() : wanted.replace(/^\//, "");
    if (!NAME.test(name)) {
      throw new WharfError(
        "InvalidArgument",
        `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
        {
          ...{ operation: "create container", subject: name },
          hint: name.length < 2 ? "a name has two characters at least" : undefined,
        },
      );
    }
    const holder = this.#names.get(name);
    if (holder !== undefined) {
      throw new WharfError(
        "AlreadyExists",
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
        { operation: "create container", subject: name },
      );
    }
    this.#names.set(name, id);
    let kept = false;
    return {
      name,
      keep: () => {
        kept = true;
      },
      [Symbol.dispose]: () => {
        if (!kept) this.#names.delete(name);
      },
    };
  }

  add(container: Container): void {
    this.#byId.set(container.id, container);
    this.#names.set(container.record.name, container.id);
    if (container.record.links) this.linking.add(container);
  }

  /** Gives up a name that `id` had, after it has taken another. */
  release(name: string, id: string): void {
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  forget(container: Container): void {
    this.#byId.delete(container.id);
    this.linking.delete(container);
    if (this.#names.get(container.record.name) === container.id) this.#names.delete(container.record.name);
  }

  /** Keeps the container's record. */
  async save(container: Container, options?: WriteOptions): Promise<void> {
    await this.#client.containers.update(
      { id: container.id, extensions: { [EXTENSION]: encodeRecord(container.record) } },
      [`extensions.${EXTENSION}`],
      options,
    );
  }

  /**
   * From now on nobody sees the container, which `work` removes. Its name is free when that is done. When it fails the container
   * is there again.
   */
  leave(container: Container, work: Promise<void>): void {
    this.forget(container);
    const { name } = container.record;
    const done = work.then(
      () => {},
      () => this.add(container),
    );
    this.#leaving.set(name, done);
    void done.then(() => this.#leaving.delete(name));
  }

  /** Resolves when the container that had the name, and is on its way out, is gone; without a name, when all are. */
  async left(name?: string): Promise<void> {
    if (name === undefined) await Promise.all(this.#leaving.values());
    else await this.#leaving.get(name.replace(/^\//, ""));
  }

  #freeName(): string {
    for (let attempt = 0; ; attempt++) {
      const name = randomName(attempt);
      if (!this.#names.has(name) && !this.#leaving.has(name)) return name;
    }
  }
}
