/** A container in memory: its record, what is under way, and who waits for what becomes of it. */

import type { ExecProcess } from "../exec/process.ts";
import type { Attachment } from "../io/attach.ts";
import type { ContainerRecord } from "./record.ts";

/** `exit`: the process has ended and this is recorded. `removed`: nothing is left of it. */
type Occasion = "exit" | "removed";

export class Container {
  record: ContainerRecord;
  readonly execs = new Map<string, ExecProcess>();
  /** Clients that attached before there was a process: connected when it is made. */
  readonly pending = new Set<Attachment>();
  /** What its program was started as, JSON: what execs begin with. Missing when an earlier daemon started it. */
  process: string | undefined;
  removing = false;
  paused = false;
  /** Memory has run out since it was last begun, which may be heard before it is known to run. */
  oomKilled = false;
  /** It was told that its network and its volumes are in use by it. */
  joined = false;
  /** Being started again by its restart policy: aborted when a client stops or removes it. */
  restarting: AbortController | undefined;
  /** Why it could not be removed; told to those who wait for that. */
  removalError: string | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #waiting: Record<Occasion, Set<() => void>> = { exit: new Set(), removed: new Set() };

  constructor(record: ContainerRecord) {
    this.record = record;
  }

  get id(): string {
    return this.record.id;
  }

  get running(): boolean {
    return this.record.state.phase === "running";
  }

  /** Runs `work` when all earlier work on this container is done: starting, ending and removing do not overlap. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work, work);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Resolves when no start is under way: a client may have seen what the program writes before it is known to run. */
  async settled(): Promise<void> {
    if (!this.running) await this.exclusive(async () => {});
  }

  /** Resolves at the next such occasion, or when the signal is aborted. */
  next(occasion: Occasion, signal?: AbortSignal): Promise<void> {
    const waiting = this.#waiting[occasion];
    return new Promise((resolve) => {
      const done = () => {
        waiting.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      waiting.add(done);
      signal?.addEventListener("abort", done);
      if (signal?.aborted) done();
    });
  }

  notify(occasion: Occasion): void {
    for (const done of [...this.#waiting[occasion]]) done();
  }
}

/** Docker's word for what a container is doing. */
export function statusOf(container: Container): string {
  const { phase } = container.record.state;
  if (container.removing) return "removing";
  if (container.restarting) return "restarting";
  if (phase === "running" && container.paused) return "paused";
  return phase;
}
