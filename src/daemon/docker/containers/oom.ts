/** Notes which containers the kernel's out-of-memory killer has hit. */

import { isCode } from "../../../common/errors.ts";
import { TaskOOM } from "../../../common/gen/containerd/events/task.ts";
import { unpackIf } from "../../../common/protobuf/any.ts";
import type { Engine } from "../engine.ts";

/** Milliseconds until a containerd that went away is asked again. */
const AGAIN = 500;

/** Listens until the daemon ends; begins again when it fell behind, or containerd went away. */
export function watchOom(engine: Engine): void {
  const { signal } = engine.closing;
  if (signal.aborted) return;
  const listen = async () => {
    const filter = `topic=="/tasks/oom",namespace==${engine.client.namespace}`;
    for await (const { event } of engine.client.events.subscribe([filter], { signal })) {
      const oom = unpackIf(TaskOOM, event);
      const container = oom && engine.containers.find(oom.containerId);
      if (!container) continue;
      container.oomKilled = true;
      container.record.state.oomKilled = true;
      engine.emit(container, "oom");
    }
  };
  listen().catch((error: unknown) => {
    if (signal.aborted) return;
    if (isCode(error, "ResourceExhausted")) watchOom(engine);
    // Another program than this one is started anew.
    else if (isCode(error, "Unavailable")) setTimeout(() => watchOom(engine), AGAIN).unref();
    else engine.log("error", "events of the containers are no longer heard", { error });
  });
}
