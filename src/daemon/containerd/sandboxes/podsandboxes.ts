/**
 * The running sandboxes of a core that containers hold: how each ended or that it lives, found again after a restart of the daemon. A row is
 * written before anything else of a sandbox comes into being, and removed last.
 */

import { join } from "node:path";
import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { parseTimestamp } from "../../../common/timestamp.ts";
import type { Row } from "../../store/database.ts";
import { LocalContainers } from "../containers/store.ts";
import { now } from "../core/clock.ts";
import { Scope, type Shared } from "../core/scope.ts";
import { sandboxExit } from "../events/messages.ts";
import { openSnapshotter } from "../snapshots/open.ts";
import { listBundles } from "../tasks/bundle.ts";
import { endTask, endTasksOf } from "../tasks/end-tasks.ts";
import type { Exit } from "../tasks/exits.ts";
import { LocalTasks } from "../tasks/manager.ts";
import type { ShimManager } from "../tasks/shims.ts";
import type { Pods } from "./pods.ts";
import { podFolder, removePodFiles } from "./podsandbox-files.ts";

/** Label of containers that hold a pod, and its value: containerd's CRI plugin's. */
export const KIND_LABEL = "io.cri-containerd.kind";
export const SANDBOX_KIND = "sandbox";
/** Status of a sandbox whose task was deleted by somebody else: nobody knows how it ended. */
const UNKNOWN = 255;

export interface PodSandbox {
  readonly namespace: string;
  readonly id: string;
  /** 0 until it is started. */
  pid: number;
  exit: Exit | undefined;
  /** How it ended, or will have. NotFound when it is removed before it was started. */
  readonly end: PromiseWithResolvers<Exit>;
}

export class PodSandboxes implements AsyncDisposable {
  readonly #shared: Shared;
  readonly #shims: ShimManager;
  readonly #pods: Pods;
  readonly #sandboxes = new Map<string, PodSandbox>();
  #closed = false;

  constructor(shared: Shared, shims: ShimManager, pods: Pods) {
    this.#shared = shared;
    this.#shims = shims;
    this.#pods = pods;
  }

  /** After the tasks: finds the sandboxes of the last run again, and clears what is left of those that are gone. */
  async restore(): Promise<void> {
    const { db, paths, agent, log } = this.#shared;
    const rows = db.all("SELECT * FROM podsandboxes");
    await Promise.all(
      rows.map((row) =>
        this.#restore(row).catch((error: unknown) => log(`cannot restore sandbox ${row.namespace}/${row.id}`, error)),
      ),
    );
    const known = new Set(
      db
        .all("SELECT namespace, id FROM podsandboxes")
        .map(({ namespace, id }) => podFolder(paths.state, namespace as string, id as string)),
    );
    for (const { path } of await listBundles(join(paths.state, "podsandboxes"))) {
      if (known.has(path)) continue;
      await removePodFiles(path, agent).catch((error: unknown) => log("cannot remove a stray sandbox", error));
    }
  }

  async #restore(row: Row): Promise<void> {
    const sandbox = readSandbox(row);
    const { namespace, id } = sandbox;
    // Nothing outlives a reboot; and without a container its creation or shutdown was cut short.
    if (row.boot !== this.#shims.boot || !(await this.#hasContainer(namespace, id))) return this.remove(sandbox);
    this.#sandboxes.set(keyOf(namespace, id), sandbox);
    if (sandbox.exit) return;
    const task = this.#shims.find(namespace, id);
    if (sandbox.pid === 0 && task) {
      // A start was cut short: it has happened, or it has not.
      const tasks = this.#tasks(namespace);
      const status = (await tasks.get({ containerId: id }).catch(() => undefined))?.status;
      if (status === "created") await endTask(tasks, id);
      else this.started(sandbox, task.record.pid);
    } else if (sandbox.pid !== 0) this.#watch(sandbox);
  }

  async #hasContainer(namespace: string, id: string): Promise<boolean> {
    try {
      const { labels } = await this.#containers(namespace).get(id);
      return labels[KIND_LABEL] === SANDBOX_KIND;
    } catch (error) {
      if (isCode(error, "NotFound")) return false;
      throw error;
    }
  }

  find(namespace: string, id: string): PodSandbox | undefined {
    return this.#sandboxes.get(keyOf(namespace, id));
  }

  /** Notes a sandbox before anything of it is made. */
  insert(namespace: string, id: string): PodSandbox {
    const { db } = this.#shared;
    // The row of one that could not be removed at the start may still be there; its files are removed by whoever makes new ones.
    db.transaction(() =>
      db.run("INSERT OR REPLACE INTO podsandboxes VALUES (?, ?, ?, 0, 0, '')", namespace, id, this.#shims.boot),
    );
    const sandbox = { namespace, id, pid: 0, exit: undefined, end: endOf() };
    this.#sandboxes.set(keyOf(namespace, id), sandbox);
    return sandbox;
  }

  /** It runs: notes its process, and waits for its end. */
  started(sandbox: PodSandbox, pid: number): void {
    sandbox.pid = pid;
    this.#update(sandbox);
    this.#watch(sandbox);
  }

  #watch(sandbox: PodSandbox): void {
    const { namespace, id: containerId, pid } = sandbox;
    this.#tasks(namespace)
      .wait({ containerId })
      .then(
        (exit) => this.#ended(sandbox, { pid, ...exit }),
        (error: unknown) => {
          // The next run of the daemon sees its end.
          if (this.#closed) sandbox.end.reject(error);
          else this.#ended(sandbox, { pid, exitStatus: UNKNOWN, exitedAt: now() });
        },
      )
      .catch((error: unknown) => this.#shared.log(`cannot note the end of sandbox ${containerId}`, error));
  }

  #ended(sandbox: PodSandbox, exit: Exit): void {
    sandbox.exit = exit;
    this.#update(sandbox);
    sandbox.end.resolve(exit);
    const { namespace, id: sandboxId } = sandbox;
    const { exitStatus, exitedAt } = exit;
    this.#shared.hub.emit(namespace, sandboxExit({ sandboxId, exitStatus, exitedAt: parseTimestamp(exitedAt) }));
  }

  #update({ namespace, id, pid, exit }: PodSandbox): void {
    const { db } = this.#shared;
    const sql = "UPDATE podsandboxes SET pid = ?, exit_status = ?, exited_at = ? WHERE namespace = ? AND id = ?";
    db.removal(() => db.run(sql, pid, exit?.exitStatus ?? 0, exit?.exitedAt ?? "", namespace, id));
  }

  /** Ends its containers' tasks, and removes all that is left of it. */
  async remove(sandbox: PodSandbox): Promise<void> {
    const { namespace, id } = sandbox;
    const { db, paths, agent } = this.#shared;
    const tasks = this.#tasks(namespace);
    await endTasksOf(this.#shims, tasks, namespace, id);
    failpoint("podsandbox.emptied");
    if (await this.#hasContainer(namespace, id)) {
      await endTask(tasks, id);
      // Its end is told before it is gone.
      if (sandbox.pid !== 0 && !sandbox.exit && this.find(namespace, id)) await sandbox.end.promise;
      failpoint("podsandbox.task-deleted");
      await this.#deleteContainer(namespace, id);
    }
    failpoint("podsandbox.container-deleted");
    await removePodFiles(podFolder(paths.state, namespace, id), agent);
    db.removal(() => db.run("DELETE FROM podsandboxes WHERE namespace = ? AND id = ?", namespace, id));
    this.#sandboxes.delete(keyOf(namespace, id));
    sandbox.end.reject(new WharfError("NotFound", `sandbox ${JSON.stringify(id)} was removed`, { subject: id }));
  }

  /** With its snapshot, which garbage collection takes should this be cut short. */
  async #deleteContainer(namespace: string, id: string): Promise<void> {
    const containers = this.#containers(namespace);
    const { snapshotter, snapshotKey } = await containers.get(id);
    await containers.delete(id);
    if (snapshotKey === "") return;
    const snapshots = openSnapshotter(new Scope(this.#shared, namespace, undefined), snapshotter);
    await snapshots.remove(snapshotKey).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
  }

  #containers(namespace: string): LocalContainers {
    return new LocalContainers(new Scope(this.#shared, namespace, undefined));
  }

  #tasks(namespace: string): LocalTasks {
    return new LocalTasks(new Scope(this.#shared, namespace, undefined), this.#shims, this.#pods);
  }

  /** Leaves them running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }
}

function keyOf(namespace: string, id: string): string {
  return `${namespace}/${id}`;
}

function endOf(): PromiseWithResolvers<Exit> {
  const end = Promise.withResolvers<Exit>();
  // Not every sandbox has someone who waits.
  end.promise.catch(() => {});
  return end;
}

function readSandbox(row: Row): PodSandbox {
  const [pid, exitStatus, exitedAt] = [row.pid as number, row.exit_status as number, row.exited_at as string];
  const exit = exitedAt === "" ? undefined : { pid, exitStatus, exitedAt };
  const end = endOf();
  if (exit) end.resolve(exit);
  return { namespace: row.namespace as string, id: row.id as string, pid, exit, end };
}
