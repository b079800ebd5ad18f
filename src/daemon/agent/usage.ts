/**
 * Sizes of trees. Many are often asked for at once, and each question costs a process: those that wait go in one, as long as more of them come with each
 * turn of the event loop. Answers are given out in parts, since each has someone who goes on with it at once.
 */

import type { TreeUsage } from "../../common/agent/protocol.ts";
import { type ErrorData, errorFromData } from "../../common/errors.ts";

/** Paths of one question. */
const MOST = 500;
/** Answers given out in one turn. */
const PART = 32;

type Ask = (paths: readonly string[]) => Promise<readonly (TreeUsage | { error: ErrorData })[]>;

interface Waiting extends PromiseWithResolvers<TreeUsage> {
  path: string;
}

export class Usages {
  readonly #ask: Ask;
  #waiting: Waiting[] = [];

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  of(path: string): Promise<TreeUsage> {
    if (this.#waiting.length === 0) setImmediate(() => this.#gather(0));
    const waiting = { path, ...Promise.withResolvers<TreeUsage>() };
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** Goes when no more have come since the turn before, or enough are there. */
  #gather(before: number): void {
    const { length } = this.#waiting;
    if (length > before && length < MOST) {
      setImmediate(() => this.#gather(length));
      return;
    }
    const all = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < all.length; at += MOST) void this.#measure(all.slice(at, at + MOST));
  }

  async #measure(part: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#ask(part.map(({ path }) => path));
      for (const [i, { resolve, reject }] of part.entries()) {
        if (i > 0 && i % PART === 0) await new Promise(setImmediate);
        const answer = answers[i]!;
        if ("error" in answer) reject(errorFromData(answer.error));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of part) reject(error);
    }
  }
}
