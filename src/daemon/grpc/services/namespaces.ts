/** containerd.services.namespaces.v1: a thin layer over NamespaceStore. */

import { WharfError } from "../../../common/errors.ts";
import { NamespacesService } from "../../../common/gen/containerd/services/namespaces.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { anyClientOf } from "../context.ts";
import { required } from "../convert.ts";
import type { Router } from "../router.ts";

export function addNamespaces(router: Router, core: ContainerdCore): void {
  router.add(NamespacesService, {
    get: async ({ name }, call) => ({ namespace: await anyClientOf(core, call).namespaces.get(name) }),
    list: async ({ filter }, call) => ({ namespaces: await anyClientOf(core, call).namespaces.list(filter) }),
    create: async ({ namespace }, call) => {
      const sent = required(namespace, "namespace");
      // The answer has what was sent, as containerd's: fields that nobody knows, too.
      return { namespace: { ...sent, ...(await anyClientOf(core, call).namespaces.create(sent)) } };
    },
    update: async ({ namespace, updateMask }, call) => {
      const wanted = required(namespace, "namespace");
      for (const path of updateMask?.paths ?? []) {
        // The whole of the labels is changed by a request without mask.
        if (!path.startsWith("labels."))
          throw new WharfError("InvalidArgument", `cannot update ${JSON.stringify(path)} field`);
      }
      return { namespace: await anyClientOf(core, call).namespaces.update(wanted, updateMask?.paths) };
    },
    delete: async ({ name }, call) => {
      await anyClientOf(core, call).namespaces.delete(name);
      return {};
    },
  });
}
