/**
 * The running sandboxes of a core and their shims: found again after a restart of the daemon, cleaned up after when they die. As with
 * tasks a row is written before anything else of a sandbox comes into being, and removed last.
 */

import { join } from "node:path";
import { isCode } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import type { Any } from "../../../common/gen/google/protobuf/any.ts";
import { parseTimestamp } from "../../../common/timestamp.ts";
import type { Row } from "../../store/database.ts";
import type { Shared } from "../core/scope.ts";
import { sandboxExit } from "../events/messages.ts";
import { listBundles, removeBundle } from "../tasks/bundle.ts";
import type { Exit } from "../tasks/exits.ts";
import type { ShimManager } from "../tasks/shims.ts";
import { Pod, type PodKeeper, type PodRecord } from "./pod.ts";

/** Milliseconds a start waits for one shim to tell its state. */
const RESTORE_TIMEOUT = 3000;

export function podBundle(state: string, namespace: string, id: string): string {
  return join(state, "sandboxes", namespace, id);
}

export class Pods implements AsyncDisposable {
  readonly #shared: Shared;
  readonly #shims: ShimManager;
  readonly #pods = new Map<string, Pod>();

  constructor(shared: Shared, shims: ShimManager) {
    this.#shared = shared;
    this.#shims = shims;
  }

  /** Finds the sandboxes of the last run again, and clears what is left of those that are gone. */
  async restore(): Promise<void> {
    await Promise.all(
      this.#shared.db.all("SELECT * FROM pods").map((row) =>
        this.#restore(row).catch((error: unknown) => {
          this.#shared.log(`cannot restore sandbox ${row.namespace}/${row.id}`, error);
        }),
      ),
    );
    const known = new Set(this.#shared.db.all("SELECT bundle FROM pods").map((row) => row.bundle));
    for (const { path } of await listBundles(join(this.#shared.paths.state, "sandboxes"))) {
      if (known.has(path)) continue;
      await removeBundle(path, this.#shared.agent).catch((error: unknown) =>
        this.#shared.log("cannot remove a stray bundle", error),
      );
    }
  }

  async #restore(row: Row): Promise<void> {
    const record = readRecord(row);
    // Nothing outlives a reboot, and a shim without address never came to be a sandbox.
    if (row.boot !== this.#shims.boot || record.shim.address === "") return this.discard(record);
    this.#shims.logs.follow(record);
    const pod = await Pod.open(record, this.#keeper);
    if (!(await this.#isSandbox(pod))) return this.remove(pod);
    this.#pods.set(keyOf(record), pod);
    if (record.pid !== 0 && !record.exit) pod.watch();
  }

  /** False when a creation or shutdown was cut short: the shim is no sandbox (yet, or any more). */
  async #isSandbox(pod: Pod): Promise<boolean> {
    if (pod.dead) return true;
    const { record } = pod;
    try {
      const limits = { timeoutMs: RESTORE_TIMEOUT };
      const ask = { sandboxId: record.id, verbose: false };
      record.pid = (await pod.call((client, options) => client.sandboxStatus(ask, options), limits)).pid;
      this.#update(record);
      return true;
    } catch (error) {
      // One that does not answer may be a sandbox all the same.
      return !isCode(error, "NotFound");
    }
  }

  find(namespace: string, id: string): Pod | undefined {
    return this.#pods.get(keyOf({ namespace, id }));
  }

  /** Notes a sandbox before anything of it is made. */
  insert({ namespace, id, bundle, binary }: PodRecord): void {
    const { db } = this.#shared;
    const values = [namespace, id, this.#shims.boot, bundle, binary];
    db.transaction(() => db.run("INSERT INTO pods VALUES (?, ?, ?, ?, ?, '', 0, 0, 0, '')", ...values));
  }

  /** Starts its shim. */
  async start(record: PodRecord, options: Any | undefined, signal: AbortSignal | undefined): Promise<Pod> {
    record.shim = await this.#shims.launch(record, options, signal);
    failpoint("sandbox.shim-started");
    this.#update(record);
    const pod = await Pod.open(record, this.#keeper);
    this.#pods.set(keyOf(record), pod);
    return pod;
  }

  /** It runs: notes where, and waits for its end. */
  started(pod: Pod): void {
    this.#update(pod.record);
    pod.watch();
  }

  #update({ namespace, id, shim, pid, exit }: PodRecord): void {
    const { db } = this.#shared;
    const sql = `UPDATE pods SET address = ?, version = ?, pid = ?, exit_status = ?, exited_at = ?
      WHERE namespace = ? AND id = ?`;
    const values = [shim.address, shim.version, pid, exit?.exitStatus ?? 0, exit?.exitedAt ?? "", namespace, id];
    db.removal(() => db.run(sql, ...values));
  }

  readonly #keeper: PodKeeper = {
    bury: (record) => this.#shims.bury(record),
    lost: (record) => this.#shims.lost(record),
    ended: (record, exit, late) => this.#ended(record, exit, late),
  };

  #ended(record: PodRecord, { exitStatus, exitedAt }: Exit, late: boolean): void {
    this.#update(record);
    const event = { sandboxId: record.id, exitStatus, exitedAt: parseTimestamp(exitedAt) };
    this.#shared.hub.emit(record.namespace, sandboxExit(event), late);
  }

  /** Has the shim remove itself and its containers, and removes what is left. */
  async remove(pod: Pod): Promise<void> {
    const { record } = pod;
    const { id: sandboxId } = record;
    try {
      if (!pod.dead) await pod.call((client, options) => client.shutdownSandbox({ sandboxId }, options));
    } catch (error) {
      if (!isCode(error, "NotFound"))
        this.#shared.log(`the shim of sandbox ${JSON.stringify(sandboxId)} does not shut down: it is killed`, error);
    }
    failpoint("sandbox.shut-down");
    pod.retire();
    await pod[Symbol.asyncDispose]();
    // One that has not gone by itself by now does not go.
    await this.discard(record);
  }

  /** Removes all that may be left of a sandbox whose shim is not spoken to any more. */
  async discard(record: PodRecord): Promise<void> {
    const { namespace, id, bundle } = record;
    await this.#shims.exterminate(record);
    this.#shims.logs.end(record);
    await removeBundle(bundle, this.#shared.agent);
    failpoint("sandbox.bundle-removed");
    const { db } = this.#shared;
    db.removal(() => db.run("DELETE FROM pods WHERE namespace = ? AND id = ?", namespace, id));
    this.#pods.delete(keyOf(record));
  }

  /** Leaves the shims running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pods.values()].map((pod) => pod[Symbol.asyncDispose]()));
  }
}

function keyOf({ namespace, id }: { namespace: string; id: string }): string {
  return `${namespace}/${id}`;
}

function readRecord(row: Row): PodRecord {
  const [pid, exitStatus, exitedAt] = [row.pid as number, row.exit_status as number, row.exited_at as string];
  return {
    namespace: row.namespace as string,
    id: row.id as string,
    bundle: row.bundle as string,
    binary: row.binary as string,
    shim: { address: row.address as string, version: row.version as number },
    pid,
    exit: exitedAt === "" ? undefined : { pid, exitStatus, exitedAt },
  };
}
