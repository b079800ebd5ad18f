/** SandboxStore and SandboxController over gRPC. */

import type { ControllerService, StoreService } from "../../../common/gen/containerd/services/sandbox.ts";
import type { Sandbox as WireSandbox } from "../../../common/gen/containerd/types/sandbox.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type {
  CreateSandboxRequest,
  Sandbox,
  SandboxController,
  SandboxInput,
  SandboxInstance,
  SandboxStatus,
  SandboxStore,
} from "../../containerd/api/sandboxes.ts";
import type { ExitStatus, Metric } from "../../containerd/api/tasks.ts";
import type { CallOptions, FieldPaths, Filters } from "../../containerd/api/types.ts";
import { fromTime, fromZeroTime, required, toMounts } from "../convert.ts";
import type { ClientFor } from "./call.ts";

export class RemoteSandboxes implements SandboxStore {
  readonly #client: ClientFor<typeof StoreService>;

  constructor(client: ClientFor<typeof StoreService>) {
    this.#client = client;
  }

  async get(id: string): Promise<Sandbox> {
    return readSandbox((await this.#client.get({ sandboxId: id })).sandbox);
  }

  async list(filters: Filters = []): Promise<Sandbox[]> {
    return (await this.#client.list({ filters })).list.map(readSandbox);
  }

  async create(sandbox: SandboxInput): Promise<Sandbox> {
    return readSandbox((await this.#client.create({ sandbox: toSandbox(sandbox) })).sandbox);
  }

  async update(sandbox: SandboxInput, fields: FieldPaths = []): Promise<Sandbox> {
    return readSandbox((await this.#client.update({ sandbox: toSandbox(sandbox), fields })).sandbox);
  }

  async delete(id: string): Promise<void> {
    await this.#client.delete({ sandboxId: id });
  }
}

export class RemoteController implements SandboxController {
  readonly #client: ClientFor<typeof ControllerService>;
  readonly #sandboxer: string;

  constructor(client: ClientFor<typeof ControllerService>, sandboxer: string) {
    this.#client = client;
    this.#sandboxer = sandboxer;
  }

  #of(sandboxId: string): { sandboxId: string; sandboxer: string } {
    return { sandboxId, sandboxer: this.#sandboxer };
  }

  async create(request: CreateSandboxRequest): Promise<void> {
    const { id, sandbox, rootfs = [], options, netnsPath = "", annotations = {}, signal } = request;
    const wire = { ...this.#of(id), sandbox: sandbox && toSandbox(sandbox), rootfs: toMounts(rootfs) };
    await this.#client.create({ ...wire, options, netnsPath, annotations }, { signal });
  }

  async start(id: string): Promise<SandboxInstance> {
    const { pid, createdAt, labels, address, version } = await this.#client.start(this.#of(id));
    return { pid, createdAt: fromTime(createdAt), labels, address, version };
  }

  async platform(id: string): Promise<Platform> {
    const { platform } = await this.#client.platform(this.#of(id));
    const { os, architecture, variant } = required(platform, "platform");
    return variant === "" ? { os, architecture } : { os, architecture, variant };
  }

  async stop(id: string, { timeoutSecs = 0 }: { timeoutSecs?: number | undefined } = {}): Promise<void> {
    await this.#client.stop({ ...this.#of(id), timeoutSecs });
  }

  async wait(id: string, { signal }: CallOptions = {}): Promise<ExitStatus> {
    const { exitStatus, exitedAt } = await this.#client.wait(this.#of(id), { signal });
    return { exitStatus, exitedAt: fromTime(exitedAt) };
  }

  async status(id: string, { verbose = false }: { verbose?: boolean | undefined } = {}): Promise<SandboxStatus> {
    const answer = await this.#client.status({ ...this.#of(id), verbose });
    const { pid, state, info, createdAt, exitedAt, extra, address, version } = answer;
    const times = { createdAt: fromZeroTime(createdAt), exitedAt: fromZeroTime(exitedAt) };
    return { pid, state, info, ...times, extra: extra?.typeUrl ? extra : undefined, address, version };
  }

  async shutdown(id: string): Promise<void> {
    await this.#client.shutdown(this.#of(id));
  }

  async metrics(id: string): Promise<Metric | undefined> {
    const { metrics } = await this.#client.metrics(this.#of(id));
    return metrics && { timestamp: fromTime(metrics.timestamp), id: metrics.id, data: metrics.data };
  }

  async update(id: string, sandbox: SandboxInput, fields: FieldPaths): Promise<void> {
    await this.#client.update({ ...this.#of(id), sandbox: toSandbox(sandbox), fields });
  }
}

/** Without the times that what came from a store has. */
function toSandbox(sandbox: SandboxInput): Init<WireSandbox> {
  const { id: sandboxId, runtime, spec, labels = {}, extensions = {}, sandboxer = "" } = sandbox;
  return { sandboxId, runtime, spec, labels, extensions, sandboxer };
}

function readSandbox(sandbox: WireSandbox | undefined): Sandbox {
  const { sandboxId: id, runtime, spec, createdAt, updatedAt, ...rest } = required(sandbox, "sandbox");
  const { name = "", options } = runtime ?? {};
  return {
    ...{ id, ...rest, runtime: options?.typeUrl ? { name, options } : { name } },
    spec: spec?.typeUrl ? spec : undefined,
    createdAt: fromTime(createdAt),
    updatedAt: fromTime(updatedAt),
  };
}
