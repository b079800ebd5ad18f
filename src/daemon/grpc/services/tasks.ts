/** containerd.services.tasks.v1: a thin layer over TaskManager. */

import { WharfError } from "../../../common/errors.ts";
import { TasksService } from "../../../common/gen/containerd/services/tasks.ts";
import { Status, type Process as WireProcess } from "../../../common/gen/containerd/types/task.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Process, TaskStatus } from "../../containerd/api/tasks.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { fromDescriptor, fromMounts, required, toDescriptor, toTime, toZeroTime } from "../convert.ts";
import type { Router } from "../router.ts";

const STATUSES: Readonly<Record<TaskStatus, Status>> = {
  unknown: Status.UNKNOWN,
  created: Status.CREATED,
  running: Status.RUNNING,
  stopped: Status.STOPPED,
  paused: Status.PAUSED,
  pausing: Status.PAUSING,
};

export function addTasks(router: Router, core: ContainerdCore): void {
  const of = (call: CallContext) => clientOf(core, call).tasks;
  router.add(TasksService, {
    create: async (request, call) => {
      const { containerId, stdin, stdout, stderr, terminal, options, runtimePath } = request;
      const checkpoint = request.checkpoint && fromDescriptor(request.checkpoint);
      const rootfs = fromMounts(request.rootfs);
      const io = { stdin, stdout, stderr, terminal };
      return await of(call).create({
        containerId,
        rootfs,
        ...io,
        options,
        checkpoint,
        runtimePath: runtimePath || undefined,
        // a shim may take for ever
        signal: call.signal,
      });
    },
    start: async ({ containerId, execId }, call) => await of(call).start({ containerId, execId }),
    delete: async ({ containerId }, call) => {
      const { pid, exitStatus, exitedAt } = await of(call).delete(containerId);
      return { pid, exitStatus, exitedAt: toTime(exitedAt) };
    },
    deleteProcess: async ({ containerId, execId }, call) => {
      const { exitedAt, ...rest } = await of(call).deleteProcess({ containerId, execId });
      return { ...rest, exitedAt: toTime(exitedAt) };
    },
    get: async ({ containerId, execId }, call) => ({
      process: toProcess(await of(call).get({ containerId, execId })),
    }),
    list: async ({ filter }, call) => ({ tasks: (await of(call).list(filter)).map(toProcess) }),
    kill: async ({ containerId, execId, signal, all }, call) => {
      await of(call).kill({ containerId, execId, signal, all });
      return {};
    },
    exec: async ({ spec, ...request }, call) => {
      if (request.execId === "") throw new WharfError("InvalidArgument", "exec id cannot be empty");
      await of(call).exec({ ...request, spec: required(spec, "spec") });
      return {};
    },
    resizePty: async ({ containerId, execId, width, height }, call) => {
      await of(call).resizePty({ containerId, execId, width, height });
      return {};
    },
    closeIO: async ({ containerId, execId, stdin }, call) => {
      if (stdin) await of(call).closeIO({ containerId, execId, stdin });
      return {};
    },
    pause: async ({ containerId }, call) => {
      await of(call).pause(containerId);
      return {};
    },
    resume: async ({ containerId }, call) => {
      await of(call).resume(containerId);
      return {};
    },
    listPids: async ({ containerId }, call) => ({ processes: await of(call).listPids(containerId) }),
    checkpoint: async ({ containerId, options }, call) => ({
      descriptors: (await of(call).checkpoint({ containerId, options })).map(toDescriptor),
    }),
    update: async ({ containerId, resources, annotations }, call) => {
      await of(call).update({ containerId, resources: required(resources, "resources"), annotations });
      return {};
    },
    metrics: async ({ filters }, call) => ({
      metrics: (await of(call).metrics(filters)).map(({ timestamp, id, data }) => ({
        timestamp: toTime(timestamp),
        ...{ id, data },
      })),
    }),
    wait: async ({ containerId, execId }, call) => {
      const { exitStatus, exitedAt } = await of(call).wait({ containerId, execId, signal: call.signal });
      return { exitStatus, exitedAt: toTime(exitedAt) };
    },
  });
}

/** containerd leaves the container's id out. */
function toProcess({ containerId: _, status, exitedAt, ...rest }: Process): Init<WireProcess> {
  return { ...rest, status: STATUSES[status], exitedAt: toZeroTime(exitedAt) };
}
