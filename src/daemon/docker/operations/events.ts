/** GET /events: what happens, as JSON lines, and what happened a while ago. */

import type { EventMessage as Event } from "../../../common/docker/system.ts";
import { EventMessage } from "../../../common/docker/system.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, text } from "../../http/query.ts";
import type { Engine } from "../engine.ts";
import { eventMatches } from "../events.ts";
import { checkFilters } from "../filters.ts";
import { parseTime } from "../logs/times.ts";

export function eventOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "SystemEvents",
      method: "GET",
      path: "/events",
      summary: "events of containers, images and the daemon",
      query: { since: text("time"), until: text("time"), filters: filters() },
      answer: EventMessage,
      handler: async (x) => {
        const nano = (value: string | undefined) => (value === undefined ? undefined : timestampToMillis(value) * 1e6);
        const sinceGiven = x.query.since !== undefined && x.query.since !== "";
        const since = sinceGiven ? (nano(parseTime(x.query.since, "since")) ?? 0) : undefined;
        const until = nano(parseTime(x.query.until, "until"));
        checkFilters(x.query.filters, EVENT_FILTERS, "events");
        const queue: Event[] = [];
        let wake = () => {};
        using subscription = engine.events.subscribe((event) => {
          queue.push(event);
          wake();
        });
        if (since !== undefined) queue.unshift(...subscription.past.filter(({ timeNano }) => timeNano >= since));
        const signal = until === undefined ? x.signal : AbortSignal.any([x.signal, timeUp(until)]);
        const onAbort = () => wake();
        signal.addEventListener("abort", onAbort);
        const out = x.stream(200, "application/json");
        for (;;) {
          for (const event of queue.splice(0)) {
            if (until !== undefined && event.timeNano > until) continue;
            if (eventMatches(event, x.query.filters)) await out.write(`${JSON.stringify(event)}\n`);
          }
          if (signal.aborted || engine.closing.signal.aborted) break;
          if (queue.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
        if (!x.signal.aborted) out.end();
      },
    }),
  ];
}

const EVENT_FILTERS =
  "config, container, daemon, event, image, label, network, node, plugin, scope, secret, service, type, volume".split(
    ", ",
  );

function timeUp(nano: number): AbortSignal {
  const left = nano / 1e6 - Date.now();
  return left <= 0 ? AbortSignal.abort() : AbortSignal.timeout(Math.min(Math.ceil(left), 2 ** 31 - 1));
}
