/** Notes which containers the kernel's out-of-memory killer has hit. */

import { isCode } from "../../../common/errors.ts";
import { TaskOOM } from "../../../common/gen/containerd/events/task.ts";
import { unpackAny } from "../../../common/protobuf/any.ts";
import type { Engine } from "../engine.ts";

/** Listens until the daemon ends; begins again when it fell behind. */
export function watchOom(engine: Engine): void {
  const { signal } = engine.closing;
  const listen = async () => {
    const filter = `topic=="/tasks/oom",namespace==${engine.client.namespace}`;
    for await (const { event } of engine.client.events.subscribe([filter], { signal })) {
      const { containerId } = unpackAny(TaskOOM, event);
      const container = engine.containers.find(containerId);
      if (!container) continue;
      container.record.state.oomKilled = true;
      engine.emit(container, "oom");
    }
  };
  listen().catch((error: unknown) => {
    if (signal.aborted) return;
    if (isCode(error, "ResourceExhausted")) watchOom(engine);
    else engine.log("error", "events of the containers are no longer heard", { error });
  });
}
