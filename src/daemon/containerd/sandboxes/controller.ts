/** Runs sandboxes as shims that serve the sandbox API: the controller `shim` of containerd. */

import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import { formatTimestamp, type Instant } from "../../../common/timestamp.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type {
  CreateSandboxRequest,
  SandboxController,
  SandboxInput,
  SandboxInstance,
  SandboxStatus,
} from "../api/sandboxes.ts";
import type { ExitStatus, Metric } from "../api/tasks.ts";
import type { CallOptions } from "../api/types.ts";
import { abortable } from "../core/abortable.ts";
import { now } from "../core/clock.ts";
import { checkIdentifier } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { sandboxCreate, sandboxStart } from "../events/messages.ts";
import { createBundle, removeBundle } from "../tasks/bundle.ts";
import { endTasksOf } from "../tasks/end-tasks.ts";
import { lastWords } from "../tasks/last-words.ts";
import { LocalTasks } from "../tasks/manager.ts";
import type { ShimManager } from "../tasks/shims.ts";
import type { Pod, PodRecord } from "./pod.ts";
import { type Pods, podBundle } from "./pods.ts";
import { endpointOf } from "./shim-of.ts";
import { LocalSandboxes } from "./store.ts";

export class ShimController implements SandboxController {
  readonly #scope: Scope;
  readonly #shims: ShimManager;
  readonly #pods: Pods;

  constructor(scope: Scope, shims: ShimManager, pods: Pods) {
    this.#scope = scope;
    this.#shims = shims;
    this.#pods = pods;
  }

  async create(request: CreateSandboxRequest): Promise<void> {
    const { id } = request;
    checkIdentifier(id, "sandbox id");
    const sandbox = request.sandbox ?? (await new LocalSandboxes(this.#scope).get(id));
    await this.#exclusive(id, () => this.#create(request, sandbox));
  }

  #exclusive<T>(id: string, body: () => Promise<T>): Promise<T> {
    return this.#shims.exclusive(this.#scope.namespace, `sandbox ${id}`, body);
  }

  async #create(request: CreateSandboxRequest, { runtime, spec }: SandboxInput): Promise<void> {
    const { id, rootfs = [], options, netnsPath = "", annotations = {}, signal } = request;
    const { namespace, shared } = this.#scope;
    if (this.#pods.find(namespace, id) || this.#shims.find(namespace, id)) {
      throw new WharfError("AlreadyExists", `sandbox ${JSON.stringify(id)} is running already`, { subject: id });
    }
    const binary = this.#shims.resolve(runtime?.name ?? "");
    const bundle = podBundle(shared.paths.state, namespace, id);
    const shim = { address: "", version: 0 };
    const record: PodRecord = { namespace, id, bundle, binary, shim, pid: 0, exit: undefined };
    this.#pods.insert(record);
    failpoint("sandbox.inserted");
    let pod: Pod | undefined;
    try {
      await removeBundle(bundle, shared.agent);
      createBundle(bundle, spec?.value, spec?.typeUrl === SPEC_TYPE_URL);
      pod = await this.#pods.start(record, runtime?.options, signal);
      const create = { sandboxId: id, bundlePath: bundle, rootfs, options, netnsPath, annotations };
      await pod.call((client, call) => client.createSandbox(create, call));
      failpoint("sandbox.created");
      this.#scope.shared.hub.emit(namespace, sandboxCreate({ sandboxId: id }));
    } catch (cause) {
      throw await this.#undo("create", record, pod, cause);
    }
  }

  /** Removes what a failed creation or start has left, and says why it failed. */
  async #undo(what: string, record: PodRecord, pod: Pod | undefined, cause: unknown): Promise<WharfError> {
    const { id, bundle } = record;
    const { code } = WharfError.from(cause);
    const said =
      code === "Unavailable" ? await lastWords(bundle, this.#shims.logs.last(bundle), this.#scope.shared.agent) : "";
    await (pod ? this.#pods.remove(pod) : this.#pods.discard(record)).catch((error: unknown) =>
      this.#scope.shared.log(`cannot clean up after sandbox ${JSON.stringify(id)}`, error),
    );
    const hint = code === "Unimplemented" ? "take a runtime whose shim serves the sandbox API" : undefined;
    return new WharfError(code, `cannot ${what} sandbox ${JSON.stringify(id)}${said}`, {
      ...{ operation: `${what} sandbox`, subject: id, cause, hint },
    });
  }

  async start(id: string): Promise<SandboxInstance> {
    return await this.#exclusive(id, async () => {
      const pod = this.#pod(id);
      if (pod.record.pid !== 0) {
        throw new WharfError("FailedPrecondition", `sandbox ${JSON.stringify(id)} was started already`, {
          subject: id,
        });
      }
      try {
        const answer = await pod.call((client, call) => client.startSandbox({ sandboxId: id }, call));
        pod.record.pid = answer.pid;
        failpoint("sandbox.started");
        this.#pods.started(pod);
        this.#scope.shared.hub.emit(this.#scope.namespace, sandboxStart({ sandboxId: id }));
        const labels = new LocalSandboxes(this.#scope).find(id)?.labels ?? {};
        return {
          pid: answer.pid,
          createdAt: timeOf(answer.createdAt) ?? now(),
          labels,
          ...endpointOf(pod.record.shim),
        };
      } catch (cause) {
        throw await this.#undo("start", pod.record, pod, cause);
      }
    });
  }

  async platform(id: string): Promise<Platform> {
    const { platform } = await this.#pod(id).call((client, call) => client.platform({ sandboxId: id }, call));
    const { os = "linux", architecture = "", variant = "" } = platform ?? {};
    return variant === "" ? { os, architecture } : { os, architecture, variant };
  }

  async stop(id: string, { timeoutSecs = 0 }: { timeoutSecs?: number | undefined } = {}): Promise<void> {
    const pod = this.#pods.find(this.#scope.namespace, id);
    if (!pod || pod.dead) return;
    try {
      const limits = { timeoutMs: undefined };
      await pod.call((client, call) => client.stopSandbox({ sandboxId: id, timeoutSecs }, call), limits);
      failpoint("sandbox.stopped");
    } catch (error) {
      if (!isCode(error, "NotFound", "Unavailable")) throw error;
    }
  }

  async wait(id: string, { signal }: CallOptions = {}): Promise<ExitStatus> {
    const { exitStatus, exitedAt } = await abortable(this.#pod(id).wait(), signal, "sandbox");
    return { exitStatus, exitedAt };
  }

  async status(id: string, { verbose = false }: { verbose?: boolean | undefined } = {}): Promise<SandboxStatus> {
    const pod = this.#pods.find(this.#scope.namespace, id);
    const none = { state: "", info: {}, createdAt: undefined, extra: undefined };
    if (!pod) return { ...none, pid: 0, exitedAt: now(), address: "", version: 0 };
    const { pid, exit } = pod.record;
    const dead = { ...none, pid, state: "SANDBOX_NOTREADY", exitedAt: exit?.exitedAt, ...endpointOf(pod.record.shim) };
    if (pod.dead) return dead;
    const answer = await pod.call((client, call) => client.sandboxStatus({ sandboxId: id, verbose }, call));
    const { state, info, extra, createdAt, exitedAt } = answer;
    const times = { createdAt: timeOf(createdAt), exitedAt: timeOf(exitedAt) };
    return { pid: answer.pid, state, info, extra, ...times, ...endpointOf(pod.record.shim) };
  }

  async shutdown(id: string): Promise<void> {
    await this.#exclusive(id, async () => {
      const pod = this.#pod(id);
      const tasks = new LocalTasks(this.#scope, this.#shims, this.#pods);
      await endTasksOf(this.#shims, tasks, this.#scope.namespace, id);
      failpoint("sandbox.emptied");
      await this.#pods.remove(pod);
    });
  }

  async metrics(id: string): Promise<Metric | undefined> {
    const { metrics } = await this.#pod(id).call((client, call) => client.sandboxMetrics({ sandboxId: id }, call));
    return metrics && { timestamp: timeOf(metrics.timestamp) ?? now(), id: metrics.id, data: metrics.data };
  }

  async update(id: string): Promise<void> {
    this.#pod(id);
  }

  #pod(id: string): Pod {
    const pod = this.#pods.find(this.#scope.namespace, id);
    if (!pod) throw new WharfError("NotFound", `sandbox ${JSON.stringify(id)} not found`, { subject: id });
    return pod;
  }
}

function timeOf(time: Instant | undefined): string | undefined {
  return time && time.seconds > 0 ? formatTimestamp(time) : undefined;
}
