/**
 * Folders of containers that are gone, and that nobody waits for: the agent removes all of a moment at once. What a crash leaves of them is removed at the next
 * start (reconcile.ts). On a disk that is being flushed each name's removal may take as long as the flush, a hundred milliseconds and more.
 */

import { isCode } from "../../../common/errors.ts";
import type { Log, TreeReader } from "../surroundings.ts";

/** Milliseconds in which folders come together. */
const DELAY = 100;
/** And until an agent that died is asked again. */
const AGAIN = 1000;

export class Leftovers implements AsyncDisposable {
  readonly #agent: Pick<TreeReader, "remove">;
  readonly #log: Log;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #removing: Promise<void> = Promise.resolve();

  constructor(agent: Pick<TreeReader, "remove">, log: Log) {
    this.#agent = agent;
    this.#log = log;
  }

  remove(folder: string): void {
    this.#waiting.push(folder);
    this.#schedule(DELAY);
  }

  #schedule(ms: number): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => this.#flush(), ms).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const paths = this.#waiting;
    this.#waiting = [];
    if (paths.length === 0) return;
    const remove = () => this.#agent.remove(paths);
    this.#removing = this.#removing.then(remove).catch((error: unknown) => {
      // The agent was killed, or its worker.
      if (isCode(error, "Unavailable", "Aborted") && !this.#closed) {
        this.#waiting.push(...paths);
        this.#schedule(AGAIN);
      } else this.#log("error", "folders of removed containers are left until the next start", { error });
    });
  }

  /** Removes what is waiting. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#flush();
    await this.#removing;
  }
}
