// Signals while a container is in the foreground: passed on to it, and the window's new size.
import { onSignals } from "../../sys/loop.ts";
import { exit, SIGNALS } from "../../sys/process.ts";
import { type Cli, PROGRAM } from "../cli.ts";
import { restoreTerminals } from "../terminal.ts";

const { HUP, INT, QUIT, USR1, USR2, ALRM, TERM, STKFLT, CONT, TSTP, XCPU, XFSZ, VTALRM, PROF, IO, PWR, WINCH } =
  SIGNALS;
const FORWARDED = [HUP, INT, QUIT, USR1, USR2, ALRM, TERM, STKFLT, CONT, TSTP, XCPU, XFSZ, VTALRM, PROF, IO, PWR];
const DEADLY = [HUP, INT, QUIT, TERM];
const ENOUGH = 3;

export interface SignalTarget {
  /** The container, for messages. */
  readonly name: string;
  /** Sends a signal to the container; without it, signals end this program. */
  readonly forward?: ((signal: number) => Promise<void>) | undefined;
  readonly resize?: (() => Promise<void>) | undefined;
}

/** Takes over the signals. What comes before `aim` is kept for it. */
export class Signals implements Disposable {
  readonly #cli: Cli;
  readonly #taken: Disposable;
  #target: SignalTarget | undefined;
  #early: number[] = [];
  #impatience = 0;
  /** While set, a deadly signal calls this and ends the program: during a pull. */
  interrupt: (() => void) | undefined;

  /** `forwards`: signals go to the container; else the deadly ones end this program with the terminal restored. */
  constructor(cli: Cli, forwards: boolean) {
    this.#cli = cli;
    this.#taken = onSignals([...(forwards ? FORWARDED : DEADLY), WINCH], (signal) => this.#take(signal));
  }

  aim(target: SignalTarget): void {
    this.#target = target;
    for (const signal of this.#early.splice(0)) this.#take(signal);
  }

  #take(signal: number): void {
    if (signal === WINCH) {
      void this.#try(this.#target?.resize?.());
      return;
    }
    if (this.interrupt && DEADLY.includes(signal as 1)) {
      this.interrupt();
      this.#end(signal);
    }
    if (!this.#target) {
      this.#early.push(signal);
      return;
    }
    const { forward } = this.#target;
    if (!forward) this.#end(signal);
    if (signal === INT || signal === TERM) {
      if (++this.#impatience >= ENOUGH) {
        restoreTerminals();
        const what = `${ENOUGH} signals that the container did not heed: leaving it running`;
        this.#cli.err(`${PROGRAM}: got ${what}\nhint: '${PROGRAM} kill ${this.#target.name}' ends it\n`);
        exit(1);
      }
    }
    void this.#try(forward(signal));
  }

  #end(signal: number): never {
    restoreTerminals();
    exit(128 + signal);
  }

  async #try(action: Promise<void> | undefined): Promise<void> {
    try {
      await action;
    } catch (error) {
      // The container may have ended meanwhile.
      this.#cli.debug(String(error));
    }
  }

  [Symbol.dispose](): void {
    this.#taken[Symbol.dispose]();
  }
}
