/** The containerd interface spoken over gRPC: a real containerd's services, or another daemon's of ours, in place of the core in process. */

import { WharfError } from "../../../common/errors.ts";
import { ContainersService } from "../../../common/gen/containerd/services/containers.ts";
import { DiffService as DiffRpc } from "../../../common/gen/containerd/services/diff.ts";
import { EventsService } from "../../../common/gen/containerd/services/events.ts";
import { IntrospectionService as IntrospectionRpc } from "../../../common/gen/containerd/services/introspection.ts";
import { LeasesService } from "../../../common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../../common/gen/containerd/services/namespaces.ts";
import { ControllerService, StoreService } from "../../../common/gen/containerd/services/sandbox.ts";
import type { Headers } from "../../../common/grpc/status.ts";
import type { Client, Service } from "../../../common/protobuf/schema.ts";
import type { TransferService } from "../../containerd/api/transfer.ts";
import { type Containerd, DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import { currentTraceparent } from "../../trace/trace.ts";
import type { GrpcCallOptions, GrpcConnection } from "./connection.ts";
import { RemoteContainers } from "./containers.ts";
import { RemoteContent } from "./content.ts";
import { RemoteEvents } from "./events.ts";
import { HeardExits } from "./exits.ts";
import { RemoteImages } from "./images.ts";
import { RemoteDiff, RemoteIntrospection, RemoteLeases, RemoteNamespaces } from "./metadata.ts";
import { RemoteController, RemoteSandboxes } from "./sandboxes.ts";
import { RemoteSnapshots } from "./snapshots.ts";
import { RemoteTasks } from "./tasks.ts";

/** A namespace of the containerd behind a connection. */
export class RemoteContainerd implements Containerd {
  readonly namespace: string;
  readonly lease: string | undefined;
  readonly #connection: GrpcConnection;
  readonly #exits: HeardExits;

  constructor(connection: GrpcConnection, namespace: string, lease?: string) {
    this.#connection = connection;
    this.#exits = new HeardExits(namespace, () => this.events);
    this.namespace = namespace;
    this.lease = lease;
  }

  #client<S extends Service>(service: S): Client<S, GrpcCallOptions> {
    const metadata: Headers = { "containerd-namespace": this.namespace };
    if (this.lease !== undefined) metadata["containerd-lease"] = this.lease;
    const traceparent = currentTraceparent();
    if (traceparent) metadata.traceparent = traceparent;
    return this.#connection.client(service, { metadata });
  }

  readonly #call = <S extends Service>(service: S) => this.#client(service);

  get content() {
    return new RemoteContent(this.#call);
  }

  get images() {
    return new RemoteImages(this.#call);
  }

  get containers() {
    return new RemoteContainers(this.#client(ContainersService));
  }

  get tasks() {
    return new RemoteTasks(this.#call, this.#exits);
  }

  get leases() {
    return new RemoteLeases(this.#client(LeasesService));
  }

  get events() {
    return new RemoteEvents(this.#client(EventsService));
  }

  get namespaces() {
    return new RemoteNamespaces(this.#client(NamespacesService));
  }

  get diff() {
    return new RemoteDiff(this.#client(DiffRpc));
  }

  get introspection() {
    return new RemoteIntrospection(this.#client(IntrospectionRpc));
  }

  get transfer(): TransferService {
    return {
      transfer: () =>
        Promise.reject(new WharfError("Unimplemented", "transfers are carried out here, not by a remote containerd")),
    };
  }

  get sandboxes() {
    return new RemoteSandboxes(this.#client(StoreService));
  }

  sandboxController(name: string) {
    return new RemoteController(this.#client(ControllerService), name);
  }

  snapshots(name = DEFAULT_SNAPSHOTTER) {
    return new RemoteSnapshots(this.#call, name);
  }

  withLease(id: string): Containerd {
    return new RemoteContainerd(this.#connection, this.namespace, id);
  }
}
