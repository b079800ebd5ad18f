/** containerd.services.containers.v1: a thin layer over ContainerStore. */

import { WharfError } from "../../../common/errors.ts";
import {
  ContainersService,
  type Container as WireContainer,
} from "../../../common/gen/containerd/services/containers.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Container, ContainerInput } from "../../containerd/api/containers.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { required, toTime } from "../convert.ts";
import { listing } from "../parts.ts";
import type { Router } from "../router.ts";

export function addContainers(router: Router, core: ContainerdCore): void {
  const store = (call: CallContext) => clientOf(core, call).containers;
  router.add(ContainersService, {
    get: async ({ id }, call) => ({ container: toContainer(await store(call).get(id)) }),
    list: async ({ filters }, call) =>
      listing(ContainersService.methods.list.output, store(call).pages(filters), (some) => ({
        containers: some.map(toContainer),
      })),
    async *listStream({ filters }, call) {
      for await (const page of store(call).pages(filters))
        for (const container of page) yield { container: toContainer(container) };
    },
    create: async ({ container }, call) => ({
      container: toContainer(await store(call).create({ spec: NOTHING, ...fromContainer(container) })),
    }),
    update: async ({ container, updateMask }, call) => {
      const wanted = { runtime: { name: "" }, ...fromContainer(container) };
      if (wanted.id === "") throw new WharfError("InvalidArgument", "Container.ID required");
      return { container: toContainer(await store(call).update(wanted, updateMask?.paths)) };
    },
    delete: async ({ id }, call) => {
      await store(call).delete(id);
      return {};
    },
  });
}

/** A missing spec is none to containerd, too, and taken. */
const NOTHING = { typeUrl: "", value: new Uint8Array(0) };

function fromContainer(container: WireContainer | undefined): ContainerInput {
  const { id, labels, image, runtime, spec, snapshotter, snapshotKey, extensions, sandbox } = required(
    container,
    "container",
  );
  const input: ContainerInput = { id, labels, image, snapshotter, snapshotKey, extensions, sandbox };
  if (spec) input.spec = spec;
  // Any that holds nothing is what Go makes of a missing one.
  if (runtime) {
    const { name, options } = runtime;
    input.runtime = { name, options: options?.typeUrl ? options : undefined };
  }
  return input;
}

function toContainer(container: Container): Init<WireContainer> {
  const { id, labels, image, runtime, spec, snapshotter, snapshotKey, extensions, sandbox } = container;
  const [createdAt, updatedAt] = [toTime(container.createdAt), toTime(container.updatedAt)];
  return { id, labels, image, runtime, spec, snapshotter, snapshotKey, createdAt, updatedAt, extensions, sandbox };
}
