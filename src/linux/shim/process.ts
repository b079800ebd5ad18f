// One process of a container as the shim knows it: the init process, or one added by Exec.
import { WharfError } from "../../common/errors.ts";
import { Status } from "../../common/gen/containerd/types/task.ts";
import type { Instant } from "../../common/timestamp.ts";
import { NR } from "../sys/nr.ts";
import type { Stdio } from "./child.ts";
import { BinaryIO } from "./io/binary.ts";
import { ConsoleSocket, resize } from "./io/console.ts";
import type { ProcessIO, StdioSpec } from "./io/io.ts";
import type { Ended, Reaper } from "./reaper.ts";

const ESRCH = -3;

export class TaskProcess {
  /** The exec id; for the init process the container's id. */
  readonly id: string;
  readonly stdio: StdioSpec;
  readonly io: ProcessIO;
  pid = 0;
  status: number = Status.CREATED;
  exitStatus = 0;
  exitedAt: Instant | undefined;
  /** It ended before its start was told: told after that. */
  early: Ended | undefined;
  /** Its start failed, or the creation of its container: there is no second one, and nothing to wait for. */
  abandoned = false;
  #waiting: (() => void)[] = [];
  #master = -1;

  constructor(id: string, stdio: StdioSpec, io: ProcessIO) {
    this.id = id;
    this.stdio = stdio;
    this.io = io;
  }

  get stopped(): boolean {
    return this.status === Status.STOPPED;
  }

  /**
   * Has `launch` start the process with its streams, which then belong to it alone. `folder`: for the terminal's socket.
   * `onEnd` is called once, at its end, also when that came before this is done.
   */
  async launch(
    reaper: Reaper,
    folder: string,
    launch: (stdio: Stdio, consoleSocket: string | undefined) => Promise<{ pid: number }>,
    onEnd: (end: Ended) => void,
  ): Promise<void> {
    using _hold = reaper.hold();
    try {
      const stdio = this.io.open();
      if (this.io instanceof BinaryIO) await this.io.ready();
      if (this.stdio.terminal) {
        using socket = new ConsoleSocket(folder);
        this.pid = (await launch(stdio, socket.path)).pid;
        this.#master = await socket.master;
      } else this.pid = (await launch(stdio, undefined)).pid;
      this.io.launched(this.#master < 0 ? undefined : this.#master);
    } catch (error) {
      this.io.close();
      throw error;
    }
    reaper.watch(this.pid, onEnd);
  }

  /** Notes its end and answers all who wait for it. */
  ended(end: Ended): void {
    this.io.exited();
    this.status = Status.STOPPED;
    this.exitStatus = end.status;
    this.exitedAt = end.at;
    this.#answer();
  }

  abandon(): void {
    this.abandoned = true;
    this.#answer();
  }

  #answer(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves at its end. */
  wait(): Promise<void> {
    if (this.stopped || this.abandoned) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Signals the process itself. FailedPrecondition before it runs, NotFound after its end. */
  signal(signal: number): void {
    if (this.stopped) throw new WharfError("NotFound", "process already finished");
    if (this.pid === 0) throw new WharfError("FailedPrecondition", "process not created");
    const answer = native.syscall(NR.kill, this.pid, signal);
    if (answer === ESRCH) throw new WharfError("NotFound", "process already finished");
    if (answer < 0) throw new WharfError("InvalidArgument", `signal ${signal} cannot be sent`);
  }

  resize(width: number, height: number): void {
    if (this.#master >= 0 && !this.stopped) resize(this.#master, width, height);
  }

  /** Gives everything back that it holds. */
  close(): void {
    this.io.close();
    this.#master = -1;
    this.#answer();
  }
}
