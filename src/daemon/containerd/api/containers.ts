/** Containers: what a task is made from. Metadata only; a container has no state of its own. */

import type { Any, FieldPaths, Filters, Labels, Timestamp } from "./types.ts";

export interface Runtime {
  /** `io.containerd.runt.v2`, `io.containerd.runc.v2`, or an absolute path of a shim. */
  name: string;
  options?: Any | undefined;
}

/** Filters see `id`, `image`, `runtime.name` and `labels.<key>`. */
export interface Container {
  /** 1 to 76 of letters, digits and inner `_.-`. */
  id: string;
  labels: Labels;
  /** Name of the image it was made from; not looked at here. */
  image: string;
  runtime: Runtime;
  /** The OCI runtime configuration: type URL `types.containerd.io/opencontainers/runtime-spec/1/Spec`, JSON. */
  spec: Any | undefined;
  snapshotter: string;
  /** A snapshot named here is kept by garbage collection. */
  snapshotKey: string;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  extensions: Record<string, Any>;
  sandbox: string;
}

export type ContainerInput = Pick<Container, "id"> & Partial<Omit<Container, "id" | "createdAt" | "updatedAt">>;

export interface WriteOptions {
  /**
   * A killed daemon loses nothing that has resolved. True: nor does a power cut. Left out: within milliseconds nor does a power cut, a flush is
   * begun. False: that comes with the next flush.
   */
  flush?: boolean | undefined;
}

export interface ContainerStore {
  /** NotFound. */
  get(id: string): Promise<Container>;
  list(filters?: Filters): Promise<Container[]>;
  /** What `list` answers, in parts, between which others have their turn. A part is whole until the next one is asked for: then its specifications are given back. */
  pages(filters?: Filters): AsyncIterable<readonly Container[]>;
  /** AlreadyExists, InvalidArgument (id, labels, no runtime or spec). */
  create(container: ContainerInput, options?: WriteOptions): Promise<Container>;
  /** Mutable: `labels`, `spec`, `extensions`, `image`, `snapshotkey`. NotFound. */
  update(container: ContainerInput, fieldPaths?: FieldPaths, options?: WriteOptions): Promise<Container>;
  /** NotFound, FailedPrecondition while it has a task. */
  delete(id: string, options?: WriteOptions): Promise<void>;
}

/** Type URL of an OCI runtime configuration. */
export const SPEC_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
/** Type URL of an OCI process, for `tasks.exec`. */
export const PROCESS_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Process";
