/**
 * Leases: what they hold is not collected as garbage. A client bound to a lease (`Containerd.withLease`) adds all it makes to it.
 *
 * Labels of a lease: `containerd.io/gc.expire` (RFC 3339) ends it, `containerd.io/gc.flat` makes it hold its resources
 * without what these refer to.
 */

import type { Filters, Labels, Timestamp } from "./types.ts";

/** Filters see `id` and `labels.<key>`. */
export interface Lease {
  id: string;
  createdAt: Timestamp;
  labels: Labels;
}

export interface LeaseResource {
  /** A digest, a snapshot's key, an ingest's ref, an image's name. */
  id: string;
  /** `content`, `snapshots/<snapshotter>`, `ingests` or `images`. */
  type: string;
}

export interface LeaseManager {
  /** A random id when none is given. AlreadyExists. */
  create(lease?: { id?: string | undefined; labels?: Labels | undefined }): Promise<Lease>;
  /** NotFound. With `sync` resolves when what only it held has been collected. */
  delete(id: string, options?: { sync?: boolean | undefined }): Promise<void>;
  list(filters?: Filters): Promise<Lease[]>;
  /** NotFound (lease), InvalidArgument (type). The resource need not exist yet. */
  addResource(id: string, resource: LeaseResource): Promise<void>;
  deleteResource(id: string, resource: LeaseResource): Promise<void>;
  listResources(id: string): Promise<LeaseResource[]>;
}

/** Label of leases that hold what this process is doing: they end with it, however it ends. */
export const PROCESS_LABEL = "wharf/process";
