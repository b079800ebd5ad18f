/**
 * Makes checkpoints of a database in a worker. A thread's start costs ten milliseconds of CPU and holds the event loop up, so
 * the worker stays while checkpoints come often, and ends when none has come for a while, since each thread costs memory.
 */

import { Worker } from "node:worker_threads";
import { WharfError } from "../../common/errors.ts";
import { fromSqlite } from "./errors.ts";

/** Milliseconds after which an idle worker ends. */
const IDLE = 20_000;

export class Checkpointer implements AsyncDisposable {
  readonly #path: string;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Copies the WAL into the database. One that is under way is joined. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    try {
      await new Promise<void>((resolve, reject) => {
        worker.once("message", ({ error }: { error?: unknown }) => (error ? reject(error) : resolve()));
        worker.once("error", reject);
        worker.once("exit", () => reject(new WharfError("Internal", "the worker ended")));
        worker.postMessage(this.#path);
      });
    } catch (error) {
      throw fromSqlite(error, "checkpoint store", this.#path);
    } finally {
      for (const event of ["message", "error", "exit"]) worker.removeAllListeners(event);
      // Whatever still comes of it has nobody who waits.
      worker.on("error", () => {});
      this.#idle = setTimeout(() => void this.#end(), IDLE).unref();
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./checkpoint.worker.ts", import.meta.url), {
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 },
    });
    worker.unref();
    return worker;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#running?.catch(() => {});
    clearTimeout(this.#idle);
    await this.#end();
  }
}
