/**
 * How long the event loop is held up, for tests (environment variable WHARF_LOOP_DELAY names a file): whatever blocks it delays
 * every client. Loaded only when asked for.
 */

import { createHook, executionAsyncResource } from "node:async_hooks";
import { writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

/** A hold-up is told of when it is longer, in milliseconds. */
const NOTED = 2;

/** What the file holds. All times in milliseconds. */
export interface LoopDelays {
  /** Each hold-up longer than `NOTED`: when it ended (since the process's start) and how long it was. */
  blocks: { at: number; ms: number }[];
  /** Garbage collections, which explain some of them. */
  collections: { at: number; ms: number; kind: number }[];
}

/**
 * Notes hold-ups until disposed of; the file is written at SIGUSR2, too, and what it says begins anew then. A hold-up is one piece of work: what an event
 * that came from outside brings about, with all its ticks and promises, until the next one has its turn. Not a whole turn of the loop: that holds
 * as many of them as have gathered, so it tells more of how busy the machine is. For the same reason it is this thread's CPU time that is taken.
 */
export function watchEventLoop(file: string): Disposable {
  let delays: LoopDelays = { blocks: [], collections: [] };
  let last = 0;
  const piece = (): void => {
    // What goes on after something else, in the same piece: a promise, or a tick.
    const resource = executionAsyncResource();
    if (resource instanceof Promise || Object.hasOwn(resource, "callback")) return;
    const { user, system } = process.threadCpuUsage();
    const used = (user + system) / 1000;
    if (used - last > NOTED) delays.blocks.push({ at: performance.now(), ms: used - last });
    last = used;
  };
  const hook = createHook({ before: piece }).enable();
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration, detail } of list.getEntries() as (PerformanceEntry & { detail?: unknown })[])
      delays.collections.push({ at: startTime, ms: duration, kind: (detail as { kind: number }).kind });
  });
  observer.observe({ entryTypes: ["gc"] });
  const write = (): void => writeFileSync(file, JSON.stringify(delays));
  const report = (): void => {
    write();
    delays = { blocks: [], collections: [] };
  };
  process.on("SIGUSR2", report);
  return {
    [Symbol.dispose]: () => {
      hook.disable();
      observer.disconnect();
      process.off("SIGUSR2", report);
      write();
    },
  };
}
