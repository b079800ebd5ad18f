/**
 * Ends as containerd's events tell them, for waits whose task went away before it answered: a shim that was killed, or whose container ended while
 * containerd was dead. containerd tells of such an end once it has cleaned up, a moment after the wait failed.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { TaskExit } from "../../../common/gen/containerd/events/task.ts";
import { unpackIf } from "../../../common/protobuf/any.ts";
import type { EventService } from "../../containerd/api/events.ts";
import type { ExitStatus } from "../../containerd/api/tasks.ts";
import { fromTime } from "../convert.ts";

/** Milliseconds between attempts to listen. */
const RETRY = 200;

interface Expectation extends Disposable {
  /** The end, if it is told within `ms` milliseconds, and before `signal`, or was already. */
  heard(ms: number, signal?: AbortSignal): Promise<ExitStatus | undefined>;
}

interface Expected {
  waits: number;
  exit: ExitStatus | undefined;
  told: PromiseWithResolvers<void>;
}

export class HeardExits {
  readonly #namespace: string;
  readonly #events: () => EventService;
  readonly #expected = new Map<string, Expected>();
  #listening: AbortController | undefined;

  constructor(namespace: string, events: () => EventService) {
    this.#namespace = namespace;
    this.#events = events;
  }

  /** Listens until it is disposed of. `execId` is "" for the container's own process. */
  expect(containerId: string, execId: string): Expectation {
    const key = `${containerId}/${execId || containerId}`;
    const one = this.#expected.get(key) ?? { waits: 0, exit: undefined, told: Promise.withResolvers<void>() };
    one.waits++;
    this.#expected.set(key, one);
    if (!this.#listening) {
      this.#listening = new AbortController();
      void this.#listen(this.#listening.signal);
    }
    return {
      heard: async (ms, signal) => {
        const end = new AbortController();
        const until = signal ? AbortSignal.any([end.signal, signal]) : end.signal;
        await Promise.race([one.told.promise, sleep(ms, undefined, { ref: false, signal: until }).catch(() => {})]);
        end.abort();
        return one.exit;
      },
      [Symbol.dispose]: () => {
        if (--one.waits === 0 && this.#expected.get(key) === one) this.#expected.delete(key);
        if (this.#expected.size > 0) return;
        this.#listening?.abort();
        this.#listening = undefined;
      },
    };
  }

  async #listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { namespace, event } of this.#events().subscribe(['topic=="/tasks/exit"'], { signal })) {
          const exit = namespace === this.#namespace ? unpackIf(TaskExit, event) : undefined;
          if (exit) this.#note(exit);
        }
      } catch {
        // containerd is away, or this was too slow: waits go on, and tell what is wrong
      }
      if (!signal.aborted) await sleep(RETRY, undefined, { ref: false });
    }
  }

  #note({ containerId, id, exitStatus, exitedAt }: TaskExit): void {
    const one = this.#expected.get(`${containerId}/${id}`);
    if (!one || one.exit) return;
    one.exit = { exitStatus, exitedAt: fromTime(exitedAt) };
    one.told.resolve();
  }
}
