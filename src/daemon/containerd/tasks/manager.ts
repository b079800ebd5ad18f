/** The tasks of one namespace. */

import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { parseFilter, parseFilters } from "../../../common/filters.ts";
import type { StateResponse } from "../../../common/gen/containerd/task/v2.ts";
import { formatTimestamp } from "../../../common/timestamp.ts";
import { isDiskFull } from "../../store/errors.ts";
import { nextTurn, PART } from "../../turn.ts";
import type { Container } from "../api/containers.ts";
import type {
  CreateTaskRequest,
  DeleteResponse,
  ExecRequest,
  ExitStatus,
  KillRequest,
  Metric,
  Process,
  ProcessInfo,
  ProcessRef,
  TaskManager,
  TaskStatus,
} from "../api/tasks.ts";
import type { Any, CallOptions, Descriptor } from "../api/types.ts";
import { LocalContainers } from "../containers/store.ts";
import { abortable } from "../core/abortable.ts";
import { now } from "../core/clock.ts";
import { checkIdentifier } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import type { Pods } from "../sandboxes/pods.ts";
import { sandboxShim } from "../sandboxes/shim-of.ts";
import { bundlePath, createBundle, mayHaveGroup, reasonFor, removeBundle } from "./bundle.ts";
import { checkpointTask, restoreFolder, unpackCheckpoint } from "./checkpoint.ts";
import { type Exit, exitOf } from "./exits.ts";
import { lastWords } from "./last-words.ts";
import { OUR_SHIM } from "./shim-logs.ts";
import type { ShimManager } from "./shims.ts";
import type { Task, TaskRecord } from "./task.ts";

/** Milliseconds a list or a metric waits for one shim: a stuck one must not hold up the others. */
const LIST_TIMEOUT = 2000;
const KILL = 9;
/** Milliseconds a signal waits for its shim: one that takes longer hangs. */
const KILL_TIMEOUT = 10_000;
const STATUS: readonly TaskStatus[] = ["unknown", "created", "running", "stopped", "paused", "pausing"];

export class LocalTasks implements TaskManager {
  readonly #scope: Scope;
  readonly #shims: ShimManager;
  readonly #pods: Pods;

  constructor(scope: Scope, shims: ShimManager, pods: Pods) {
    this.#scope = scope;
    this.#shims = shims;
    this.#pods = pods;
  }

  async create(request: CreateTaskRequest): Promise<{ containerId: string; pid: number }> {
    const { containerId: id } = request;
    const container = await new LocalContainers(this.#scope).get(id);
    return this.#shims.exclusive(this.#scope.namespace, id, () => this.#create(request, container));
  }

  async #create(request: CreateTaskRequest, container: Container): Promise<{ containerId: string; pid: number }> {
    const { containerId: id, stdin = "", stdout = "", stderr = "", terminal = false, signal } = request;
    const { namespace, shared } = this.#scope;
    if (this.#shims.find(namespace, id)) {
      throw new WharfError("AlreadyExists", `container ${JSON.stringify(id)} has a task already`, { subject: id });
    }
    const binary = this.#resolve(request.runtimePath ?? container.runtime.name);
    const bundle = bundlePath(shared.paths.state, namespace, id);
    const options = request.options ?? container.runtime.options;
    const shim = sandboxShim(this.#scope, { pods: this.#pods, shims: this.#shims }, container.sandbox, options);
    const sandbox = shim ? container.sandbox : "";
    const record: TaskRecord = {
      ...{ namespace, id, bundle, binary, pid: 0, stdin, stdout, stderr, terminal, sandbox },
      shim: shim ?? { address: "", version: 2 },
    };
    this.#shims.insert(record);
    failpoint("task.inserted");
    let task: Task | undefined;
    let failed = "failed to make the bundle";
    try {
      if (!createBundle(bundle, container.spec!.value)) {
        await removeBundle(bundle, shared.agent);
        createBundle(bundle, container.spec!.value);
      }
      failpoint("task.bundle-created");
      const checkpoint = await unpackCheckpoint(this.#scope, bundle, request);
      failed = "failed to start shim";
      task = await this.#shims.start(record, options, signal, !mayHaveGroup(container.spec!.value));
      failed = "failed to create shim task";
      const { rootfs = [] } = request;
      const create = { id, bundle, rootfs, terminal, stdin, stdout, stderr, options, checkpoint };
      const begin = request.startFollows === true && startsInTurn(record);
      const { pid } = await task.create(create, { signal, begin });
      failpoint("task.created");
      this.#shims.notePid(task, pid);
      this.#shims.add(task);
      task.wait("").catch(() => {});
      return { containerId: id, pid };
    } catch (error) {
      throw await this.#undo(record, task, failed, reasonFor(error, container.spec!.value));
    }
  }

  /** A shim that is missing is told in containerd's words and with its code: dockerd passes both on. */
  #resolve(runtime: string): string {
    try {
      return this.#shims.resolve(runtime);
    } catch (cause) {
      const code = isCode(cause, "NotFound") ? "Unknown" : WharfError.from(cause).code;
      throw new WharfError(code, "failed to start shim: failed to resolve runtime path", { subject: runtime, cause });
    }
  }

  /** Removes what a failed creation has left, and says why it failed. */
  async #undo(record: TaskRecord, task: Task | undefined, failed: string, cause: unknown): Promise<WharfError> {
    const { shared } = this.#scope;
    const { id, bundle } = record;
    const error = WharfError.from(cause);
    const said =
      error.code === "Unavailable" ? await lastWords(bundle, this.#shims.logs.last(bundle), shared.agent) : "";
    try {
      if (task && !task.dead) {
        // A container that could be made all the same goes first; mostly there is none.
        await this.#shims.withdraw(task);
      } else {
        await task?.[Symbol.asyncDispose]();
        await this.#shims.discard(record);
      }
    } catch (error) {
      shared.log(`cannot clean up after the failed creation of task ${JSON.stringify(id)}`, error);
    }
    return new WharfError(error.code, `${failed}${said}`, { operation: "create task", subject: id, cause });
  }

  async start({ containerId: id, execId = "" }: ProcessRef): Promise<{ pid: number }> {
    const task = this.#task(id);
    const { pid } = await task.start(execId);
    failpoint(execId === "" ? "task.started" : "exec.started");
    // one that is restored has its process only now
    if (execId === "" && pid !== task.record.pid) {
      this.#shims.notePid(task, pid);
      await rm(restoreFolder(task.record.bundle), { recursive: true, force: true });
    } else task.noteStarted(execId, pid);
    return { pid };
  }

  async delete(id: string): Promise<DeleteResponse> {
    return this.#shims.exclusive(this.#scope.namespace, id, async () => {
      const task = this.#task(id);
      const exit = task.dead ? this.#deleteDead(task, task.dead) : await this.#deleteLiving(task);
      failpoint("task.deleted");
      await this.#shims.remove(task);
      this.#shims.deletions.concluded(this.#scope.namespace, id, exit);
      return { id, ...exit };
    });
  }

  /** The shim tells of the deletion itself; a dead one cannot. */
  #deleteDead(task: Task, exit: Exit): Exit {
    const { id, namespace } = task.record;
    this.#shims.deletions.tell(namespace, id, exit);
    return exit;
  }

  async #deleteLiving(task: Task): Promise<Exit> {
    const { id, pid, namespace } = task.record;
    const key = { namespace, task: id, exec: "" };
    try {
      // Whose exit is written down has ended: no need to ask.
      const written = this.#shims.exits.find(key);
      const state = written ? undefined : await task.call((client, call) => client.state({ id }, call));
      const status = state ? (STATUS[state.status] ?? "unknown") : "stopped";
      if (status !== "stopped" && status !== "created") {
        throw new WharfError("FailedPrecondition", `cannot delete task ${JSON.stringify(id)}: it is ${status}`, {
          subject: id,
          hint: "kill it and wait for its end first",
        });
      }
      // runc's shim does not delete a container that was never started.
      if (status === "created") {
        const kill = (all: boolean) => task.call((client, call) => client.kill({ id, signal: 9, all }, call));
        const killed = await kill(true)
          .catch(() => kill(false))
          .then(
            () => true,
            () => false,
          );
        // One that was to be restored has no process yet; what could not be killed does not end.
        if (killed && state?.pid !== 0) await task.wait("");
      }
      const answer = await task.call((client, call) => client.delete({ id }, call), { timeoutMs: undefined });
      if (written) return written;
      const exit = exitOf(answer.pid || pid, answer, now());
      try {
        this.#shims.exits.record(key, exit, { patient: true });
      } catch (error) {
        // The container is gone already: its task has to go, too.
        if (!isDiskFull(error)) throw error;
        this.#scope.shared.log(`the exit of task ${JSON.stringify(id)} is not recorded`, error);
      }
      return exit;
    } catch (error) {
      // An earlier deletion got as far as the shim, which knows of no container any more.
      if (isCode(error, "NotFound")) return this.#shims.exits.find(key) ?? { pid, exitStatus: 255, exitedAt: now() };
      // The shim died under our hands.
      if (!isCode(error, "Unavailable")) throw error;
      const unknown = { pid, exitStatus: 255, exitedAt: now() };
      return this.#deleteDead(task, await task.wait("").catch(() => this.#shims.exits.find(key) ?? unknown));
    }
  }

  async deleteProcess({ containerId: id, execId }: Required<ProcessRef>): Promise<DeleteResponse> {
    if (!execId) throw new WharfError("InvalidArgument", "no exec id: the init process goes with its task");
    const task = this.#task(id);
    const answer = await task.call((client, call) => client.delete({ id, execId }, call));
    const exit = exitOf(answer.pid, answer, now());
    failpoint("exec.deleted");
    task.forget(execId, exit.pid);
    return { id: execId, ...exit };
  }

  async get({ containerId, execId = "" }: ProcessRef): Promise<Process> {
    return this.#get(await this.#coming(containerId), execId);
  }

  async #get(task: Task, execId: string, timeoutMs?: number): Promise<Process> {
    const { id } = task.record;
    if (task.dead) {
      if (execId !== "")
        throw new WharfError("NotFound", `process ${JSON.stringify(execId)} not found`, { subject: execId });
      return deadProcess(task, task.dead);
    }
    const limits = timeoutMs === undefined ? {} : { timeoutMs };
    return readProcess(id, execId, await task.call((client, call) => client.state({ id, execId }, call), limits));
  }

  async list(filter = ""): Promise<Process[]> {
    const matches = parseFilter(filter);
    const tasks = this.#shims.list(this.#scope.namespace);
    const chosen = tasks.filter(({ record }) => matches(([field]) => (field === "id" ? record.id : undefined)));
    const asked: Promise<Process>[] = [];
    for (const task of chosen) {
      if (asked.length % PART === PART - 1) await nextTurn();
      asked.push(
        this.#get(task, "", LIST_TIMEOUT).catch(() => {
          const { exitStatus, exitedAt } = task.dead ?? { exitStatus: 0, exitedAt: undefined };
          return {
            ...recordProcess(task.record),
            status: task.dead ? "stopped" : "unknown",
            exitStatus,
            exitedAt,
          } as Process;
        }),
      );
    }
    return Promise.all(asked);
  }

  async kill({ containerId: id, execId = "", signal, all = false }: KillRequest): Promise<void> {
    const task = this.#task(id);
    const limits = { timeoutMs: KILL_TIMEOUT };
    try {
      await task.call((client, call) => client.kill({ id, execId, signal, all }, call), limits);
    } catch (error) {
      const hung = signal === KILL && execId === "" && isCode(error, "DeadlineExceeded");
      // What is to be killed goes with a shim that hangs.
      if (!isCode(error, "Unavailable") && !(hung && (await this.#shims.killHung(task)))) throw error;
      // With a shim that died all its processes are gone.
      await task.wait("").catch(() => {});
      if (signal !== KILL)
        throw new WharfError("NotFound", `the shim of task ${JSON.stringify(id)} is gone`, { cause: error });
    }
  }

  async exec({
    containerId: id,
    execId,
    spec,
    stdin = "",
    stdout = "",
    stderr = "",
    terminal = false,
  }: ExecRequest): Promise<void> {
    checkIdentifier(execId, "exec id");
    const task = this.#task(id);
    await task.call((client, call) => client.exec({ id, execId, spec, stdin, stdout, stderr, terminal }, call));
    failpoint("exec.added");
    task.wait(execId).catch(() => {});
  }

  async resizePty({
    containerId: id,
    execId = "",
    width,
    height,
  }: ProcessRef & { width: number; height: number }): Promise<void> {
    await this.#task(id).call((client, call) => client.resizePty({ id, execId, width, height }, call));
  }

  async closeIO({ containerId: id, execId = "", stdin }: ProcessRef & { stdin: boolean }): Promise<void> {
    const task = await this.#coming(id);
    await task.call((client, call) => client.closeIO({ id, execId, stdin }, call));
  }

  async pause(id: string): Promise<void> {
    await this.#task(id).call((client, call) => client.pause({ id }, call));
  }

  async resume(id: string): Promise<void> {
    await this.#task(id).call((client, call) => client.resume({ id }, call));
  }

  async listPids(id: string): Promise<ProcessInfo[]> {
    const { processes } = await this.#task(id).call((client, call) => client.pids({ id }, call));
    return processes.map(({ pid, info }) => ({ pid, info }));
  }

  async metrics(filters?: readonly string[]): Promise<Metric[]> {
    const filter = parseFilters(filters);
    const { namespace } = this.#scope;
    const chosen = this.#shims
      .list(namespace)
      .filter(
        ({ record: { id }, dead }) =>
          !dead && filter(([field]) => (field === "id" ? id : field === "namespace" ? namespace : undefined)),
      );
    const all = await Promise.all(
      chosen.map(async ({ record: { id } }, index): Promise<Metric | undefined> => {
        const limits = { timeoutMs: LIST_TIMEOUT };
        const answer = await chosen[index]!.call((client, call) => client.stats({ id }, call), limits).catch(
          () => undefined,
        );
        return answer && { timestamp: now(), id, data: answer.stats };
      }),
    );
    return all.filter((metric) => metric !== undefined);
  }

  async wait({ containerId, execId = "", signal }: ProcessRef & CallOptions): Promise<ExitStatus> {
    const task = this.#task(containerId);
    if (task.dead && execId !== "") {
      const known = this.#shims.exits.find({ namespace: this.#scope.namespace, task: containerId, exec: execId });
      if (!known) throw new WharfError("NotFound", `process ${JSON.stringify(execId)} not found`, { subject: execId });
    }
    const { exitStatus, exitedAt } = await abortable(task.wait(execId), signal, "process");
    return { exitStatus, exitedAt };
  }

  async update(request: {
    containerId: string;
    resources: Any;
    annotations?: Record<string, string> | undefined;
  }): Promise<void> {
    const { containerId: id, resources, annotations = {} } = request;
    await this.#task(id).call((client, call) => client.update({ id, resources, annotations }, call));
  }

  async checkpoint(request: { containerId: string; options?: Any | undefined }): Promise<Descriptor[]> {
    const { containerId: id, options } = request;
    const { spec } = await new LocalContainers(this.#scope).get(id);
    return checkpointTask(this.#scope, this.#task(id), spec!, options);
  }

  /**
   * Who has the other end of its stdin knows of a task before its creation is answered: nerdctl asks for it then, to close what has come to
   * its end already. With containerd it waits for the shim, which creates it.
   */
  async #coming(id: string): Promise<Task> {
    const { namespace } = this.#scope;
    if (!this.#shims.find(namespace, id)) await this.#shims.idle(namespace, id);
    return this.#task(id);
  }

  #task(id: string): Task {
    const task = this.#shims.find(this.#scope.namespace, id);
    if (!task) throw new WharfError("NotFound", `task ${JSON.stringify(id)} not found`, { subject: id });
    return task;
  }
}

/** Our own shim does what it is asked for a container one after the other; others look for it first. */
function startsInTurn({ binary, sandbox }: TaskRecord): boolean {
  return sandbox === "" && basename(binary) === OUR_SHIM;
}

function recordProcess({
  id,
  pid,
  stdin,
  stdout,
  stderr,
  terminal,
}: TaskRecord): Omit<Process, "status" | "exitStatus" | "exitedAt"> {
  return { containerId: id, id, pid, stdin, stdout, stderr, terminal };
}

function deadProcess(task: Task, { exitStatus, exitedAt }: Exit): Process {
  return { ...recordProcess(task.record), status: "stopped", exitStatus, exitedAt };
}

function readProcess(containerId: string, execId: string, state: StateResponse): Process {
  const { pid, stdin, stdout, stderr, terminal, exitStatus, exitedAt } = state;
  return {
    containerId,
    id: execId || containerId,
    status: STATUS[state.status] ?? "unknown",
    exitedAt: exitedAt && exitedAt.seconds > 0 ? formatTimestamp(exitedAt) : undefined,
    ...{ pid, stdin, stdout, stderr, terminal, exitStatus },
  };
}
