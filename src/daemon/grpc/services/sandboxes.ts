/** containerd.services.sandbox.v1: thin layers over SandboxStore and SandboxController. */

import { ControllerService, StoreService } from "../../../common/gen/containerd/services/sandbox.ts";
import type { Sandbox as WireSandbox } from "../../../common/gen/containerd/types/sandbox.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Sandbox, SandboxInput } from "../../containerd/api/sandboxes.ts";
import type { Any } from "../../containerd/api/types.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { fromMounts, required, toTime } from "../convert.ts";
import type { Router } from "../router.ts";

export function addSandboxes(router: Router, core: ContainerdCore): void {
  addStore(router, core);
  addController(router, core);
}

function addStore(router: Router, core: ContainerdCore): void {
  const of = (call: CallContext) => clientOf(core, call).sandboxes;
  router.add(StoreService, {
    create: async ({ sandbox }, call) => ({
      sandbox: toSandbox(await of(call).create(fromSandbox(required(sandbox, "sandbox")))),
    }),
    update: async ({ sandbox, fields }, call) => ({
      sandbox: toSandbox(await of(call).update(fromSandbox(required(sandbox, "sandbox")), fields)),
    }),
    delete: async ({ sandboxId }, call) => {
      await of(call).delete(sandboxId);
      return {};
    },
    list: async ({ filters }, call) => ({ list: (await of(call).list(filters)).map(toSandbox) }),
    get: async ({ sandboxId }, call) => ({ sandbox: toSandbox(await of(call).get(sandboxId)) }),
  });
}

function addController(router: Router, core: ContainerdCore): void {
  const of = (call: CallContext, name: string) => clientOf(core, call).sandboxController(name);
  router.add(ControllerService, {
    create: async ({ sandboxId, sandboxer, sandbox, rootfs, options, netnsPath, annotations }, call) => {
      const id = sandboxId || (sandbox?.sandboxId ?? "");
      await of(call, sandboxer).create({
        id,
        sandbox: sandbox && fromSandbox(sandbox),
        rootfs: fromMounts(rootfs),
        options: filled(options),
        netnsPath,
        annotations,
        signal: call.signal,
      });
      return { sandboxId: id };
    },
    start: async ({ sandboxId, sandboxer }, call) => {
      const { createdAt, ...rest } = await of(call, sandboxer).start(sandboxId);
      return { sandboxId, createdAt: toTime(createdAt), ...rest };
    },
    platform: async ({ sandboxId, sandboxer }, call) => ({
      platform: await of(call, sandboxer).platform(sandboxId),
    }),
    stop: async ({ sandboxId, sandboxer, timeoutSecs }, call) => {
      await of(call, sandboxer).stop(sandboxId, { timeoutSecs });
      return {};
    },
    wait: async ({ sandboxId, sandboxer }, call) => {
      const { exitStatus, exitedAt } = await of(call, sandboxer).wait(sandboxId, { signal: call.signal });
      return { exitStatus, exitedAt: toTime(exitedAt) };
    },
    status: async ({ sandboxId, sandboxer, verbose }, call) => {
      const { createdAt, exitedAt, ...rest } = await of(call, sandboxer).status(sandboxId, { verbose });
      return { sandboxId, createdAt: toTime(createdAt), exitedAt: toTime(exitedAt), ...rest };
    },
    shutdown: async ({ sandboxId, sandboxer }, call) => {
      await of(call, sandboxer).shutdown(sandboxId);
      return {};
    },
    metrics: async ({ sandboxId, sandboxer }, call) => {
      const metrics = await of(call, sandboxer).metrics(sandboxId);
      return { metrics: metrics && { ...metrics, timestamp: toTime(metrics.timestamp) } };
    },
    update: async ({ sandboxId, sandboxer, sandbox, fields }, call) => {
      await of(call, sandboxer).update(sandboxId, fromSandbox(required(sandbox, "sandbox")), fields);
      return {};
    },
  });
}

/** Any that holds nothing is what Go makes of a missing one. */
function filled(any: Any | undefined): Any | undefined {
  return any?.typeUrl ? any : undefined;
}

function fromSandbox({ sandboxId: id, runtime, spec, labels, extensions, sandboxer }: WireSandbox): SandboxInput {
  const { name = "", options } = runtime ?? {};
  return { id, runtime: { name, options: filled(options) }, spec: filled(spec), labels, extensions, sandboxer };
}

function toSandbox({ id: sandboxId, createdAt, updatedAt, ...rest }: Sandbox): Init<WireSandbox> {
  return { sandboxId, createdAt: toTime(createdAt), updatedAt: toTime(updatedAt), ...rest };
}
