/** Looks now and then whether containers with restart labels are what they are to be, and sees to it (containerd, plugins/restart). */

import { isCode } from "../../../common/errors.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { Database } from "../../store/database.ts";
import type { Container } from "../api/containers.ts";
import type { Containerd } from "../api.ts";
import { endTask } from "../tasks/end-tasks.ts";
import { COUNT, changeOf, countOf, LOG_URI, STATUS, type TaskState } from "./policy.ts";

export interface RestartOptions {
  db: Database;
  client: (namespace: string) => Containerd;
  log: (message: string, error?: unknown) => void;
  /** Milliseconds between two looks. */
  interval: number;
}

export const DEFAULT_INTERVAL = 10_000;
const LABELLED = "SELECT namespace, id FROM containers WHERE labels LIKE ? ORDER BY namespace, id";

export class RestartMonitor implements AsyncDisposable {
  readonly #options: RestartOptions;
  readonly #end = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Containers that are being seen to: one that hangs holds up no other. */
  readonly #busy = new Map<string, Promise<void>>();

  /** Looks for the first time at once: after a start of the machine no task is there. */
  constructor(options: RestartOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.interval);
    this.#timer.unref();
    setImmediate(() => this.#look());
  }

  #look(): void {
    if (this.#end.signal.aborted) return;
    for (const row of this.#options.db.all(LABELLED, `%"${STATUS}":%`)) {
      const { namespace, id } = row as unknown as { namespace: string; id: string };
      const key = `${namespace}/${id}`;
      if (this.#busy.has(key)) continue;
      this.#busy.set(
        key,
        this.#guarded(namespace, id).finally(() => this.#busy.delete(key)),
      );
    }
  }

  async #guarded(namespace: string, id: string): Promise<void> {
    const { client, log } = this.#options;
    try {
      await this.#reconcile(client(namespace), id);
    } catch (error) {
      if (!this.#end.signal.aborted) log(`container ${JSON.stringify(id)} is not as its restart labels say`, error);
    }
  }

  async #reconcile(client: Containerd, id: string): Promise<void> {
    const container = await client.containers.get(id).catch(ignoreNotFound);
    if (!container) return;
    const task = await client.tasks.get({ containerId: id }).catch(ignoreNotFound);
    // Who has just made a container is about to make its task.
    if (!task && this.#age(container) < this.#options.interval) return;
    const change = changeOf(container.labels, task as TaskState | undefined);
    if (change === "stop") await this.#stop(client, id);
    if (change === "start") await this.#start(client, container);
  }

  #age({ createdAt }: Container): number {
    return Date.now() - timestampToMillis(createdAt);
  }

  async #start(client: Containerd, container: Container): Promise<void> {
    const { id, labels, snapshotter, snapshotKey, spec } = container;
    const count = String(countOf(labels) + 1);
    await client.containers.update({ id, labels: { [COUNT]: count } }, [`labels.${COUNT}`]);
    await this.#stop(client, id);
    const rootfs = snapshotKey === "" ? [] : await client.snapshots(snapshotter).mounts(snapshotKey);
    const { process } = JSON.parse(Buffer.from(spec!.value).toString("utf8")) as { process?: { terminal?: boolean } };
    const terminal = process?.terminal === true;
    const stdout = labels[LOG_URI] ?? "";
    await client.tasks.create({ containerId: id, rootfs, stdout, stderr: terminal ? "" : stdout, terminal });
    await client.tasks.start({ containerId: id });
  }

  #stop({ tasks }: Containerd, id: string): Promise<void> {
    return endTask(tasks, id, { signal: this.#end.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#end.abort();
    await Promise.allSettled(this.#busy.values());
  }
}

function ignoreNotFound(error: unknown): undefined {
  if (!isCode(error, "NotFound")) throw error;
  return undefined;
}
