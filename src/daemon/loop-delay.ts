/**
 * How long the event loop is held up, for tests (environment variable WHARF_LOOP_DELAY names a file): whatever blocks it delays
 * every client. Loaded only when asked for.
 */

import { writeFileSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

/** A hold-up is told of when it is longer, in milliseconds. */
const NOTED = 2;
const TICK = 1;

/** What the file holds. All times in milliseconds. */
export interface LoopDelays {
  /** Each hold-up longer than `NOTED`: when it ended (since the process's start) and how long it was. */
  blocks: { at: number; ms: number }[];
  /** Garbage collections, which explain some of them. */
  collections: { at: number; ms: number; kind: number }[];
}

/**
 * Notes hold-ups until disposed of; the file is written at SIGUSR2, too, and what it says begins anew then. A timer that is due each
 * millisecond tells by how much it comes late: CPU time taken by others counts, so a busy machine shows more than the daemon's own doing. Therefore a
 * hold-up counts as long as the process itself was running for: CPU time of this thread, where that is less (by the thread's clock: what Node tells of it
 * is as old as the kernel's last tick).
 */
export function watchEventLoop(file: string): Disposable {
  let delays: LoopDelays = { blocks: [], collections: [] };
  let last = performance.now();
  const cpuTime = threadClock();
  let cpu = cpuTime();
  const timer = setInterval(() => {
    const now = performance.now();
    const ms = Math.min(now - last - TICK, cpuTime() - cpu);
    if (ms > NOTED) delays.blocks.push({ at: now, ms });
    last = now;
    cpu = cpuTime();
  }, TICK);
  timer.unref();
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
      clearInterval(timer);
      observer.disconnect();
      process.off("SIGUSR2", report);
      write();
    },
  };
}

/** CLOCK_THREAD_CPUTIME_ID of clock_gettime(2). */
const THREAD_CLOCK = 3;

/** Answers the CPU time of this thread, in milliseconds. */
function threadClock(): () => number {
  const { functions } = process.getBuiltinModule("node:ffi").dlopen(null, {
    clock_gettime: { arguments: ["i32", "buffer"], return: "i32" },
  });
  const clock = functions.clock_gettime as unknown as (clock: number, time: BigInt64Array) => number;
  const time = new BigInt64Array(2);
  return () => {
    clock(THREAD_CLOCK, time);
    return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
  };
}
