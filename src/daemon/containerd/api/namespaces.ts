/** Namespaces: separate sets of names on one store. One comes into being with the first thing made in it. */

import type { FieldPaths, Labels } from "./types.ts";

/** Filters see `name` and `labels.<key>`. */
export interface Namespace {
  name: string;
  labels: Labels;
}

export interface NamespaceStore {
  /** NotFound. */
  get(name: string): Promise<Namespace>;
  list(filter?: string): Promise<Namespace[]>;
  /** AlreadyExists, InvalidArgument. */
  create(namespace: { name: string; labels?: Labels | undefined }): Promise<Namespace>;
  /** Mutable: `labels`. Makes one that is not there. */
  update(namespace: Namespace, fieldPaths?: FieldPaths): Promise<Namespace>;
  /** NotFound, FailedPrecondition unless it is empty (the message says what is left). */
  delete(name: string): Promise<void>;
}
