/** Restart policies: a container that ended is started again, sooner or later, or not at all. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";

/** Milliseconds before the first try, doubled with each, and the most there is; dockerd's. */
const FIRST = 100;
const MOST = 60_000;
/** A container that ran so many seconds counts as having been well. */
const WELL = 10;

/** Starts a container: start.ts, which itself leads here. */
export type Start = (engine: Engine, container: Container, plan?: AbortController) => Promise<boolean>;

const delays = new WeakMap<Container, number>();

/** True when the policy wants it running again, after it ended by itself. */
export function wantsRestart({ record }: Container): boolean {
  const { Name, MaximumRetryCount } = record.hostConfig.RestartPolicy;
  if (record.state.stopped) return false;
  if (Name === "always" || Name === "unless-stopped") return true;
  if (Name !== "on-failure" || record.state.exitCode === 0) return false;
  return MaximumRetryCount === 0 || record.restartCount < MaximumRetryCount;
}

/** A start by a client: what came before counts no longer. */
export function forgetRestarts(container: Container): void {
  delays.delete(container);
  container.record.restartCount = 0;
}

/**
 * Looks at the policy when a container has ended: what comes back means that it is started again, and is so from this moment on, without one in
 * which it would look as if it had ended for good. `restartLater` has to follow.
 */
export function planRestart(engine: Engine, container: Container): AbortController | undefined {
  const wanted = !container.removing && !engine.closing.signal.aborted && wantsRestart(container);
  container.restarting = wanted ? new AbortController() : undefined;
  return container.restarting;
}

/** A client does not want what its policy has planned: true when there was something. */
export function dropRestart(container: Container): boolean {
  const { restarting } = container;
  restarting?.abort();
  container.restarting = undefined;
  return restarting !== undefined;
}

/** Starts it again after a delay, unless a client stops, starts or removes it before. `seconds` is how long it ran. */
export function restartLater(
  engine: Engine,
  container: Container,
  plan: AbortController,
  seconds: number,
  start: Start,
): void {
  const drop = () => {
    if (container.restarting === plan) container.restarting = undefined;
  };
  if (plan.signal.aborted) {
    drop();
    return;
  }
  const delay = seconds >= WELL ? FIRST : Math.min(MOST, (delays.get(container) ?? FIRST / 2) * 2);
  delays.set(container, delay);
  const signal = AbortSignal.any([plan.signal, engine.closing.signal]);
  void sleep(delay, undefined, { signal }).then(async () => {
    container.record.restartCount++;
    await start(engine, container, plan).catch((error: unknown) => {
      engine.log("warn", "a restart failed", { id: container.id, error });
      // A client had enough of it meanwhile.
      if (plan.signal.aborted) return;
      const next = planRestart(engine, container);
      if (next) restartLater(engine, container, next, 0, start);
    });
    drop();
  }, drop);
}
