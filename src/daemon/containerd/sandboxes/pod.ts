/** One running sandbox: its shim's connection, the wait for its end, and what is left when the shim has died. */

import { WharfError } from "../../../common/errors.ts";
import { callOptions, type SandboxClient, ShimClient } from "../../shim/client.ts";
import { currentTraceparent } from "../../trace/trace.ts";
import { now } from "../core/clock.ts";
import { type Exit, exitOf } from "../tasks/exits.ts";
import type { ShimRecord } from "../tasks/task.ts";

export interface PodRecord extends ShimRecord {
  exit: Exit | undefined;
}

/** What a pod tells those who keep it. */
export interface PodKeeper {
  /** Cleans up after a shim that died; answers how its sandbox is taken to have ended. */
  bury(record: PodRecord): Promise<Exit>;
  /** The same of one that could not be reached. */
  lost(record: PodRecord): Promise<Exit>;
  /** Called once, when it is known how the sandbox has ended. */
  ended(record: PodRecord, exit: Exit, late: boolean): void;
}

export class Pod implements AsyncDisposable {
  readonly record: PodRecord;
  readonly #client: ShimClient | undefined;
  readonly #keeper: PodKeeper;
  readonly #end = Promise.withResolvers<Exit>();
  #dead = false;
  #retiring = false;
  #burial: Promise<void> | undefined;

  private constructor(record: PodRecord, client: ShimClient | undefined, keeper: PodKeeper) {
    this.record = record;
    this.#client = client;
    this.#keeper = keeper;
    this.#end.promise.catch(() => {});
    if (record.exit) this.#end.resolve(record.exit);
    void (client ? client.closed : Promise.resolve()).then(() => {
      if (!this.#retiring) this.#burial = this.#bury();
    });
  }

  /** Connects to the shim. A shim that cannot be reached is a dead one. */
  static async open(record: PodRecord, keeper: PodKeeper): Promise<Pod> {
    const client = await ShimClient.connect(record.shim).catch(() => undefined);
    const pod = new Pod(record, client, keeper);
    if (!client) await pod.#end.promise;
    return pod;
  }

  async #bury(): Promise<void> {
    const killed = await (this.#client ? this.#keeper.bury(this.record) : this.#keeper.lost(this.record));
    this.#dead = true;
    this.#ended(killed, !this.#client);
  }

  #ended(exit: Exit, late = false): void {
    if (!this.record.exit) {
      this.record.exit = exit;
      this.#keeper.ended(this.record, exit, late);
    }
    this.#end.resolve(this.record.exit);
  }

  /** The shim is gone. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Calls the shim. Unavailable when it is gone. */
  async call<T>(
    run: (client: SandboxClient, options: ReturnType<typeof callOptions>) => Promise<T>,
    limits: { timeoutMs?: number | undefined } = {},
  ): Promise<T> {
    const { namespace, id } = this.record;
    const gone = (cause?: unknown) =>
      new WharfError("Unavailable", `the shim of sandbox ${JSON.stringify(id)} is gone`, { subject: id, cause });
    if (this.#dead || !this.#client) throw gone();
    try {
      const options = callOptions(namespace, { traceparent: currentTraceparent(), ...limits });
      return await run(this.#client.sandbox, options);
    } catch (cause) {
      const error = WharfError.from(cause);
      throw error.code === "Unavailable" ? gone(cause) : error;
    }
  }

  /** From its start on: its end is waited for, whoever asks. */
  watch(): void {
    const { id } = this.record;
    const waiting = this.call((client, options) => client.waitSandbox({ sandboxId: id }, options), {
      timeoutMs: undefined,
    });
    waiting.then(
      (answer) => this.#ended(exitOf(this.record.pid, answer, now())),
      // With the shim's end comes the sandbox's; one that cannot be waited for is only seen to end so.
      () => {},
    );
  }

  /** How it ended, or will have. */
  wait(): Promise<Exit> {
    return this.#end.promise;
  }

  /** From now on the end of the connection is expected: it counts as the sandbox's. */
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
