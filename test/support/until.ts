// Waiting for what comes in its own time: a test asks again until it is so, with an end that is generous on a slow, busy machine.
import { setTimeout as sleep } from "node:timers/promises";

/** What of a type counts as an answer. */
type Answer<T> = Exclude<T, false | null | undefined | "" | 0>;

/** Waits until `done` answers something true, and answers that. */
export async function until<T>(what: string, done: () => T | Promise<T>, ms = 60_000): Promise<Answer<T>> {
  for (const end = Date.now() + ms; ; await sleep(10)) {
    const answer = await done();
    if (answer) return answer as Answer<T>;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
  }
}

/** Looks, and looks again, until `check` accepts what is seen; throws what `check` threw last. */
export async function settles<T>(look: () => T | Promise<T>, check: (seen: T) => void, ms = 60_000): Promise<T> {
  for (const end = Date.now() + ms; ; await sleep(20)) {
    const seen = await look();
    try {
      check(seen);
      return seen;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}
