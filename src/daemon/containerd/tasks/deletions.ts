/**
 * What is told of deleted tasks. A shim tells of its own; one that ended before it could (containerd's shim for runc may, when it is told to shut down)
 * has the daemon tell in its place, after a while.
 */

import { TaskDelete } from "../../../common/gen/containerd/events/task.ts";
import { unpackIf } from "../../../common/protobuf/any.ts";
import { parseTimestamp } from "../../../common/timestamp.ts";
import type { Envelope } from "../api/events.ts";
import type { EventHub } from "../events/hub.ts";
import { taskDelete } from "../events/messages.ts";
import type { Exit } from "./exits.ts";

/** Milliseconds that a shim's own event is waited for. */
const PATIENCE = 1000;
/** Milliseconds that a deletion is remembered, lest it is told twice. */
const GRACE = 60_000;

export class Deletions implements Disposable {
  readonly #hub: Pick<EventHub, "emit">;
  readonly #told = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(hub: Pick<EventHub, "emit">) {
    this.#hub = hub;
  }

  /** Takes an event from a shim; false when it tells of a deletion that was told already. */
  admit({ namespace, event }: Envelope): boolean {
    const deleted = unpackIf(TaskDelete, event);
    if (!deleted) return true;
    const { containerId, id, pid } = deleted;
    return id !== "" && id !== containerId ? true : this.#note(`${namespace}/${containerId}/${pid}`);
  }

  /** A task is gone, and its shim. */
  concluded(namespace: string, id: string, exit: Exit): void {
    if (!this.#told.has(`${namespace}/${id}/${exit.pid}`)) this.#later(PATIENCE, () => this.tell(namespace, id, exit));
  }

  /** Tells of it in place of a shim, unless it was told. */
  tell(namespace: string, id: string, { pid, exitStatus, exitedAt }: Exit): void {
    if (!this.#note(`${namespace}/${id}/${pid}`)) return;
    const event = { containerId: id, id, pid, exitStatus, exitedAt: parseTimestamp(exitedAt) };
    this.#hub.emit(namespace, taskDelete(event));
  }

  #note(key: string): boolean {
    if (this.#told.has(key)) return false;
    this.#told.add(key);
    this.#later(GRACE, () => this.#told.delete(key));
    return true;
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms).unref();
    this.#timers.add(timer);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
