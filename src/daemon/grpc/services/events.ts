/** containerd.services.events.v1: a thin layer over EventService. */

import { EventsService } from "../../../common/gen/containerd/services/events.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { checkIdentifier } from "../../containerd/core/labels.ts";
import { anyClientOf, clientOf } from "../context.ts";
import { fromTime, required, toTime } from "../convert.ts";
import type { Router } from "../router.ts";

export function addEvents(router: Router, core: ContainerdCore): void {
  router.add(EventsService, {
    publish: async ({ topic, event }, call) => {
      await clientOf(core, call).events.publish(topic, required(event, "event"));
      return {};
    },
    forward: async ({ envelope }, call) => {
      const { timestamp, namespace, topic, event } = required(envelope, "envelope");
      if (namespace) checkIdentifier(namespace, "namespace");
      const plain = { timestamp: fromTime(timestamp), namespace, topic, event: required(event, "event") };
      await anyClientOf(core, call).events.forward(plain);
      return {};
    },
    async *subscribe({ filters }, call) {
      for await (const envelope of anyClientOf(core, call).events.subscribe(filters, { signal: call.signal })) {
        yield { ...envelope, timestamp: toTime(envelope.timestamp) };
      }
    },
  });
}
