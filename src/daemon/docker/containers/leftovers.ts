/**
 * Folders of containers that are gone, and that nobody waits for: the agent removes all of a moment at once. What a crash leaves of them is removed at the next
 * start (reconcile.ts). On a disk that is being flushed each name's removal may take as long as the flush, a hundred milliseconds and more.
 */

import { isCode } from "../../../common/errors.ts";
import type { Log, TreeReader } from "../surroundings.ts";

/** Milliseconds in which folders come together. */
const DELAY = 100;
/** And until what failed is tried again, doubled each time, and the most of it. */
const AGAIN = 1000;
const MOST = 60_000;

export class Leftovers implements AsyncDisposable {
  readonly #agent: Pick<TreeReader, "remove">;
  readonly #log: Log;
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #pause = AGAIN;
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
    this.#removing = this.#removing
      .then(() => this.#agent.remove(paths))
      .then(
        () => {
          this.#pause = AGAIN;
        },
        (error: unknown) => this.#failed(paths, error),
      );
  }

  #failed(paths: readonly string[], error: unknown): void {
    if (this.#closed) {
      this.#log("error", "folders of removed containers are left until the next start", { error });
      return;
    }
    // An agent or a worker that was killed is no trouble to anybody.
    if (this.#pause === AGAIN && !isCode(error, "Unavailable", "Aborted"))
      this.#log("error", "folders of removed containers are left for now", { error });
    this.#waiting.push(...paths);
    this.#schedule(this.#pause);
    this.#pause = Math.min(2 * this.#pause, MOST);
  }

  /** Removes what is waiting. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#flush();
    await this.#removing;
  }
}
