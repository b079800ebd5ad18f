/** One task: its shim's connection, the waits for its processes, and what is left when the shim has died. */

import { WharfError } from "../../../common/errors.ts";
import type { CreateTaskRequest } from "../../../common/gen/containerd/task/v2.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import { START_FOLLOWS } from "../../../common/shim.ts";
import { callOptions, ShimClient, type TaskClient } from "../../shim/client.ts";
import type { ShimAddress } from "../../shim/launch.ts";
import { currentTraceparent } from "../../trace/trace.ts";
import { now } from "../core/clock.ts";
import { type Exit, type Exits, exitOf, type ProcessKey } from "./exits.ts";

/** What a shim was started for. */
export interface ShimRecord {
  namespace: string;
  id: string;
  bundle: string;
  /** Absolute path of the shim. */
  binary: string;
  shim: ShimAddress;
  pid: number;
}

export interface TaskRecord extends ShimRecord {
  /** The sandbox whose shim it is in; empty for a shim of its own. */
  sandbox: string;
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

/** A wait for a process's end, shared by all who wait. */
interface Wait {
  exit?: Promise<Exit>;
}

/** How a shim that died, or was never reached, is cleaned up after; answers how the container ended. */
export type Undertaker = (task: Task) => Promise<Exit>;

export class Task implements AsyncDisposable {
  readonly record: TaskRecord;
  readonly #exits: Exits;
  readonly #client: ShimClient | undefined;
  readonly #waits = new Map<string, Wait>();
  /** Pids of execs that were started. */
  readonly #pids = new Map<string, number>();
  /** Settles when the shim has died: with how the init process is taken to have ended. */
  readonly #death = Promise.withResolvers<Exit>();
  /** Set once the shim is gone. */
  #dead: Exit | undefined;
  #retiring = false;
  /** The clean-up after the shim's death. */
  #burial: Promise<void> | undefined;
  /** The start of its init process, which was asked for together with its creation. */
  #begun: Promise<{ pid: number }> | undefined;

  private constructor(record: TaskRecord, client: ShimClient | undefined, exits: Exits, undertaker: Undertaker) {
    this.record = record;
    this.#client = client;
    this.#exits = exits;
    const died = client ? client.closed : Promise.resolve();
    void died.then(() => {
      if (!this.#retiring) this.#burial = this.#bury(undertaker);
    });
  }

  async #bury(undertaker: Undertaker): Promise<void> {
    // Cleaned up also when it is known how the container ended.
    const killed = await undertaker(this);
    this.#dead = this.#exits.find(this.#key("")) ?? killed;
    this.#exits.record(this.#key(""), this.#dead, { patient: false, late: !this.#client });
    this.#death.resolve(this.#dead);
  }

  /** Connects to the shim. A shim that cannot be reached is a dead one. */
  static async open(record: TaskRecord, exits: Exits, undertaker: Undertaker): Promise<Task> {
    const client = await ShimClient.connect(record.shim).catch(() => undefined);
    return new Task(record, client, exits, undertaker);
  }

  get dead(): Exit | undefined {
    return this.#dead;
  }

  /** There was a connection to its shim. */
  get reached(): boolean {
    return this.#client !== undefined;
  }

  /** Resolves when a shim that is gone has been cleaned up after; at once while it lives. */
  async settled(): Promise<void> {
    if (!this.#client) await this.#death.promise;
  }

  /** Calls the shim. NotFound when it is dead; its own errors as they are. */
  async call<T>(
    run: (client: TaskClient, options: ReturnType<typeof callOptions>) => Promise<T>,
    limits: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined } = {},
  ): Promise<T> {
    const { namespace, id } = this.record;
    if (this.#dead || !this.#client) {
      throw new WharfError("NotFound", `the shim of task ${JSON.stringify(id)} is gone`, { subject: id });
    }
    const traceparent = currentTraceparent();
    try {
      return await run(this.#client.task, callOptions(namespace, { traceparent, ...limits }));
    } catch (cause) {
      const error = WharfError.from(cause);
      // A connection that ends under a call means that the shim died of it, or was killed.
      if (error.code !== "Unavailable") throw error;
      throw new WharfError("Unavailable", `the shim of task ${JSON.stringify(id)} died`, { subject: id, cause });
    }
  }

  /** Asks for the creation, and where nothing has to be done between the two for the start, too: a shim of ours does one after the other. */
  create(request: Init<CreateTaskRequest>, options: { signal?: AbortSignal | undefined; begin: boolean }) {
    const { signal, begin } = options;
    const limits = { signal, timeoutMs: undefined };
    const created = this.call((client, { metadata, ...call }) => {
      return client.create(request, { ...call, metadata: begin ? { ...metadata, [START_FOLLOWS]: "1" } : metadata });
    }, limits);
    if (begin) {
      this.#begun = this.#start("");
      // Of a creation that failed it knows no more than that.
      this.#begun.catch(() => {});
    }
    return created;
  }

  start(exec: string): Promise<{ pid: number }> {
    const begun = exec === "" ? this.#begun : undefined;
    if (!begun) return this.#start(exec);
    this.#begun = undefined;
    return begun;
  }

  #start(exec: string): Promise<{ pid: number }> {
    const { id } = this.record;
    return this.call((client, call) => client.start({ id, execId: exec }, { ...call, timeoutMs: undefined }));
  }

  noteStarted(exec: string, pid: number): void {
    if (exec === "") this.record.pid = pid;
    else this.#pids.set(exec, pid);
  }

  pidOf(exec: string): number {
    return exec === "" ? this.record.pid : (this.#pids.get(exec) ?? 0);
  }

  /** How a process ended, or will have. NotFound for an exec there is not. */
  wait(exec: string): Promise<Exit> {
    const known = this.#exits.find(this.#key(exec));
    if (known) return Promise.resolve(known);
    const under = this.#waits.get(exec);
    if (under?.exit) return under.exit;
    const wait: Wait = {};
    this.#waits.set(exec, wait);
    wait.exit = this.#wait(exec, wait).finally(() => {
      if (this.#waits.get(exec) === wait) this.#waits.delete(exec);
    });
    // Not every wait has someone who waits.
    wait.exit.catch(() => {});
    return wait.exit;
  }

  async #wait(exec: string, wait: Wait): Promise<Exit> {
    const { id } = this.record;
    let exit: Exit;
    try {
      const run = (client: TaskClient, options: ReturnType<typeof callOptions>) =>
        client.wait({ id, execId: exec }, options);
      const answer = await this.call(run, { timeoutMs: undefined });
      exit = exitOf(await this.#learnPid(exec), answer, now());
    } catch (error) {
      const gone =
        error instanceof WharfError && (error.code === "Unavailable" || (error.code === "NotFound" && !this.#client));
      if (!gone || this.#retiring) throw error;
      // With the shim all its processes are gone.
      exit = { ...(await this.#death.promise), pid: this.pidOf(exec) };
    }
    // A deletion may have overtaken it: the exec's name is free, and perhaps another one's.
    if (this.#waits.get(exec) !== wait) return exit;
    const key = this.#key(exec);
    this.#exits.record(key, exit, { patient: true });
    return this.#exits.find(key) ?? exit;
  }

  /** Its event names it by its pid, too. An exec that an earlier daemon started, or that ended at once, is asked for. */
  async #learnPid(exec: string): Promise<number> {
    const known = this.pidOf(exec);
    if (known !== 0) return known;
    const { id } = this.record;
    const state = await this.call((client, options) => client.state({ id, execId: exec }, options)).catch(
      () => undefined,
    );
    if (state && state.pid > 0) this.noteStarted(exec, state.pid);
    return this.pidOf(exec);
  }

  /** An exec is deleted. */
  forget(exec: string, pid: number): void {
    this.#exits.forget(this.#key(exec), pid);
    this.#pids.delete(exec);
    this.#waits.delete(exec);
  }

  #key(exec: string): ProcessKey {
    return { namespace: this.record.namespace, task: this.record.id, exec };
  }

  /** From now on the end of the connection is expected. */
  retire(): void {
    this.#retiring = true;
  }

  /** Lets go of the shim, which lives on. Waits for a clean-up under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.retire();
    this.#client?.[Symbol.dispose]();
    await this.#burial;
  }
}
