/**
 * Runs sandboxes as containers that do nothing but hold the pod's namespaces: the controller `podsandbox` of containerd's CRI plugin. The
 * container has the sandbox's id; its shim has the pod's other containers, too.
 */

import { isCode, WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import type { Container } from "../api/containers.ts";
import type {
  CreateSandboxRequest,
  SandboxController,
  SandboxInput,
  SandboxInstance,
  SandboxStatus,
} from "../api/sandboxes.ts";
import type { ExitStatus, Metric } from "../api/tasks.ts";
import type { CallOptions, Mount } from "../api/types.ts";
import type { Containerd } from "../api.ts";
import { LocalContainers } from "../containers/store.ts";
import { abortable } from "../core/abortable.ts";
import { ARCHITECTURES } from "../core/introspection.ts";
import { checkIdentifier } from "../core/labels.ts";
import type { Scope } from "../core/scope.ts";
import { sandboxCreate, sandboxStart } from "../events/messages.ts";
import { openSnapshotter } from "../snapshots/open.ts";
import { LocalTasks } from "../tasks/manager.ts";
import type { ShimManager } from "../tasks/shims.ts";
import type { Pods } from "./pods.ts";
import { podFolder, unmountShm } from "./podsandbox-files.ts";
import { CONTAINER_EXTENSION, documentIn, processLabelOf } from "./podsandbox-metadata.ts";
import type { PodSandbox, PodSandboxes } from "./podsandboxes.ts";
import { endpointOf } from "./shim-of.ts";
import { LocalSandboxes } from "./store.ts";

export interface PodSandboxParts {
  readonly shims: ShimManager;
  readonly pods: Pods;
  readonly podSandboxes: PodSandboxes;
  /** Path of the program that holds namespaces; undefined where there is none. */
  readonly holder: string | undefined;
  /** Reference of the image that holds pods instead. */
  readonly sandboxImage: string | undefined;
}

export class PodSandboxController implements SandboxController {
  readonly #scope: Scope;
  readonly #parts: PodSandboxParts;
  readonly #client: Containerd;

  /** `client` is the scope's. */
  constructor(scope: Scope, parts: PodSandboxParts, client: Containerd) {
    this.#scope = scope;
    this.#parts = parts;
    this.#client = client;
  }

  async create(request: CreateSandboxRequest): Promise<void> {
    const { id } = request;
    checkIdentifier(id, "sandbox id");
    const sandbox = request.sandbox ?? (await new LocalSandboxes(this.#scope).get(id));
    await this.#exclusive(id, () => this.#create(request, sandbox));
  }

  #exclusive<T>(id: string, body: () => Promise<T>): Promise<T> {
    return this.#parts.shims.exclusive(this.#scope.namespace, `sandbox ${id}`, body);
  }

  async #create(request: CreateSandboxRequest, record: SandboxInput): Promise<void> {
    const { id, signal } = request;
    const { namespace, shared } = this.#scope;
    const { podSandboxes, holder, sandboxImage: image, shims } = this.#parts;
    if (holder === undefined) throw new WharfError("FailedPrecondition", "there is no program that holds a sandbox");
    if (podSandboxes.find(namespace, id) || (await this.#container(id))) {
      const what = podSandboxes.find(namespace, id) ? "sandbox" : "container";
      throw new WharfError("AlreadyExists", `${what} ${JSON.stringify(id)} already exists`, { subject: id });
    }
    shims.resolve(record.runtime?.name ?? "");
    const { makePod, planPod } = await import("./podsandbox-make.ts");
    const plan = planPod({ namespace, shared, holder }, request, record);
    const sandbox = podSandboxes.insert(namespace, id);
    failpoint("podsandbox.inserted");
    try {
      await makePod(plan, this.#client, shared, { image, signal });
      failpoint("podsandbox.created");
      shared.hub.emit(namespace, sandboxCreate({ sandboxId: id }));
    } catch (cause) {
      throw await this.#undo("create", sandbox, cause);
    }
  }

  /** Removes what a failed creation or start has left, and says why it failed. */
  async #undo(what: string, sandbox: PodSandbox, cause: unknown): Promise<WharfError> {
    const { id } = sandbox;
    await this.#parts.podSandboxes
      .remove(sandbox)
      .catch((error: unknown) => this.#scope.shared.log(`cannot clean up after sandbox ${JSON.stringify(id)}`, error));
    const { code } = WharfError.from(cause);
    return new WharfError(code, `cannot ${what} sandbox ${JSON.stringify(id)}`, {
      ...{ operation: `${what} sandbox`, subject: id, cause },
    });
  }

  async start(id: string): Promise<SandboxInstance> {
    return await this.#exclusive(id, async () => {
      const sandbox = this.#sandbox(id);
      if (sandbox.pid !== 0) {
        throw new WharfError("FailedPrecondition", `sandbox ${JSON.stringify(id)} was started already`, {
          subject: id,
        });
      }
      const { namespace, shared } = this.#scope;
      try {
        const container = await this.#containers.get(id);
        await this.#tasks.create({ containerId: id, rootfs: await this.#rootfs(container) });
        failpoint("podsandbox.task-created");
        const { pid } = await this.#tasks.start({ containerId: id });
        failpoint("podsandbox.task-started");
        this.#parts.podSandboxes.started(sandbox, pid);
        shared.hub.emit(namespace, sandboxStart({ sandboxId: id }));
        const { createdAt, runtime, extensions } = container;
        const labels = {
          oci_runtime_type: runtime.name,
          selinux_label: processLabelOf(extensions[CONTAINER_EXTENSION]),
        };
        return { pid, createdAt, labels, ...this.#endpoint(id) };
      } catch (cause) {
        throw await this.#undo("start", sandbox, cause);
      }
    });
  }

  /** The image's snapshot, or a folder with nothing in it. */
  async #rootfs({ id, snapshotter, snapshotKey }: Container): Promise<Mount[]> {
    const { namespace, shared } = this.#scope;
    if (snapshotKey !== "") return await openSnapshotter(this.#scope, snapshotter).mounts(snapshotKey);
    const source = `${podFolder(shared.paths.state, namespace, id)}/rootfs`;
    return [{ type: "bind", source, target: "", options: ["rbind", "rw"] }];
  }

  /** Where its containers' tasks can be made; nowhere while there is no task. */
  #endpoint(id: string): { address: string; version: number } {
    const task = this.#parts.shims.find(this.#scope.namespace, id);
    return task && !task.dead ? endpointOf(task.record.shim) : { address: "", version: 0 };
  }

  async platform(): Promise<Platform> {
    return { os: "linux", architecture: ARCHITECTURES[process.arch] ?? process.arch };
  }

  async stop(id: string): Promise<void> {
    const sandbox = this.#sandbox(id);
    const { namespace, shared } = this.#scope;
    if (sandbox.pid !== 0 && !sandbox.exit) {
      await this.#tasks.kill({ containerId: id, signal: 9 }).catch((error: unknown) => {
        if (!isCode(error, "NotFound", "Unavailable")) throw error;
      });
      await sandbox.end.promise;
      failpoint("podsandbox.stopped");
    }
    await unmountShm(podFolder(shared.paths.state, namespace, id), shared.agent);
  }

  async wait(id: string, { signal }: CallOptions = {}): Promise<ExitStatus> {
    const { exitStatus, exitedAt } = await abortable(this.#sandbox(id).end.promise, signal, "sandbox");
    return { exitStatus, exitedAt };
  }

  async status(id: string, { verbose = false }: { verbose?: boolean | undefined } = {}): Promise<SandboxStatus> {
    const { pid, exit } = this.#sandbox(id);
    const container = await this.#containers.get(id);
    const state = exit ? "SANDBOX_NOTREADY" : pid === 0 ? "SANDBOX_UNKNOWN" : "SANDBOX_READY";
    return {
      pid: exit ? 0 : pid,
      state,
      info: verbose ? { info: await this.#info(container, exit ? 0 : pid) } : {},
      createdAt: container.createdAt,
      exitedAt: exit?.exitedAt,
      extra: undefined,
      ...this.#endpoint(id),
    };
  }

  /** As JSON, with containerd's names. */
  async #info(container: Container, pid: number): Promise<string> {
    const { id, image, snapshotKey, snapshotter, runtime, spec, extensions } = container;
    const sandboxMetadata = documentIn(extensions[CONTAINER_EXTENSION]);
    const process = await this.#tasks.get({ containerId: id }).catch(() => undefined);
    const runtimeSpec = JSON.parse(new TextDecoder().decode(spec!.value)) as unknown;
    const processStatus = process?.status ?? "deleted";
    return JSON.stringify({
      pid,
      processStatus,
      image,
      snapshotKey,
      snapshotter,
      runtimeType: runtime.name,
      config: sandboxMetadata.Config,
      runtimeSpec,
      cniResult: sandboxMetadata.CNIResult,
      sandboxMetadata,
    });
  }

  async shutdown(id: string): Promise<void> {
    await this.#exclusive(id, async () => {
      const sandbox = this.#parts.podSandboxes.find(this.#scope.namespace, id);
      if (sandbox) await this.#parts.podSandboxes.remove(sandbox);
    });
  }

  async metrics(id: string): Promise<Metric | undefined> {
    this.#sandbox(id);
    return (await this.#tasks.metrics([`id==${JSON.stringify(id)}`]))[0];
  }

  async update(id: string): Promise<void> {
    this.#sandbox(id);
  }

  get #containers(): LocalContainers {
    return new LocalContainers(this.#scope);
  }

  get #tasks(): LocalTasks {
    return new LocalTasks(this.#scope, this.#parts.shims, this.#parts.pods);
  }

  async #container(id: string): Promise<Container | undefined> {
    return (await this.#containers.list([`id==${JSON.stringify(id)}`]))[0];
  }

  #sandbox(id: string): PodSandbox {
    const sandbox = this.#parts.podSandboxes.find(this.#scope.namespace, id);
    if (!sandbox) throw new WharfError("NotFound", `sandbox ${JSON.stringify(id)} not found`, { subject: id });
    return sandbox;
  }
}
