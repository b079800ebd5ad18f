/** TaskManager over gRPC. */

import { setTimeout as sleep } from "node:timers/promises";
import { isCode } from "../../../common/errors.ts";
import { TasksService, type DeleteResponse as WireDeleted } from "../../../common/gen/containerd/services/tasks.ts";
import type { Process as WireProcess } from "../../../common/gen/containerd/types/task.ts";
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
} from "../../containerd/api/tasks.ts";
import type { Any, CallOptions, Descriptor } from "../../containerd/api/types.ts";
import { fromDescriptor, fromTime, fromZeroTime, required, toDescriptor, toMounts } from "../convert.ts";
import type { Caller, ClientFor } from "./call.ts";
import type { HeardExits } from "./exits.ts";

/** Milliseconds that a wait goes on without anybody who answers, and between attempts. */
const PATIENCE = 60_000;
const RETRY = 200;
/** How long containerd may take to tell the end of a task whose shim is gone: it gives its cleaning up five seconds. */
const CLEANUP = 8000;
/** Answers to the request itself: no end is going to be told because of them. */
const REFUSED = ["InvalidArgument", "PermissionDenied", "Unauthenticated", "Unimplemented"] as const;
const STATUSES: readonly TaskStatus[] = ["unknown", "created", "running", "stopped", "paused", "pausing"];

export class RemoteTasks implements TaskManager {
  readonly #call: Caller;

  readonly #exits: Pick<HeardExits, "expect">;

  readonly #patience: number;

  constructor(call: Caller, exits: Pick<HeardExits, "expect">, patience = PATIENCE) {
    this.#call = call;
    this.#exits = exits;
    this.#patience = patience;
  }

  get #client(): ClientFor<typeof TasksService> {
    return this.#call(TasksService);
  }

  async create(request: CreateTaskRequest): Promise<{ containerId: string; pid: number }> {
    const { signal, rootfs = [], checkpoint, ...rest } = request;
    const wire = { ...rest, rootfs: toMounts(rootfs), checkpoint: checkpoint && toDescriptor(checkpoint) };
    const { containerId, pid } = await this.#client.create(wire, { signal });
    return { containerId, pid };
  }

  async start({ containerId, execId = "" }: ProcessRef): Promise<{ pid: number }> {
    return { pid: (await this.#client.start({ containerId, execId })).pid };
  }

  async delete(containerId: string): Promise<DeleteResponse> {
    return readDeleted(containerId, await this.#client.delete({ containerId }));
  }

  async deleteProcess({ containerId, execId }: Required<ProcessRef>): Promise<DeleteResponse> {
    return readDeleted(execId ?? "", await this.#client.deleteProcess({ containerId, execId }));
  }

  async get({ containerId, execId = "" }: ProcessRef): Promise<Process> {
    return readProcess(containerId, (await this.#client.get({ containerId, execId })).process);
  }

  async list(filter = ""): Promise<Process[]> {
    return (await this.#client.list({ filter })).tasks.map((task) => readProcess(task.id, task));
  }

  async kill({ containerId, execId = "", signal, all = false }: KillRequest): Promise<void> {
    await this.#client.kill({ containerId, execId, signal, all });
  }

  async exec(request: ExecRequest): Promise<void> {
    await this.#client.exec(request);
  }

  async resizePty(request: ProcessRef & { width: number; height: number }): Promise<void> {
    await this.#client.resizePty(request);
  }

  async closeIO(request: ProcessRef & { stdin: boolean }): Promise<void> {
    await this.#client.closeIO(request);
  }

  async pause(containerId: string): Promise<void> {
    await this.#client.pause({ containerId });
  }

  async resume(containerId: string): Promise<void> {
    await this.#client.resume({ containerId });
  }

  async listPids(containerId: string): Promise<ProcessInfo[]> {
    return (await this.#client.listPids({ containerId })).processes;
  }

  async metrics(filters: readonly string[] = []): Promise<Metric[]> {
    const { metrics } = await this.#client.metrics({ filters });
    return metrics.map(({ timestamp, id, data }) => ({ timestamp: fromTime(timestamp), id, data }));
  }

  /** A containerd that is started anew finds its tasks again: the wait outlasts that. What it has no task of any more, its events may tell of. */
  async wait({ containerId, execId = "", signal }: ProcessRef & CallOptions): Promise<ExitStatus> {
    using expected = this.#exits.expect(containerId, execId);
    for (let gone: number | undefined; ; ) {
      try {
        const { exitStatus, exitedAt } = await this.#client.wait({ containerId, execId }, { signal });
        return { exitStatus, exitedAt: fromTime(exitedAt) };
      } catch (error) {
        // it never was there, or it is refused whatever becomes of the process
        if (signal?.aborted || (gone === undefined && isCode(error, "NotFound")) || isCode(error, ...REFUSED))
          throw error;
        gone ??= Date.now();
        const nobody = isCode(error, "Unavailable");
        if (nobody && Date.now() - gone <= this.#patience) {
          await sleep(RETRY, undefined, { ref: false });
          continue;
        }
        // who does not answer tells of nothing either
        const exit = await expected.heard(nobody ? 0 : CLEANUP, signal);
        if (exit) return exit;
        throw error;
      }
    }
  }

  async update(request: {
    containerId: string;
    resources: Any;
    annotations?: Record<string, string> | undefined;
  }): Promise<void> {
    await this.#client.update(request);
  }

  async checkpoint(request: { containerId: string; options?: Any | undefined }): Promise<Descriptor[]> {
    return (await this.#client.checkpoint(request)).descriptors.map(fromDescriptor);
  }
}

/** containerd answers without the id of a task. */
function readDeleted(id: string, { pid, exitStatus, exitedAt }: WireDeleted): DeleteResponse {
  return { id, pid, exitStatus, exitedAt: fromTime(exitedAt) };
}

function readProcess(containerId: string, process: WireProcess | undefined): Process {
  const { id, status, exitedAt, ...rest } = required(process, "process");
  return {
    ...rest,
    containerId,
    id,
    status: STATUSES[status] ?? "unknown",
    exitedAt: fromZeroTime(exitedAt),
  };
}
