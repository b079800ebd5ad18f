// A container in the shim: its init process, its execs, and what may be done with them in which state.
import { isCode, WharfError } from "../../common/errors.ts";
import type { CreateTaskRequest, ExecProcessRequest } from "../../common/gen/containerd/task/v2.ts";
import { Status } from "../../common/gen/containerd/types/task.ts";
import { loop } from "../sys/loop.ts";
import { SIGNALS } from "../sys/process.ts";
import { isFrozen } from "./cgroup.ts";
import type { Stdio } from "./child.ts";
import type { Owner, ProcessIO } from "./io/io.ts";
import { warn } from "./log.ts";
import type { MemoryGroup, OomWatch } from "./oom.ts";
import { Order } from "./order.ts";
import { TaskProcess } from "./process.ts";
import type { Ended, Reaper } from "./reaper.ts";
import type { CheckpointRequest, Created, Launch, OciRuntime } from "./runtime.ts";

/** How long Delete waits for output that another process still holds back. */
const DRAIN_MS = 2000;
/** How long an end is not told because its last output has not been read. */
const UNREAD_MS = 200;
/** How often it is looked whether the processes that the init process left behind are gone, and how long between. */
const REST = { looks: 20, ms: 5 };

/** What a container tells the service. */
export interface ContainerEvents {
  /** A process has ended and everybody may know: the init process's end comes after all others. */
  exited(container: Container, process: TaskProcess): void;
  /** Resolves when the daemon has heard all that was told so far, or after a while. */
  heard(): Promise<void>;
}

interface Exec {
  process: TaskProcess;
  spec: string;
}

/**
 * A runtime that failed, in the words and with the code of containerd's shim for runc: clients look for them, and dockerd puts every other code before
 * what it tells its users.
 */
async function runtimeSays<T>(verb: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new WharfError("Unknown", `OCI runtime ${verb} failed`, { cause });
  }
}

export class Container {
  readonly id: string;
  readonly bundle: string;
  readonly init: TaskProcess;
  readonly runtime: OciRuntime;
  /** Owner of the processes' pipes. */
  readonly owner: Owner;
  readonly #reaper: Reaper;
  readonly #events: ContainerEvents;
  /** Where sockets of short life are put. */
  readonly #folder: string;
  readonly #execs = new Map<string, Exec>();
  /** Execs that have been started and have not ended. */
  #running = 0;
  #initEnd: Ended | undefined;
  #pausing = false;
  #paused = false;
  /** No pid namespace of its own: the init process's end leaves others behind. */
  #sharedPids = false;
  /** It has left others behind, which are being ended. */
  #ending = false;
  #told = false;
  /** Its program was begun with its creation; its start has not been told yet. */
  #begun = false;
  /** What its start brings back instead of starting it: the images' folder, and criu's. */
  #checkpoint: { imagePath: string; workPath: string } | undefined;
  readonly #order = new Order();
  /** Runtimes at work on a signal. */
  readonly #killing = new Set<Promise<void>>();
  /** Its start has been asked for. */
  #startCame = false;
  /** Processes whose start has been told. */
  readonly #started = new Set<TaskProcess>();
  /** Looks for its being out of memory; set by the service. */
  oom: OomWatch | undefined;
  /** Where its memory is counted, where its program was begun with its creation. */
  memory: MemoryGroup | undefined;

  constructor(
    request: CreateTaskRequest,
    io: ProcessIO,
    runtime: OciRuntime,
    owner: Owner,
    reaper: Reaper,
    folder: string,
    events: ContainerEvents,
  ) {
    const { id, bundle, stdin, stdout, stderr, terminal } = request;
    this.id = id;
    this.bundle = bundle;
    this.init = new TaskProcess(id, { stdin, stdout, stderr, terminal }, io);
    this.runtime = runtime;
    this.owner = owner;
    this.#reaper = reaper;
    this.#folder = folder;
    this.#events = events;
  }

  process(execId: string): TaskProcess {
    if (execId === "") return this.init;
    const exec = this.#execs.get(execId);
    if (!exec) throw new WharfError("NotFound", `process does not exist ${execId}`);
    return exec.process;
  }

  get execs(): TaskProcess[] {
    return [...this.#execs.values()].map(({ process }) => process);
  }

  statusOf(process: TaskProcess): number {
    if (process.status !== Status.RUNNING) return process.status;
    return this.#pausing ? Status.PAUSING : this.#paused ? Status.PAUSED : Status.RUNNING;
  }

  /** `workPath`: criu's, for one that is restored; "" for none in particular. `startFollows`: its start is on its way. */
  create(request: CreateTaskRequest, workPath: string, startFollows: boolean): Promise<void> {
    if (request.checkpoint !== "") {
      this.#checkpoint = { imagePath: request.checkpoint, workPath };
      return this.#order.serial(async () => {
        try {
          await this.runtime.mount(request.rootfs);
        } catch (error) {
          this.init.close();
          throw error;
        }
      });
    }
    const { rootfs } = request;
    return this.#order.serial(() =>
      this.#launchInit((launch) => runtimeSays("create", this.runtime.create({ rootfs, startFollows, ...launch }))),
    );
  }

  async #launchInit(make: (launch: Launch) => Promise<Created>): Promise<void> {
    const launch = async (stdio: Stdio, consoleSocket: string | undefined) => {
      const created = await make({ stdio, consoleSocket });
      this.#sharedPids = created.sharedPids;
      this.#begun = created.runs === true;
      this.memory = created.memory;
      return created;
    };
    try {
      await this.init.launch(this.#reaper, this.#folder, launch, (end) => this.#initEnded(end));
    } catch (error) {
      // made, but without its terminal: why that was is what the caller is told
      if (this.init.pid !== 0)
        await this.runtime.delete(true).catch((cause: unknown) => warn("a container that failed is left", cause));
      throw error;
    }
  }

  /** Its creation has been told: from now on its end may be. */
  created(): void {
    this.#told = true;
    if (this.#initEnd && this.#running === 0) this.#tellInitEnd();
  }

  /** `told` announces the start; an end that came before is told after. */
  async start(execId: string, told: (process: TaskProcess) => void): Promise<TaskProcess> {
    // at once, whatever start is still under way
    if (this.#isOver(this.process(execId))) throw this.#cannot("start", this.process(execId));
    if (execId === "") this.#startCame = true;
    const starts = async () => {
      const process = this.process(execId);
      if (process.status !== Status.CREATED || process.abandoned || this.#isOver(process))
        throw this.#cannot("start", process);
      process.status = Status.RUNNING;
      try {
        if (process === this.init) await this.#startInit();
        else await this.#startExec(execId, process);
      } catch (error) {
        if (process.status === Status.RUNNING) process.status = Status.CREATED;
        if (process !== this.init) process.abandon();
        this.#settle(process);
        throw error;
      }
      told(process);
      this.#started.add(process);
      if (process === this.init) this.#begun = false;
      this.#settle(process);
      return process;
    };
    // a runtime may take its time with one exec, or wait for something: the others do not wait with it, nor notice the container's end late
    return execId === "" ? this.#order.serial(starts) : this.#order.beside(starts);
  }

  /** Its program runs since it was created, for a start that was to follow; who ends it does not wait for that any more, where it has not come. */
  #startNeverCame(): void {
    if (!this.#begun || this.#startCame) return;
    this.#begun = false;
    this.#settle(this.init);
  }

  /** Tells an end that had to wait for its start to be told. */
  #settle(process: TaskProcess): void {
    const { early } = process;
    process.early = undefined;
    if (early) this.#ended(process, early);
  }

  /** With the init process's end nothing can be started any more; that one's own start, where it was begun with its creation, is still to be told. */
  #isOver(process: TaskProcess): boolean {
    return this.#initEnd !== undefined && !(process === this.init && this.#begun);
  }

  #cannot(what: string, process: TaskProcess): WharfError {
    const started = process.status === Status.CREATED ? "created" : "running";
    const state = process.stopped || this.#initEnd ? "stopped" : started;
    return new WharfError("FailedPrecondition", `cannot ${what} a ${state} process`);
  }

  #startInit(): Promise<void> {
    const from = this.#checkpoint;
    if (!from) return runtimeSays("start", this.runtime.start());
    return this.#launchInit((launch) => this.runtime.restore({ ...from, ...launch }));
  }

  async #startExec(execId: string, process: TaskProcess): Promise<void> {
    const { spec } = this.#execs.get(execId)!;
    this.#running++;
    try {
      await process.launch(
        this.#reaper,
        this.#folder,
        (stdio, consoleSocket) =>
          runtimeSays("exec", this.runtime.exec({ execId, process: spec, stdio, consoleSocket })),
        (end) => this.#execEnded(process, end),
      );
    } catch (error) {
      this.#execGone();
      throw error;
    }
  }

  #initEnded(end: Ended): void {
    this.#initEnd = end;
    if (!this.#sharedPids) {
      if (this.#running === 0) this.#tellInitEnd();
      return;
    }
    this.#ending = true;
    void this.#endRest().then(() => {
      this.#ending = false;
      if (this.#running === 0) this.#tellInitEnd();
    });
  }

  /** Who hears of the container's end may rely on it that nothing of it runs any more. */
  async #endRest(): Promise<void> {
    try {
      await this.runtime.kill(9, true);
      for (let left = REST.looks; left > 0 && (await this.runtime.ps()).length > 0; left--) await loop().sleep(REST.ms);
    } catch (error) {
      // nobody may be left, and the container gone
      if (!isCode(error, "NotFound", "FailedPrecondition")) warn("processes of an ended container are left", error);
    }
  }

  /** The init process's end is told when no exec is left: it must be the last. */
  #tellInitEnd(): void {
    if (!this.#told || this.#ending) return;
    const starts = this.#begun || this.init.status === Status.RUNNING;
    if (starts && !this.#started.has(this.init)) this.init.early = this.#initEnd;
    else this.#ended(this.init, this.#initEnd!);
  }

  #execEnded(process: TaskProcess, end: Ended): void {
    if (this.#started.has(process)) this.#ended(process, end);
    else process.early = end;
  }

  #execGone(): void {
    this.#running--;
    if (this.#running === 0 && this.#initEnd && !this.init.stopped) this.#tellInitEnd();
  }

  #ended(process: TaskProcess, end: Ended): void {
    this.#started.delete(process);
    const tell = () => {
      process.ended(end);
      this.#events.exited(this, process);
      if (process !== this.init) this.#execGone();
    };
    // who waits for the end may ask then whether memory was what it ended of
    const short = process === this.init && this.oom?.look();
    if (short) void Promise.all([this.#events.heard(), this.#taken(process.io)]).then(tell);
    else if (process.io.unread?.()) void this.#taken(process.io).then(tell);
    else tell();
  }

  /**
   * Clients of containerd close their end of the output when they hear of the end and delete the process, whether they have read it all or not (its
   * `cio`): the sooner they hear, the more often the last of it would be lost.
   */
  async #taken(io: ProcessIO): Promise<void> {
    for (let left = UNREAD_MS; left > 0 && io.unread?.(); left--) await loop().sleep(1);
  }

  exec(request: ExecProcessRequest, io: () => ProcessIO): void {
    const { execId, stdin, stdout, stderr, terminal, spec } = request;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(execId)) {
      throw new WharfError("InvalidArgument", `bad exec id ${JSON.stringify(execId)}`);
    }
    if (this.#execs.has(execId)) throw new WharfError("AlreadyExists", `id ${execId}`);
    // One that waits for its start may be looked into already; one whose end waits for a start under way counts as running, as its status says.
    const { status } = this.init;
    if (status !== Status.RUNNING && status !== Status.CREATED) throw this.#cannot("exec in", this.init);
    if (this.#paused) throw new WharfError("FailedPrecondition", "cannot exec in a paused container");
    let text: string;
    try {
      const process = JSON.parse(native.utf8(spec?.value ?? new Uint8Array(0))) as Record<string, unknown>;
      text = JSON.stringify({ ...process, terminal });
    } catch (cause) {
      throw new WharfError("InvalidArgument", `exec ${execId}: the process is not JSON`, { cause });
    }
    const process = new TaskProcess(execId, { stdin, stdout, stderr, terminal }, io());
    this.#execs.set(execId, { process, spec: text });
  }

  async kill(execId: string, signal: number, all: boolean): Promise<void> {
    const process = this.process(execId);
    if (process === this.init) this.#startNeverCame();
    if (process.stopped || (process === this.init && this.#initEnd)) {
      throw new WharfError("NotFound", "process already finished");
    }
    // with the first process of a pid namespace the kernel kills all others
    const alone = !all || (signal === SIGNALS.KILL && !this.#sharedPids);
    // a frozen container's processes are thawed by the runtime, and those of a sandboxed one are not the host's
    const frozen = () => this.#paused || (signal === SIGNALS.KILL && isFrozen(process.pid));
    const direct = process !== this.init || (this.runtime.direct && alone && !frozen());
    if (direct) return process.signal(signal);
    const killing = this.runtime.kill(signal, all);
    this.#killing.add(killing);
    try {
      await killing;
    } catch (error) {
      // runsc signals only what has been started; what waits for its start is to be ended all the same
      if (signal !== SIGNALS.KILL || process.status !== Status.CREATED || isCode(error, "NotFound")) throw error;
      process.signal(signal);
    } finally {
      this.#killing.delete(killing);
    }
  }

  pause(): Promise<void> {
    return this.#order.serial(async () => {
      if (this.init.status !== Status.RUNNING || this.#paused) throw this.#cannot("pause", this.init);
      this.#pausing = true;
      try {
        await this.runtime.pause();
        this.#paused = true;
      } finally {
        this.#pausing = false;
      }
    });
  }

  resume(): Promise<void> {
    return this.#order.serial(async () => {
      if (!this.#paused) throw this.#cannot("resume", this.init);
      await this.runtime.resume();
      this.#paused = false;
    });
  }

  checkpoint(request: CheckpointRequest): Promise<void> {
    return this.#order.serial(async () => {
      if (this.init.status !== Status.RUNNING || this.#initEnd) throw this.#cannot("checkpoint", this.init);
      await this.runtime.checkpoint(request);
    });
  }

  /** Removes an exec, or with "" the container. FailedPrecondition while the process runs. */
  delete(execId: string): Promise<TaskProcess> {
    return this.#order.serial(async () => {
      const process = this.process(execId);
      if (process.status === Status.RUNNING) throw this.#cannot("delete", process);
      if (process === this.init) this.#startNeverCame();
      // an exec's own pipes may be held by what it has left behind
      if (process.stopped) await process.io.drained(DRAIN_MS);
      if (process === this.init) {
        // who kills is to have its answer before the shim ends
        await Promise.allSettled(this.#killing);
        this.oom?.[Symbol.dispose]();
        await this.runtime.delete(!process.stopped);
        if (!process.stopped && process.pid !== 0) await process.wait();
        for (const exec of this.execs) exec.close();
      } else this.#execs.delete(execId);
      process.close();
      return process;
    });
  }
}
