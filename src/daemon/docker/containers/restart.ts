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
export type Start = (engine: Engine, container: Container) => Promise<boolean>;

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

/** Starts it again after a delay, if its policy says so. `seconds` is how long it ran. */
export function considerRestart(engine: Engine, container: Container, seconds: number, start: Start): void {
  if (container.removing || engine.closing.signal.aborted || !wantsRestart(container)) return;
  const delay = seconds >= WELL ? FIRST : Math.min(MOST, (delays.get(container) ?? FIRST / 2) * 2);
  delays.set(container, delay);
  const controller = new AbortController();
  container.restarting = controller;
  const signal = AbortSignal.any([controller.signal, engine.closing.signal]);
  void sleep(delay, undefined, { signal }).then(
    async () => {
      container.restarting = undefined;
      container.record.restartCount++;
      await start(engine, container).catch((error: unknown) => {
        engine.log("warn", "a restart failed", { id: container.id, error });
        considerRestart(engine, container, 0, start);
      });
    },
    () => {
      if (container.restarting === controller) container.restarting = undefined;
    },
  );
}
