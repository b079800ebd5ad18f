/** A core that is another program: a containerd behind its socket. */

import { VersionService } from "../../../common/gen/containerd/services/version.ts";
import type { Containerd, ContainerdCore, ContainerdVersion, Transferer } from "../../containerd/api.ts";
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

  async version(): Promise<ContainerdVersion> {
    return await this.#connection.client(VersionService).version({});
  }

  /** Its own transfers are its own affair; ours are made of its other services. */
  addTransferer(_transferer: Transferer): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
  }
}
