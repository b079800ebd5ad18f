// A pod as its shim knows it: the process that holds its namespaces, in which state, and how it ended.
import { WharfError } from "../../../common/errors.ts";
import type { CreateSandboxRequest } from "../../../common/gen/containerd/sandbox/runtime.ts";
import type { Instant } from "../../../common/timestamp.ts";
import { NR } from "../../sys/nr.ts";
import { SIGNALS } from "../../sys/process.ts";
import { removeCgroup } from "../cgroup.ts";
import { now } from "../clock.ts";
import type { Ended, Reaper } from "../reaper.ts";
import { startHolder } from "./holder.ts";

export class Sandbox {
  readonly id: string;
  readonly #reaper: Reaper;
  #request: CreateSandboxRequest | undefined;
  /** 0 before its start. */
  pid = 0;
  createdAt: Instant | undefined;
  exitStatus = 0;
  exitedAt: Instant | undefined;
  #cgroup = "";
  #starting = false;
  #waiting: (() => void)[] = [];

  constructor(request: CreateSandboxRequest, reaper: Reaper) {
    this.id = request.sandboxId;
    this.#request = request;
    this.#reaper = reaper;
  }

  get stopped(): boolean {
    return this.exitedAt !== undefined;
  }

  /** As CRI names them. */
  get state(): string {
    return this.pid !== 0 && !this.stopped ? "SANDBOX_READY" : "SANDBOX_NOTREADY";
  }

  /** FailedPrecondition unless it has only been created. */
  async start(): Promise<void> {
    const request = this.#request;
    if (!request || this.#starting || this.stopped) {
      const why = this.stopped ? "it is stopped" : "it is started already";
      throw new WharfError("FailedPrecondition", `sandbox ${JSON.stringify(this.id)} cannot be started: ${why}`);
    }
    this.#starting = true;
    using _hold = this.#reaper.hold();
    try {
      const { pid, cgroup } = await startHolder(this.#reaper, request);
      this.pid = pid;
      this.createdAt = now();
      this.#cgroup = cgroup;
      // What was asked for is of no use any more.
      this.#request = undefined;
      this.#reaper.watch(pid, (end) => this.#ended(end));
    } finally {
      this.#starting = false;
    }
  }

  #ended({ status, at }: Ended): void {
    this.exitStatus = status;
    this.#end(at);
  }

  #end(at: Instant): void {
    this.exitedAt = at;
    if (this.#cgroup !== "") removeCgroup(this.#cgroup);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves at its end. */
  wait(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Ends its process; one that was never started is stopped from then on. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    if (this.pid === 0) {
      this.#end(now());
      return;
    }
    native.syscall(NR.kill, this.pid, SIGNALS.KILL);
    await this.wait();
  }
}
