/** Waiting for a container: `not-running`, `next-exit` or `removed`. */

import { WharfError } from "../../../common/errors.ts";
import type { Container } from "./container.ts";

const CONDITIONS = ["not-running", "next-exit", "removed"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** InvalidArgument for another word; empty is `not-running`. */
export function parseCondition(text: string | undefined): Condition {
  const condition = CONDITIONS.find((one) => one === (text || "not-running"));
  if (condition) return condition;
  throw new WharfError("InvalidArgument", `invalid condition: "${text}"`, {
    operation: "wait for container",
    hint: `use one of ${CONDITIONS.join(", ")}`,
  });
}

/** Begins to wait at once; resolves with the exit code and, when it could not be removed, why. */
export async function waitFor(
  container: Container,
  condition: Condition,
  signal: AbortSignal,
): Promise<{ code: number; error?: string }> {
  if (condition === "removed") {
    await container.next("removed", signal);
    const error = container.removalError;
    return { code: container.record.state.exitCode, ...(error === undefined ? {} : { error }) };
  }
  // As dockerd has it, each end counts, also one after which the restart policy starts it again.
  if (condition === "next-exit" || container.running || container.restarting) await container.next("exit", signal);
  return { code: container.record.state.exitCode };
}
