// The task service: what a daemon asks of the shim (proto/containerd/task/v2.proto; version 3 has the same calls).
import { WharfError } from "../../common/errors.ts";
import * as events from "../../common/gen/containerd/events/task.ts";
import { ProcessDetails } from "../../common/gen/containerd/runc/options.ts";
import { SandboxService } from "../../common/gen/containerd/sandbox/runtime.ts";
import type * as api from "../../common/gen/containerd/task/v2.ts";
import { type CreateTaskRequest, TaskService } from "../../common/gen/containerd/task/v2.ts";
import { packAny } from "../../common/protobuf/any.ts";
import type { Handlers } from "../../common/protobuf/schema.ts";
import { START_FOLLOWS } from "../../common/shim.ts";
import { type CallContext, Router } from "../../common/ttrpc/server.ts";
import { loop } from "../sys/loop.ts";
import { getpid, SIGNALS } from "../sys/process.ts";
import { readOptions, writeRecord } from "./bundle.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { Container } from "./container.ts";
import type { Publisher } from "./events.ts";
import { makeIO } from "./io/make.ts";
import { watchOom } from "./oom.ts";
import type { TaskProcess } from "./process.ts";
import type { Reaper } from "./reaper.ts";
import { makeRuntime, runtimeRecord } from "./runtimes.ts";
import { type PodContainers, PodService } from "./sandbox/service.ts";
import { readStats } from "./stats.ts";
import { type Tracing, traced } from "./traced.ts";

export interface ServiceContext {
  namespace: string;
  /** The daemon's address: its folder is where states are kept by default. */
  daemonAddress: string;
  /** Folder with a short path, for sockets. */
  folder: string;
  reaper: Reaper;
  publisher: Publisher;
  tracing: Tracing;
  /** Ends the shim, after the answer is sent. */
  shutdown(): void;
}

/** How long an end is not told because the daemon has not heard that memory ran out. */
const HEARD_MS = 2000;
/** Go's zero time, as runc's shim tells of a process that runs: what containerd makes of none at all would be 1970. */
const NEVER = { seconds: -62_135_596_800, nanos: 0 };

/** Its methods are the service's calls, found by their names. */
export class Service implements PodContainers, Handlers<typeof TaskService, CallContext> {
  readonly #context: ServiceContext;
  readonly #containers = new Map<string, Container>();
  readonly #creating = new Set<string>();
  readonly #pod: PodService;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#pod = new PodService(context.reaper, this, context.shutdown);
  }

  get empty(): boolean {
    return this.#containers.size === 0 && this.#creating.size === 0 && !this.#pod.held;
  }

  router(): Router {
    const around = (name: string, context: CallContext, run: () => unknown) =>
      traced(`task ${name}`, context, this.#context.tracing, run);
    return new Router(around)
      .add(TaskService, this)
      .add(TaskService, this, "containerd.task.v3.Task")
      .add(SandboxService, this.#pod);
  }

  async endAll(graceMs: number): Promise<void> {
    const running = [...this.#containers.values()].filter(({ init }) => !init.stopped);
    // one that ends meanwhile, or whose processes take no signal yet, is no reason not to end the others
    const signal = (number: number, all: boolean) =>
      Promise.all(running.map((one) => (one.init.stopped ? undefined : one.kill("", number, all).catch(() => {}))));
    const ended = Promise.all(running.map(({ init }) => init.wait()));
    if (graceMs > 0) {
      await signal(SIGNALS.TERM, false);
      await Promise.race([ended, loop().sleep(graceMs)]);
    }
    await signal(SIGNALS.KILL, true);
    await ended;
  }

  async deleteAll(): Promise<void> {
    for (const id of [...this.#containers.keys()]) await this.#delete(id, "");
  }

  #container(id: string): Container {
    const container = this.#containers.get(id);
    if (!container) throw new WharfError("NotFound", "container not created");
    container.runtime.traceparent = this.#context.tracing.traceparent;
    return container;
  }

  async #create(request: CreateTaskRequest, startFollows: boolean): Promise<{ pid: number }> {
    const { id, bundle, rootfs, stdin, stdout, stderr, terminal, checkpoint } = request;
    if (this.#containers.has(id) || this.#creating.has(id)) throw new WharfError("AlreadyExists", `container ${id}`);
    const { reaper, publisher, namespace, daemonAddress, folder, tracing } = this.#context;
    const options = readOptions(request.options);
    const record = runtimeRecord(options, daemonAddress, namespace);
    this.#creating.add(id);
    try {
      writeRecord(bundle, record);
      const runtime = makeRuntime(reaper, record, { id, bundle, options, traces: tracing.folder });
      runtime.traceparent = tracing.traceparent;
      const { ioUid: uid, ioGid: gid } = options;
      const io = makeIO({ stdin, stdout, stderr, terminal }, { reaper, id, namespace, owner: { uid, gid } });
      const exited = (of: Container, process: TaskProcess) => this.#exited(of, process);
      const heard = () => publisher.flush(HEARD_MS);
      const container = new Container(request, io, runtime, { uid, gid }, reaper, folder, { exited, heard });
      this.#containers.set(id, container);
      try {
        await container.create(request, options.criuWorkPath, startFollows);
      } catch (error) {
        this.#containers.delete(id);
        container.init.abandon();
        throw error;
      }
      const { pid } = container.init;
      const stdio = { stdin, stdout, stderr, terminal };
      const event = { containerId: id, bundle, rootfs, io: stdio, checkpoint, pid };
      publisher.publish("/tasks/create", events.TaskCreate, event);
      if (pid !== 0) this.#watchOom(container);
      container.created();
      return { pid };
    } finally {
      this.#creating.delete(id);
    }
  }

  #exited(container: Container, process: TaskProcess): void {
    const { id, pid, exitStatus, exitedAt } = process;
    const event = { containerId: container.id, id, pid, exitStatus, exitedAt };
    this.#context.publisher.publish("/tasks/exit", events.TaskExit, event);
  }

  #started(container: Container, execId: string, process: TaskProcess): void {
    const { publisher } = this.#context;
    const { id: containerId } = container;
    const { pid } = process;
    if (execId !== "") {
      publisher.publish("/tasks/exec-started", events.TaskExecStarted, { containerId, execId, pid });
      return;
    }
    publisher.publish("/tasks/start", events.TaskStart, { containerId, pid });
    // one that is restored has been made only now
    if (!container.oom) this.#watchOom(container);
  }

  #watchOom(container: Container): void {
    const { id: containerId, init, memory } = container;
    const tell = () => this.#context.publisher.publish("/tasks/oom", events.TaskOOM, { containerId });
    container.oom = watchOom(init.pid, memory, tell);
  }

  async #delete(id: string, execId: string): Promise<TaskProcess> {
    const container = this.#container(id);
    const process = await container.delete(execId);
    if (execId === "") {
      this.#containers.delete(id);
      const { pid, exitStatus, exitedAt } = process;
      // containerd leaves the field `id` empty here
      const event = { containerId: id, pid, exitStatus, exitedAt };
      this.#context.publisher.publish("/tasks/delete", events.TaskDelete, event);
    }
    return process;
  }

  state({ id, execId }: api.StateRequest) {
    const container = this.#container(id);
    const process = container.process(execId);
    const { pid, exitStatus, exitedAt = NEVER, stdio } = process;
    const status = container.statusOf(process);
    return { id: process.id, bundle: container.bundle, pid, status, exitStatus, exitedAt, execId, ...stdio };
  }

  create(request: api.CreateTaskRequest, { metadata }: CallContext) {
    return this.#create(request, metadata.has(START_FOLLOWS));
  }

  async start({ id, execId }: api.StartRequest) {
    const container = this.#container(id);
    const { pid } = await container.start(execId, (process) => this.#started(container, execId, process));
    return { pid };
  }

  async delete({ id, execId }: api.DeleteRequest) {
    const { pid, exitStatus, exitedAt } = await this.#delete(id, execId);
    return { pid, exitStatus, exitedAt };
  }

  async pids({ id }: api.PidsRequest) {
    const container = this.#container(id);
    const execs = container.execs;
    const processes = (await container.runtime.ps()).map((pid) => {
      const exec = execs.find((process) => process.pid === pid);
      return { pid, info: exec && packAny(ProcessDetails, { execId: exec.id }) };
    });
    return { processes };
  }

  async pause({ id }: api.PauseRequest) {
    await this.#container(id).pause();
    this.#context.publisher.publish("/tasks/paused", events.TaskPaused, { containerId: id });
    return {};
  }

  async resume({ id }: api.ResumeRequest) {
    await this.#container(id).resume();
    this.#context.publisher.publish("/tasks/resumed", events.TaskResumed, { containerId: id });
    return {};
  }

  async checkpoint(request: api.CheckpointTaskRequest) {
    await this.#container(request.id).checkpoint(readCheckpoint(request));
    return {};
  }

  async kill({ id, execId, signal, all }: api.KillRequest) {
    await this.#container(id).kill(execId, signal, all);
    return {};
  }

  exec(request: api.ExecProcessRequest) {
    const { publisher, reaper, namespace } = this.#context;
    const container = this.#container(request.id);
    const { execId, stdin, stdout, stderr, terminal } = request;
    const stdio = { stdin, stdout, stderr, terminal };
    container.exec(request, () => makeIO(stdio, { reaper, id: execId, namespace, owner: container.owner }));
    publisher.publish("/tasks/exec-added", events.TaskExecAdded, { containerId: request.id, execId });
    return {};
  }

  resizePty({ id, execId, width, height }: api.ResizePtyRequest) {
    this.#container(id).process(execId).resize(width, height);
    return {};
  }

  closeIO({ id, execId, stdin }: api.CloseIORequest) {
    const process = this.#container(id).process(execId);
    if (stdin) process.io.closeStdin();
    return {};
  }

  async update({ id, resources }: api.UpdateTaskRequest) {
    if (!resources) throw new WharfError("InvalidArgument", "update without resources");
    await this.#container(id).runtime.update(native.utf8(resources.value as Uint8Array<ArrayBuffer>));
    return {};
  }

  async wait({ id, execId }: api.WaitRequest) {
    const process = this.#container(id).process(execId);
    await process.wait();
    if (execId === "" && process.abandoned) throw new WharfError("NotFound", "container not created");
    return { exitStatus: process.exitStatus, exitedAt: process.exitedAt };
  }

  stats({ id }: api.StatsRequest) {
    return { stats: readStats(this.#container(id).init) };
  }

  connect({ id }: api.ConnectRequest) {
    return { shimPid: getpid(), taskPid: this.#containers.get(id)?.init.pid ?? 0, version: "v3" };
  }

  shutdown() {
    // it still holds containers: the daemon asks again when they are gone
    if (this.empty) this.#context.shutdown();
    return {};
  }
}
