// The end of processes: the shim is a subreaper, so every process of its containers ends here. No zombie stays.

import { failpoint } from "../../common/failpoint.ts";
import type { Instant } from "../../common/timestamp.ts";
import { sys } from "../sys/call.ts";
import { onSignals } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { type Exit, PR, prctl, SIGNALS } from "../sys/process.ts";
import { now } from "./clock.ts";

export interface Ended extends Exit {
  /** Real time. */
  at: Instant;
}

const WNOHANG = 1;
const ECHILD = -10;

export class Reaper {
  readonly #watched = new Map<number, (end: Ended) => void>();
  /** Ends of processes nobody has asked for yet, kept while somebody may (hold). */
  readonly #unclaimed: Ended[] = [];
  readonly #status = new Int32Array(1);
  #holds = 0;

  constructor() {
    prctl(PR.SET_CHILD_SUBREAPER, 1);
    onSignals([SIGNALS.CHLD], () => this.#reap());
  }

  #reap(): void {
    for (;;) {
      const pid = native.syscall(NR.wait4, -1, this.#status, WNOHANG, 0);
      if (pid === 0 || pid === ECHILD) return;
      if (pid < 0) sys("wait", undefined, NR.wait4, -1, this.#status, WNOHANG, 0);
      const word = this.#status[0]!;
      const signal = word & 0x7f;
      const run = this.#watched.get(pid);
      // a helper or an orphan of a container: of no interest to anybody
      if (!run && this.#holds === 0) continue;
      const end = { pid, signal, status: signal ? 128 + signal : (word >> 8) & 0xff, at: now() };
      this.#watched.delete(pid);
      failpoint("shim.reaped");
      if (run) run(end);
      else this.#unclaimed.push(end);
    }
  }

  /** From now until disposed, the ends of unknown processes are kept: a process may end before its pid is known here. */
  hold(): Disposable {
    this.#holds++;
    return {
      [Symbol.dispose]: () => {
        if (--this.#holds === 0) this.#unclaimed.length = 0;
      },
    };
  }

  /** Calls `run` when the process ends; at once when it has ended during a hold. */
  watch(pid: number, run: (end: Ended) => void): void {
    const at = this.#unclaimed.findIndex((end) => end.pid === pid);
    if (at >= 0) run(this.#unclaimed.splice(at, 1)[0]!);
    else this.#watched.set(pid, run);
  }

  /** A process whose end is of no interest. */
  ignore(pid: number): void {
    if (this.#holds > 0) this.#watched.set(pid, nothing);
  }
}

function nothing(): void {}
