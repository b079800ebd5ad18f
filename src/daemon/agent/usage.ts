/** Sizes of trees. Many are often asked for at once, and each question costs a process: those that wait go in one. */

import { type ErrorData, errorFromData } from "../../common/errors.ts";
import type { Usage } from "../containerd/agent.ts";

/** Paths of one question. */
const MOST = 500;

type Ask = (paths: readonly string[]) => Promise<readonly (Usage | { error: ErrorData })[]>;

interface Waiting extends PromiseWithResolvers<Usage> {
  path: string;
}

export class Usages {
  readonly #ask: Ask;
  #waiting: Waiting[] = [];

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  of(path: string): Promise<Usage> {
    if (this.#waiting.length === 0) setImmediate(() => this.#go());
    const waiting = { path, ...Promise.withResolvers<Usage>() };
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #go(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < all.length; at += MOST) void this.#measure(all.slice(at, at + MOST));
  }

  async #measure(part: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.#ask(part.map(({ path }) => path));
      for (const [i, { resolve, reject }] of part.entries()) {
        const answer = answers[i]!;
        if ("error" in answer) reject(errorFromData(answer.error));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of part) reject(error);
    }
  }
}
