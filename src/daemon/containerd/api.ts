/**
 * The containerd interface: everything above it (docker/, cri/) is written against these types alone. Served in process by
 * core.ts, later by a gRPC client too; `conformance/` has the suites that each implementation passes.
 *
 * Names and semantics are containerd 2.1's (api/services, core/). All errors are WharfErrors with gRPC's codes.
 */

import type { ContainerStore } from "./api/containers.ts";
import type { ContentStore } from "./api/content.ts";
import type { DiffService } from "./api/diff.ts";
import type { EventService } from "./api/events.ts";
import type { ImageStore } from "./api/images.ts";
import type { IntrospectionService } from "./api/introspection.ts";
import type { LeaseManager } from "./api/leases.ts";
import type { NamespaceStore } from "./api/namespaces.ts";
import type { SandboxController, SandboxStore } from "./api/sandboxes.ts";
import type { Snapshotter } from "./api/snapshots.ts";
import type { TaskManager } from "./api/tasks.ts";
import type { TransferEnd, TransferOptions, TransferService } from "./api/transfer.ts";

/** The services as one namespace sees them. Light: make one for each request if that is convenient. */
export interface Containerd {
  readonly namespace: string;
  /** Id of the lease that all which is made is added to. */
  readonly lease: string | undefined;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly containers: ContainerStore;
  readonly tasks: TaskManager;
  readonly leases: LeaseManager;
  readonly events: EventService;
  readonly namespaces: NamespaceStore;
  readonly diff: DiffService;
  readonly transfer: TransferService;
  readonly introspection: IntrospectionService;
  readonly sandboxes: SandboxStore;
  /** Runs sandboxes: SHIM_SANDBOXER, PODSANDBOX_SANDBOXER. NotFound for a controller there is not. */
  sandboxController(name: string): SandboxController;
  /** `overlayfs` by default. NotFound for a snapshotter there is not. */
  snapshots(name?: string): Snapshotter;
  /** The same client, adding what it makes to a lease. */
  withLease(id: string): Containerd;
}

export interface ContainerdVersion {
  /** `v2.1.9`. */
  version: string;
  /** The commit that it was built from. */
  revision: string;
}

/** What serves them all. */
export interface ContainerdCore extends AsyncDisposable {
  /** InvalidArgument for a name that is none: 1 to 76 of letters, digits and inner `_.-`. */
  namespace(name: string): Containerd;
  version(): Promise<ContainerdVersion>;
  /** Adds one that carries out transfers; asked in the order of addition. */
  addTransferer(transferer: Transferer): void;
}

/** Starts the transfer if it can do this pair of ends, else answers undefined. */
export type Transferer = (
  client: Containerd,
  source: TransferEnd,
  destination: TransferEnd,
  options: TransferOptions,
) => Promise<void> | undefined;

/** The snapshotter there always is. */
export const DEFAULT_SNAPSHOTTER = "overlayfs";
