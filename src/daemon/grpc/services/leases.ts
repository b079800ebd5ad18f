/** containerd.services.leases.v1: a thin layer over LeaseManager. */

import { LeasesService, type Lease as WireLease } from "../../../common/gen/containerd/services/leases.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Lease } from "../../containerd/api/leases.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { type CallContext, clientOf } from "../context.ts";
import { required, toTime } from "../convert.ts";
import type { Router } from "../router.ts";

export function addLeases(router: Router, core: ContainerdCore): void {
  const of = (call: CallContext) => clientOf(core, call).leases;
  router.add(LeasesService, {
    create: async ({ id, labels }, call) => ({
      lease: toLease(await of(call).create({ id: id || undefined, labels })),
    }),
    delete: async ({ id, sync }, call) => {
      await of(call).delete(id, { sync });
      return {};
    },
    list: async ({ filters }, call) => ({ leases: (await of(call).list(filters)).map(toLease) }),
    addResource: async ({ id, resource }, call) => {
      await of(call).addResource(id, required(resource, "resource"));
      return {};
    },
    deleteResource: async ({ id, resource }, call) => {
      await of(call).deleteResource(id, required(resource, "resource"));
      return {};
    },
    listResources: async ({ id }, call) => ({ resources: await of(call).listResources(id) }),
  });
}

function toLease({ id, createdAt, labels }: Lease): Init<WireLease> {
  return { id, createdAt: toTime(createdAt), labels };
}
