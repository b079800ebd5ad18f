/** A core that is another program: a containerd behind its socket. */

import type { Containerd, ContainerdCore, Transferer } from "../../containerd/api.ts";
import { checkIdentifier } from "../../containerd/core/labels.ts";
import { GrpcConnection } from "./connection.ts";
import { RemoteContainerd } from "./containerd.ts";

export class RemoteCore implements ContainerdCore {
  readonly #connection: GrpcConnection;

  constructor(socket: string) {
    this.#connection = new GrpcConnection(socket);
  }

  /** Resolves when somebody answers there. Unavailable, and what else a containerd says. */
  async ready(): Promise<void> {
    await this.namespace("default").introspection.server();
  }

  namespace(name: string): Containerd {
    checkIdentifier(name, "namespace");
    return new RemoteContainerd(this.#connection, name);
  }

  /** Its own transfers are its own affair; ours are made of its other services. */
  addTransferer(_transferer: Transferer): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
  }
}
