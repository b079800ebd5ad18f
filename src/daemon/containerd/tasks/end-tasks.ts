/** Tasks ended by the daemon itself: those of a sandbox's containers, and what is to be started again. */

import { isCode } from "../../../common/errors.ts";
import type { TaskManager } from "../api/tasks.ts";
import type { CallOptions } from "../api/types.ts";
import type { ShimManager } from "./shims.ts";

/** Kills and deletes the task; none is none. */
export async function endTask(tasks: TaskManager, containerId: string, { signal }: CallOptions = {}): Promise<void> {
  // One that has ended, or whose shim is gone, takes no signal.
  await tasks.kill({ containerId, signal: 9, all: true }).catch(() => {});
  try {
    await tasks.wait({ containerId, signal });
    await tasks.delete(containerId);
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
  }
}

/** All those that were created in the sandbox's shim. */
export async function endTasksOf(shims: ShimManager, tasks: TaskManager, namespace: string, id: string): Promise<void> {
  const inside = shims.list(namespace).filter(({ record }) => record.sandbox === id);
  await Promise.all(inside.map(({ record }) => endTask(tasks, record.id)));
}
