/** containerd.services.introspection.v1: what this daemon is and has. */

import {
  IntrospectionService,
  type Plugin as WirePlugin,
} from "../../../common/gen/containerd/services/introspection.ts";
import type { Init } from "../../../common/protobuf/schema.ts";
import type { Plugin } from "../../containerd/api/introspection.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { anyClientOf } from "../context.ts";
import type { Router } from "../router.ts";

export function addIntrospection(router: Router, core: ContainerdCore): void {
  router.add(IntrospectionService, {
    plugins: async ({ filters }, call) => ({
      plugins: (await anyClientOf(core, call).introspection.plugins(filters)).map(toPlugin),
    }),
    server: async (_, call) => await anyClientOf(core, call).introspection.server(),
    pluginInfo: async ({ type, id, options }, call) => {
      const { plugin, extra } = await anyClientOf(core, call).introspection.pluginInfo(type, id, options);
      return { plugin: toPlugin(plugin), extra };
    },
  });
}

function toPlugin({ platforms, ...rest }: Plugin): Init<WirePlugin> {
  return {
    ...rest,
    platforms: platforms.map(({ os, architecture, variant = "" }) => ({ os, architecture, variant })),
  };
}
