/** A lease that several pieces of work hold together: it goes when the last of them is done. */

import { type LeaseResource, PROCESS_LABEL } from "../containerd/api/leases.ts";
import type { Containerd } from "../containerd/api.ts";

/** After this time a lease forgotten by a daemon that was killed ends by itself; milliseconds. */
const EXPIRY = 24 * 3600 * 1000;

export class SharedLease {
  readonly #client: Containerd;
  readonly #id: string;
  #holders = 1;

  private constructor(client: Containerd, id: string) {
    this.#client = client;
    this.#id = id;
  }

  /** A new lease held once. When the client has one already, that is used and left alone. */
  static async create(client: Containerd): Promise<SharedLease> {
    if (client.lease !== undefined) return new SharedLease(client, "");
    const expire = new Date(Date.now() + EXPIRY).toISOString();
    const labels = { "containerd.io/gc.expire": expire, [PROCESS_LABEL]: "1" };
    const { id } = await client.leases.create({ labels });
    return new SharedLease(client, id);
  }

  /** The client that adds what it makes to the lease. */
  get client(): Containerd {
    return this.#id === "" ? this.#client : this.#client.withLease(this.#id);
  }

  /** The client without the lease: ingests it makes last for a day, so that an interrupted download can be taken up. */
  get base(): Containerd {
    return this.#client;
  }

  /** Keeps something that another is about to make. */
  async add(resource: LeaseResource): Promise<void> {
    const id = this.#id === "" ? this.#client.lease : this.#id;
    if (id !== undefined) await this.#client.leases.addResource(id, resource);
  }

  /** One more holder; each releases once. */
  hold(): this {
    this.#holders++;
    return this;
  }

  async release(): Promise<void> {
    if (--this.#holders === 0 && this.#id !== "") await this.#client.leases.delete(this.#id);
  }
}
