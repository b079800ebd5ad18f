/** A value for each node: by kind, namespace and id, so that no text has to be made of them for each question. */

import type { GcNode } from "./references.ts";

export class NodeMap<T> {
  readonly #kinds = new Map<string, Map<string, Map<string, T>>>();

  get({ kind, namespace, id }: GcNode): T | undefined {
    return this.#kinds.get(kind)?.get(namespace)?.get(id);
  }

  set({ kind, namespace, id }: GcNode, value: T): void {
    let namespaces = this.#kinds.get(kind);
    if (!namespaces) this.#kinds.set(kind, (namespaces = new Map()));
    let ids = namespaces.get(namespace);
    if (!ids) namespaces.set(namespace, (ids = new Map()));
    ids.set(id, value);
  }
}
