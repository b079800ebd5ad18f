/**
 * All tasks of a core and their shims: starts shims, finds them again after a restart of the daemon, cleans up after those
 * that died, and takes their events.
 *
 * A task's row is written before its bundle and its shim come into being, and removed after they are gone: whatever is left
 * by a crash at any point has a row that leads to it.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { EventsService } from "../../../common/gen/containerd/events/ttrpc.ts";
import { CGROUP_REMOVAL_MS } from "../../../common/oci/limits.ts";
import { formatTimestamp } from "../../../common/timestamp.ts";
import { Router } from "../../../common/ttrpc/server.ts";
import { findShim } from "../../shim/find.ts";
import { deleteShim, resolveShim, type ShimAddress, type ShimCommand, shimInfo, startShim } from "../../shim/launch.ts";
import { allEnded, isRunning, kill } from "../../shim/processes.ts";
import { sweepSockets } from "../../shim/sockets.ts";
import { serveTtrpc } from "../../shim/ttrpc.ts";
import type { Row } from "../../store/database.ts";
import { currentTraceparent } from "../../trace/trace.ts";
import type { Envelope } from "../api/events.ts";
import type { Any } from "../api/types.ts";
import { now } from "../core/clock.ts";
import type { Shared } from "../core/scope.ts";
import { listBundles, removeBundle } from "./bundle.ts";
import { Deletions } from "./deletions.ts";
import { type Exit, Exits, exitOf, wasBefore } from "./exits.ts";
import { ShimLogs } from "./shim-logs.ts";
import { type ShimRecord, Task, type TaskRecord } from "./task.ts";

/** Status of a container whose shim died: killed (128 + SIGKILL). */
const KILLED = 137;
/** The runtime that containerd's clients ask for by default, and the one that takes its place. */
const RUNC = "io.containerd.runc.v2";
const OURS = "io.containerd.runt.v2";
/** Milliseconds after the start in which shims may tell of what was before; later the hub asks no more. */
const STARTING = 60_000;
/** Milliseconds a start waits for one shim to tell its state. */
const RESTORE_TIMEOUT = 1000;
/** Milliseconds in which a shim that ends by itself does: it tells its last events before. */
const FAREWELL = 5000;
/** Milliseconds given to what removes a container: its control group's end may take CGROUP_REMOVAL_MS. */
const CLEANUP_TIMEOUT = CGROUP_REMOVAL_MS + 10_000;
/** Milliseconds in which a shim that does not hang answers to a signal. */
const SIGNAL_TIMEOUT = 3000;
/** The pid in the row of a task in a pod's shim as long as nobody has been answered that it is there. */
const UNANSWERED = -1;

export class ShimManager implements AsyncDisposable {
  readonly shared: Shared;
  readonly exits: Exits;
  readonly deletions: Deletions;
  readonly logs: ShimLogs;
  readonly #directories: readonly string[];
  readonly #tasks = new Map<string, Task>();
  /** Tasks being created or deleted. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Tells this run of the machine from others: nothing of a task outlives it. */
  readonly boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  readonly #began = Date.now();
  #events: AsyncDisposable | undefined;

  constructor(shared: Shared, directories: readonly string[]) {
    this.shared = shared;
    this.exits = new Exits(shared.db, shared.hub);
    this.deletions = new Deletions(shared.hub);
    this.logs = new ShimLogs(shared);
    this.#directories = directories;
  }

  /** Where shims send their events. */
  get ttrpcAddress(): string {
    return join(this.shared.paths.state, "containerd.sock.ttrpc");
  }

  /** The gRPC socket, as shims are told. */
  get #address(): string {
    return join(this.shared.paths.state, "containerd.sock");
  }

  /** Serves the shims' events, finds the shims of the last run again, and clears what is left of those that are gone. */
  async restore(): Promise<void> {
    this.#events = await serveTtrpc(this.ttrpcAddress, this.#router());
    const rows = this.shared.db.all("SELECT * FROM tasks");
    await Promise.all(
      rows.map((row) =>
        this.#restore(row).catch((error: unknown) => {
          this.shared.log(`cannot restore task ${row.namespace}/${row.id}`, error);
        }),
      ),
    );
    const known = new Set(this.shared.db.all("SELECT bundle FROM tasks").map((row) => row.bundle));
    for (const { path } of await listBundles(join(this.shared.paths.state, "tasks"))) {
      if (known.has(path)) continue;
      await removeBundle(path, this.shared.agent).catch((error: unknown) =>
        this.shared.log("cannot remove a stray bundle", error),
      );
    }
    await sweepSockets(join(this.shared.paths.state, "s"));
  }

  async #restore(row: Row): Promise<void> {
    const record = readRecord(row);
    // Nothing outlives a reboot, and what a shim without address has was asked for by somebody who was never answered.
    if (row.boot !== this.boot || record.shim.address === "") return this.discard(record);
    this.logs.follow(record);
    const task = await Task.open(record, this.exits, this.#undertaker);
    await task.settled();
    // The same in a pod's shim, which others need.
    if (row.pid === UNANSWERED) return this.withdraw(task);
    if (!task.dead && !(await this.#holdsContainer(task))) return this.remove(task, true);
    this.add(task);
    this.exits.restore({ namespace: record.namespace, task: record.id });
    if (!task.dead) task.wait("").catch(() => {});
  }

  /** False when a creation or deletion was cut short: the shim has no such container (yet, or any more). */
  async #holdsContainer(task: Task): Promise<boolean> {
    const { id } = task.record;
    try {
      const limits = { timeoutMs: RESTORE_TIMEOUT };
      const { pid } = await task.call((client, options) => client.state({ id }, options), limits);
      if (pid !== task.record.pid) this.notePid(task, pid);
      return true;
    } catch (error) {
      // One that does not answer may have a container all the same.
      return task.dead !== undefined || !isCode(error, "NotFound");
    }
  }

  #router(): Router {
    return new Router().add(EventsService, {
      forward: ({ envelope }) => {
        if (!envelope?.event || !envelope.timestamp)
          throw new WharfError("InvalidArgument", "an event without content or time");
        const { namespace, topic, event, timestamp } = envelope;
        this.#forward({ namespace, topic, event, timestamp: formatTimestamp(timestamp) });
        return {};
      },
    });
  }

  #forward(envelope: Envelope): void {
    const late = Date.now() < this.#began + STARTING ? wasBefore(envelope, this.#began) : false;
    if (this.exits.admit(envelope, late) && this.deletions.admit(envelope)) this.shared.hub.forward(envelope, late);
  }

  find(namespace: string, id: string): Task | undefined {
    return this.#tasks.get(keyOf(namespace, id));
  }

  list(namespace: string): Task[] {
    return [...this.#tasks.values()].filter(({ record }) => record.namespace === namespace);
  }

  add(task: Task): void {
    this.#tasks.set(keyOf(task.record.namespace, task.record.id), task);
  }

  /** The shim of a runtime. runc's, which clients name when nobody chose, is ours where runc's is not installed. */
  resolve(runtime: string): string {
    try {
      return resolveShim(runtime, this.#directories);
    } catch (error) {
      if (runtime !== RUNC || !isCode(error, "NotFound")) throw error;
      return resolveShim(OURS, this.#directories);
    }
  }

  /** What a runtime's shim tells about it: a RuntimeInfo. */
  info(runtime: string, options: Any | undefined): Promise<Uint8Array> {
    const { agent, paths } = this.shared;
    return shimInfo(agent, this.resolve(runtime), paths.state, options);
  }

  /** Runs `body` alone among those that create or delete this task. */
  async exclusive<T>(namespace: string, id: string, body: () => Promise<T>): Promise<T> {
    const key = keyOf(namespace, id);
    const run = (this.#busy.get(key) ?? Promise.resolve()).then(body, body);
    const settled = run.catch(() => {});
    this.#busy.set(key, settled);
    try {
      return await run;
    } finally {
      if (this.#busy.get(key) === settled) this.#busy.delete(key);
    }
  }

  /** Resolves when what has begun of its creation or deletion is over, however it ended. */
  async idle(namespace: string, id: string): Promise<void> {
    await this.#busy.get(keyOf(namespace, id));
  }

  /** Notes a task before anything of it is made. */
  insert(record: TaskRecord): void {
    const { namespace, id, bundle, binary, shim, stdin, stdout, stderr, terminal, sandbox } = record;
    const pid = sandbox === "" ? record.pid : UNANSWERED;
    const values = [namespace, id, this.boot, bundle, binary, shim.address, shim.version, pid];
    this.shared.db.transaction(() => {
      const sql = "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
      this.shared.db.run(sql, ...values, stdin, stdout, stderr, terminal ? 1 : 0, sandbox);
    });
  }

  /** Runs the shim's `start`. `alone`: it is that of no group for certain. */
  async launch(
    record: ShimRecord,
    options: Any | undefined,
    signal: AbortSignal | undefined,
    alone = false,
  ): Promise<ShimAddress> {
    await this.logs.make(record);
    return startShim({ ...this.#command(record, signal), alone }, options);
  }

  /**
   * Connects to the shim of the task, which is started unless it is there already: its sandbox's. Where it listens is written down with the pid: one of which that
   * is not known was being made when the daemon was killed, and is taken away again.
   */
  async start(
    record: TaskRecord,
    options: Any | undefined,
    signal: AbortSignal | undefined,
    alone: boolean,
  ): Promise<Task> {
    if (record.shim.address === "") record.shim = await this.launch(record, options, signal, alone);
    failpoint("task.shim-started");
    const task = await Task.open(record, this.exits, this.#undertaker);
    await task.settled();
    if (task.dead)
      throw new WharfError("Unavailable", `the shim ${JSON.stringify(record.binary)} died as soon as it had started`);
    return task;
  }

  /** Notes what became known since: where the shim listens, the pid. */
  #update(record: TaskRecord): void {
    const { namespace, id, shim, pid } = record;
    const sql = "UPDATE tasks SET address = ?, version = ?, pid = ? WHERE namespace = ? AND id = ?";
    this.shared.db.transaction(() => this.shared.db.run(sql, shim.address, shim.version, pid, namespace, id));
  }

  notePid(task: Task, pid: number): void {
    task.noteStarted("", pid);
    this.#update(task.record);
  }

  /**
   * Ends a shim that has nothing left to hold, and removes all that is left of the task. `unfinished`: it was never made whole, or not said to be
   * deleted. runc's shim takes back nothing of a creation that failed after its runtime had made the container: only its `delete` does.
   */
  async remove(task: Task, unfinished = false): Promise<void> {
    const { namespace, id, bundle } = task.record;
    task.retire();
    // A sandbox's shim is its controller's to end.
    let lost = false;
    if (task.record.sandbox === "") {
      await task
        .call((client, options) => client.shutdown({ id, now: false }, options), { timeoutMs: 3000 })
        .catch((error: unknown) => {
          // One that hangs, or was killed just now, leaves what it has.
          lost = isCode(error, "DeadlineExceeded") || (isCode(error, "Unavailable") && hasSocket(task.record.shim));
        });
    }
    await task[Symbol.asyncDispose]();
    if (lost && this.#alone(task)) await this.exterminate(task.record);
    else if (unfinished && task.record.sandbox === "") await this.bury(task.record);
    this.logs.end(task.record);
    await removeBundle(bundle, this.shared.agent);
    failpoint("task.bundle-removed");
    this.#drop(namespace, id, () => this.exits.forget({ namespace, task: id, exec: "" }, task.record.pid));
  }

  /** Takes a container out of its shim that may be there, or is just being made, and removes what is left of the task. */
  async withdraw(task: Task): Promise<void> {
    const { id } = task.record;
    const limits = { timeoutMs: SIGNAL_TIMEOUT };
    for (const end = Date.now() + CLEANUP_TIMEOUT; !task.dead && Date.now() < end; await sleep(50)) {
      const kill = task.call((client, call) => client.kill({ id, signal: 9, all: true }, call), limits);
      // one that ended, or has no process yet, takes no signal
      const fault = await kill.then(() => undefined).catch((error: unknown) => error);
      if (isCode(fault, "DeadlineExceeded")) break;
      try {
        await task.call((client, call) => client.delete({ id }, call), { timeoutMs: CLEANUP_TIMEOUT });
        break;
      } catch (error) {
        if (isCode(error, "NotFound", "DeadlineExceeded")) break;
      }
    }
    await this.remove(task, true);
  }

  /** Removes all that may be left of a task whose shim cannot be spoken to. */
  async discard(record: TaskRecord): Promise<void> {
    await this.exterminate(record);
    this.logs.end(record);
    await removeBundle(record.bundle, this.shared.agent);
    this.#drop(record.namespace, record.id);
  }

  /** No other task is in its shim. */
  #alone({ record }: Task): boolean {
    const others = [...this.#tasks.values()].filter((task) => task.record.shim.address === record.shim.address);
    return record.sandbox === "" && others.every((task) => task.record === record);
  }

  /** Kills a shim that does not answer, if that takes nothing but this task. What follows is as with one that somebody else killed. */
  async killHung(task: Task): Promise<boolean> {
    if (!this.#alone(task)) return false;
    const { namespace, id, bundle } = task.record;
    this.shared.log(`the shim of task ${JSON.stringify(id)} does not answer: it is killed`);
    const pids = await findShim({ namespace, id, bundle, address: this.#address });
    await Promise.all(pids.map(kill));
    return pids.length > 0;
  }

  /** Kills the shim wherever it is, and has its `delete` clean up. */
  async exterminate(record: ShimRecord): Promise<void> {
    const { namespace, id, bundle } = record;
    const pids = await findShim({ namespace, id, bundle, address: this.#address });
    await Promise.all(pids.map(kill));
    await this.bury(record);
  }

  /** `also` is part of the transaction. */
  #drop(namespace: string, id: string, also?: () => void): void {
    this.shared.db.removal(() => {
      also?.();
      this.shared.db.run("DELETE FROM tasks WHERE namespace = ? AND id = ?", namespace, id);
    });
    this.#tasks.delete(keyOf(namespace, id));
  }

  /** Has the shim's `delete` clean up after a shim that is gone. */
  async bury(record: ShimRecord): Promise<Exit> {
    const { id, bundle, pid } = record;
    const killed: Exit = { pid, exitStatus: KILLED, exitedAt: now() };
    // Without a bundle there is nothing to clean up.
    if (!existsSync(join(bundle, "log"))) return killed;
    try {
      const clean = () => deleteShim(this.#command(record, AbortSignal.timeout(CLEANUP_TIMEOUT)));
      // Again where the agent was killed under it, or its worker: what it had done is no harm.
      const again = (error: unknown) => {
        if (!isCode(error, "Unavailable", "Aborted")) throw error;
        return clean();
      };
      const answer = await clean().catch(again).catch(again);
      return exitOf(answer.pid || pid, { ...answer, exitStatus: answer.exitStatus || KILLED }, now());
    } catch (error) {
      this.shared.log(`cannot clean up after the shim of ${JSON.stringify(id)}`, error);
      return killed;
    }
  }

  /**
   * Buries one that could not be reached after a restart. It is dead; or it lives and somebody has taken its socket away, with a container that nobody would see
   * again: both are ended, as containerd ends the container. One that is about to end by itself may tell its last events.
   */
  async lost(record: ShimRecord): Promise<Exit> {
    const { namespace, id, bundle, pid } = record;
    const pids = await findShim({ namespace, id, bundle, address: this.#address });
    if (pids.length > 0 && !isRunning(pid)) await allEnded(pids, FAREWELL);
    const left = pids.filter(isRunning);
    if (left.length > 0)
      this.shared.log(`the shim of ${JSON.stringify(id)} cannot be reached at ${record.shim.address}: it is killed`);
    await Promise.all(left.map(kill));
    return this.bury(record);
  }

  /** Called once for each shim that was not reached, or whose connection ended unasked. */
  readonly #undertaker = ({ reached, record }: Task): Promise<Exit> =>
    reached ? this.bury(record) : this.lost(record);

  #command(record: ShimRecord, signal: AbortSignal | undefined): ShimCommand {
    const { namespace, id, bundle, binary } = record;
    return {
      agent: this.shared.agent,
      ...{ binary, namespace, id, bundle, signal },
      address: this.#address,
      ttrpcAddress: this.ttrpcAddress,
      traceparent: currentTraceparent(),
      debug: this.shared.debug,
    };
  }

  /** Leaves the shims running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.race([Promise.allSettled(this.#busy.values()), sleep(CLEANUP_TIMEOUT, undefined, { ref: false })]);
    await Promise.all([...this.#tasks.values()].map((task) => task[Symbol.asyncDispose]()));
    this.exits.close();
    this.deletions[Symbol.dispose]();
    this.logs[Symbol.dispose]();
    await this.#events?.[Symbol.asyncDispose]();
  }
}

function hasSocket({ address }: ShimAddress): boolean {
  return existsSync(address.replace(/^unix:\/\//, ""));
}

function keyOf(namespace: string, id: string): string {
  return `${namespace}/${id}`;
}

function readRecord(row: Row): TaskRecord {
  const shim: ShimAddress = { address: row.address as string, version: row.version as number };
  return {
    namespace: row.namespace as string,
    id: row.id as string,
    bundle: row.bundle as string,
    binary: row.binary as string,
    shim,
    pid: Math.max(0, row.pid as number),
    stdin: row.stdin as string,
    stdout: row.stdout as string,
    stderr: row.stderr as string,
    terminal: row.terminal === 1,
    sandbox: row.sandbox as string,
  };
}
