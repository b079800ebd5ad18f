/** A lease that several pieces of work hold together: it goes when the last of them is done. */

import { type LeaseResource, PROCESS_LABEL } from "../containerd/api/leases.ts";
import type { Containerd } from "../containerd/api.ts";
import { isDiskFull } from "../store/errors.ts";

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
  static async #create(client: Containerd): Promise<SharedLease> {
    if (client.lease !== undefined) return new SharedLease(client, "");
    const expire = new Date(Date.now() + EXPIRY).toISOString();
    const labels = { "containerd.io/gc.expire": expire, [PROCESS_LABEL]: "1" };
    const { id } = await client.leases.create({ labels });
    return new SharedLease(client, id);
  }

  /**
   * Runs `body` with a lease that ends with it. What fails for want of room on the disk gives back what it took before that is told: whoever tries
   * something smaller next would find the disk full, too.
   */
  static async during<T>(client: Containerd, body: (lease: SharedLease) => Promise<T>): Promise<T> {
    const lease = await SharedLease.#create(client);
    let result: T;
    try {
      result = await body(lease);
    } catch (error) {
      // Where not even that can be written down it ends by itself; why the work failed is what is told.
      await lease.#release(isDiskFull(error)).catch(() => {});
      throw error;
    }
    await lease.release();
    return result;
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
    await this.#release(false);
  }

  async #release(sync: boolean): Promise<void> {
    if (--this.#holders === 0 && this.#id !== "") await this.#client.leases.delete(this.#id, { sync });
  }
}
