/** When a container that has ended is started again, by its labels (containerd, core/runtime/restart). */

import { WharfError } from "../../../common/errors.ts";
import type { TaskStatus } from "../api/tasks.ts";
import type { Labels } from "../api/types.ts";

/** What a container's task is to be: `running` or `stopped`. Without it nobody looks after the container. */
export const STATUS = "containerd.io/restart.status";
/** `always`, `no`, `on-failure[:N]`, `unless-stopped`; always by default. */
export const POLICY = "containerd.io/restart.policy";
/** How often it was started again. */
export const COUNT = "containerd.io/restart.count";
/** `unless-stopped` heeds it. */
export const EXPLICITLY_STOPPED = "containerd.io/restart.explicitly-stopped";
/** Where the output of a task that is started again goes. */
export const LOG_URI = "containerd.io/restart.loguri";

/** What clients ask for by `ctr plugins ls`. */
export const POLICIES = ["no", "always", "on-failure", "unless-stopped"];

/** How a container's task is; undefined without one. */
export interface TaskState {
  status: TaskStatus;
  exitStatus: number;
}

/** What is to be done about a container. InvalidArgument for labels that say nothing. */
export function changeOf(labels: Labels, task: TaskState | undefined): "start" | "stop" | undefined {
  const wanted = labels[STATUS];
  if (wanted === task?.status) return undefined;
  if (wanted === "stopped") return task && "stop";
  if (wanted !== "running" || task?.status === "paused" || task?.status === "pausing") return undefined;
  return mayRestart(labels, task?.exitStatus ?? 0) ? "start" : undefined;
}

function mayRestart(labels: Labels, exitStatus: number): boolean {
  const text = labels[POLICY] ?? "";
  const [name, most] = text.split(":", 2) as [string, string | undefined];
  if (most !== undefined && (name !== "on-failure" || !/^\d+$/.test(most))) throw wrong(POLICY, text);
  switch (name) {
    case "":
    case "always":
      return true;
    case "no":
      return false;
    case "on-failure": {
      const limit = Number(most ?? 0);
      return exitStatus !== 0 && (limit === 0 || countOf(labels) < limit);
    }
    case "unless-stopped":
      return !/^(?:1|t|true)$/i.test(labels[EXPLICITLY_STOPPED] ?? "");
    default:
      throw wrong(POLICY, text);
  }
}

export function countOf(labels: Labels): number {
  const text = labels[COUNT] || "0";
  if (!/^\d+$/.test(text)) throw wrong(COUNT, text);
  return Number(text);
}

function wrong(label: string, value: string): WharfError {
  return new WharfError("InvalidArgument", `the label ${label} has no value ${JSON.stringify(value)}`, {
    operation: "restart container",
    hint: `policies are ${POLICIES.join(", ")}, on-failure also with a number of attempts (on-failure:3)`,
  });
}
