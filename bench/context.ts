// What every benchmark works with: places, programs, the stop-watch, and a list of what has to be undone at the end.
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stopwatch } from "./stopwatch.ts";

export interface Settings {
  /** The project's folder. */
  root: string;
  /** On the disk that is measured; emptied at the end. */
  work: string;
  /** Kept between runs: test images. */
  cache: string;
  /** In memory, short: sockets and state. */
  run: string;
  /** Marks control groups and namespaces of this run. */
  mark: string;
  /** Timed runs of quick commands, and of those that take seconds. */
  rounds: number;
  slowRounds: number;
  /** How many containers the memory figures are taken at. */
  containers: number;
  /** How many containers run beside what is measured, at most. */
  crowd: number;
}

export interface Cell {
  value: number;
  /** The same with 100 ms of quiet before each run. */
  apart?: number;
  error?: string;
}

/** One line of the table. */
export interface Row {
  name: string;
  unit: "ms" | "s" | "MB";
  /** By program. `wharf` and `runt` are ours. */
  cells: Record<string, Cell>;
  ours: string;
  /** The program the goal is put in terms of. */
  against: string;
  /** At most this many times `against`, back to back and apart. */
  goal?: [number, number?];
}

export interface MeasuredRow extends Row {
  /** The name of the benchmark it comes from. */
  benchmark: string;
}

export interface Benchmark {
  name: string;
  about: string;
  run: (context: Context) => Promise<Row[]>;
}

export class Context implements AsyncDisposable {
  readonly settings: Settings;
  readonly stopwatch: Stopwatch;
  readonly #stack = new AsyncDisposableStack();
  readonly #once = new Map<string, Promise<unknown>>();

  constructor(settings: Settings, stopwatch: Stopwatch) {
    this.settings = settings;
    this.stopwatch = stopwatch;
  }

  say(text: string): void {
    process.stderr.write(`bench: ${text}\n`);
  }

  /** Our own program. */
  ours(name: string): string {
    return join(this.settings.root, "dist/bin", name);
  }

  /** Makes something once, at its first use, and undoes it at the end. */
  async once<T>(key: string, make: () => Promise<T>, undo?: (made: T) => Promise<void>): Promise<T> {
    let promise = this.#once.get(key) as Promise<T> | undefined;
    if (!promise) {
      promise = make();
      this.#once.set(key, promise);
      const made = await promise;
      if (undo) this.#stack.defer(() => undo(made));
    }
    return promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The program's full path inside the peers root. */
export function which(program: string): string {
  for (const dir of ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]) {
    if (existsSync(join(dir, program))) return join(dir, program);
  }
  return join("/usr/bin", program);
}

/** Runs a program to its end; its stdout. What it said on stderr is in the error when it fails. */
export function command(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: "utf8", maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().split("\n").slice(-3).join(" / ");
      reject(new Error(`${program} ${args.slice(0, 6).join(" ")}: ${said || error.message}`, { cause: error }));
    });
  });
}

export interface Daemon {
  pid: number;
  stop: () => Promise<void>;
}

/** Starts a program and waits until `ready` is so; `stop` ends it by its id and waits. Its log goes to `log`. */
export async function daemon(argv: string[], log: number, ready: () => Promise<boolean> | boolean): Promise<Daemon> {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", log, log] });
  let failure: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      failure = error.message;
      resolve();
    });
    child.on("exit", (code, signal) => {
      failure ??= `ended with ${signal ?? code}`;
      resolve();
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(timer);
  };
  for (let i = 0; !(await ready()); i++) {
    if (failure === undefined && i < 300) await sleep(50);
    else {
      await stop();
      throw new Error(`${argv[0]} did not start: ${failure ?? "not ready after 15 s"}`);
    }
  }
  return { pid: child.pid!, stop };
}
