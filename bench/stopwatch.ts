// Runs a plan of measurements with the native stop-watch (src/linux/bench) and reads its results.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Step {
  /** Absolute program and arguments; `{n}` in them becomes a number that no other run has. */
  argv: string[];
  timed?: boolean;
  /** Its exit code does not matter. */
  mayFail?: boolean;
}

export interface Series {
  name: string;
  /** Once before and after all runs. */
  before?: Step[];
  steps: Step[];
  after?: Step[];
  /** Also measure the timed steps' peak resident size. */
  peak?: boolean;
}

export interface Measured {
  name: string;
  /** Milliseconds. */
  samples: number[];
  /** The largest resident size of a timed process, KiB; 0 when not asked for. */
  peak: number;
  error?: string;
}

export interface Timing {
  rounds: number;
  warmups: number;
  /** Milliseconds of quiet before each timed step; 0: back to back, in blocks. */
  gap: number;
}

export function timed(...argv: string[]): Step {
  return { argv, timed: true };
}

export function untimed(...argv: string[]): Step {
  return { argv };
}

export class Stopwatch {
  readonly #host: string;
  readonly #image: string;
  readonly #dir: string;

  /** @param host the native host, `image` the memory image of src/linux/bench/main.ts, `dir` for files in passing */
  constructor(host: string, image: string, dir: string) {
    this.#host = host;
    this.#image = image;
    this.#dir = dir;
  }

  /** Seconds for all chains of commands, `width` at a time. Throws when one fails. */
  together(chains: string[][][], width: number): Promise<number> {
    return this.#ask<number>({ chains, width });
  }

  async measure(series: Series[], timing: Timing): Promise<Measured[]> {
    // a program that is not there is the commonest reason for a part that is not ready: say it in these words
    const missing = new Map<string, string>();
    for (const { name, steps } of series) {
      const gone = steps.find(({ argv }) => !existsSync(argv[0]!));
      if (gone) missing.set(name, `there is no ${gone.argv[0]}`);
    }
    const ready = series.filter(({ name }) => !missing.has(name));
    const found = await this.#ask<Measured[]>({ series: ready, ...timing });
    return series.map(({ name }) => {
      const error = missing.get(name);
      return error === undefined ? found.find((entry) => entry.name === name)! : { name, samples: [], peak: 0, error };
    });
  }

  async #ask<T>(asked: object): Promise<T> {
    const [plan, result, log] = ["plan.json", "result.json", "stderr"].map((name) => join(this.#dir, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(plan, JSON.stringify({ ...asked, log }));
    const args = ["--image", this.#image, plan, result];
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(this.#host, args, { stdio: ["ignore", "ignore", "inherit"] });
      child.on("error", reject);
      child.on("close", resolve);
    });
    if (code !== 0) throw new Error(`the stop-watch ended with ${code}`);
    const found = JSON.parse(readFileSync(result, "utf8")) as T;
    for (const file of [plan, result]) rmSync(file);
    return found;
  }
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
