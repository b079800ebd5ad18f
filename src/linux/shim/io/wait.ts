// Waiting for the last byte of a process's output, but not for ever: another process may hold its pipe.
import { loop } from "../../sys/loop.ts";

/** Called when the output has ended. */
export type Waiters = (() => void)[];

export function drainedWithin(ms: number, waiters: Waiters, done: boolean): Promise<void> {
  if (done) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = loop().timer(ms, resolve);
    waiters.push(() => {
      timer[Symbol.dispose]();
      resolve();
    });
  });
}
