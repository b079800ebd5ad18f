// The stop-watch of the benchmarks: runs commands and measures fork to exit, from a process so small that it adds next to nothing.
//   bench PLAN RESULT     two JSON files: a Plan and a Measured[], or a Crowd and the seconds (see below; bench/stopwatch.ts has the same types)
import { describe } from "../../common/errors.ts";
import { sys } from "../sys/call.ts";
import { close, dup3, O, open, readText, unlinkIfThere, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { complain } from "../sys/out.ts";
import { environment, exec, exit, fork } from "../sys/process.ts";
import { monotonicNs, sleepSync } from "../sys/time.ts";
import { followToExit, traceMe } from "./peak.ts";

interface Step {
  /** Absolute program and arguments; `{n}` in them becomes a number that no other run has. */
  argv: string[];
  timed?: boolean;
  /** Its exit code does not matter. */
  mayFail?: boolean;
}

interface Series {
  name: string;
  /** Once before and after all runs. */
  before?: Step[];
  steps: Step[];
  after?: Step[];
  /** Also measure the timed steps' peak resident size, in three runs of their own. */
  peak?: boolean;
}

interface Plan {
  series: Series[];
  /** Timed runs of each series. */
  rounds: number;
  /** Runs of each that are thrown away at the beginning. */
  warmups: number;
  /**
   * Milliseconds of quiet before each timed step, the series taking turns; 0: back to back, which means one series after
   * another in blocks, for a command that runs between others is not alone.
   */
  gap: number;
  /** Where what the commands say on stderr is kept, until the next command. */
  log: string;
}

interface Measured {
  name: string;
  /** Milliseconds. */
  samples: number[];
  /** The largest resident size of a timed process, KiB; 0 when not asked for. */
  peak: number;
  /** Why the series was given up. */
  error?: string;
}

/** Commands of which several run at a time: the time for all of them together. */
interface Crowd {
  /** How many at a time. */
  width: number;
  /** Commands of one chain follow each other. */
  chains: string[][][];
  log: string;
}

/** How many runs of one series follow each other in a block. */
const BLOCK = 10;

let number = 0;
let environ: string[] = [];

function complainAbout(argv: string[], status: number, log: string): never {
  const signal = status & 0x7f;
  const how = signal ? `ended by signal ${signal}` : `exit code ${(status >> 8) & 0xff}`;
  const said = readText(log).trim().split("\n").slice(-2).join(" / ");
  throw new Error(`${argv.join(" ")}: ${how}${said ? `: ${said}` : ""}`);
}

/** Has a new process become the command; answers its pid. */
function begin(argv: string[], nothing: number, errors: number, traced = false): number {
  const pid = fork();
  if (pid !== 0) return pid;
  try {
    dup3(nothing, 0);
    dup3(nothing, 1);
    dup3(errors, 2);
    if (traced) traceMe();
    exec(argv[0]!, argv, environ);
  } catch (error) {
    complain("bench", error);
  }
  exit(127);
}

/** Runs one command, from before fork to after wait; answers with milliseconds, or where `traced` with its peak size in KiB. */
function run(step: Step, log: string, n: number, traced = false): number {
  const argv = step.argv.map((word) => word.replaceAll("{n}", String(n)));
  const status = new Int32Array(1);
  const nothing = open("/dev/null", O.RDWR | O.CLOEXEC);
  const errors = open(log, O.WRONLY | O.CREAT | O.TRUNC | O.CLOEXEC, 0o600);
  const started = monotonicNs();
  const pid = begin(argv, nothing, errors, traced);
  const peak = traced ? followToExit(pid, status) : 0;
  if (!traced) sys("wait for", pid, NR.wait4, pid, status, 0, 0);
  const ms = (monotonicNs() - started) / 1e6;
  close(nothing);
  close(errors);
  if (status[0] !== 0 && !step.mayFail) complainAbout(argv, status[0]!, log);
  return traced ? peak : ms;
}

/** Seconds for all chains of commands. */
function runCrowd({ width, chains, log }: Crowd): number {
  const status = new Int32Array(1);
  const nothing = open("/dev/null", O.RDWR | O.CLOEXEC);
  const errors = open(log, O.WRONLY | O.CREAT | O.TRUNC | O.APPEND | O.CLOEXEC, 0o600);
  const running = new Map<number, { chain: string[][]; at: number }>();
  const waiting = [...chains].reverse();
  let failed: { argv: string[]; status: number } | undefined;
  const next = (chain = waiting.pop(), at = 0) => {
    if (chain) running.set(begin(chain[at]!, nothing, errors), { chain, at });
  };
  const started = monotonicNs();
  for (let i = 0; i < width; i++) next();
  while (running.size > 0) {
    const pid = sys("wait", undefined, NR.wait4, -1, status, 0, 0);
    const { chain, at } = running.get(pid)!;
    running.delete(pid);
    if (status[0] !== 0) failed ??= { argv: chain[at]!, status: status[0]! };
    if (failed) continue;
    if (at + 1 < chain.length) next(chain, at + 1);
    else next();
  }
  const seconds = (monotonicNs() - started) / 1e9;
  close(nothing);
  close(errors);
  if (failed) complainAbout(failed.argv, failed.status, log);
  unlinkIfThere(log);
  return seconds;
}

class Runner {
  readonly measured: Measured;
  readonly #series: Series;
  readonly #plan: Plan;
  #runs = 0;

  constructor(series: Series, plan: Plan) {
    this.#series = series;
    this.#plan = plan;
    this.measured = { name: series.name, samples: [], peak: 0 };
  }

  /** What fails is noted; then the series is over. */
  #guarded(work: () => void): void {
    if (this.measured.error !== undefined) return;
    try {
      work();
    } catch (error) {
      this.measured.error = describe(error);
    }
  }

  begin(): void {
    this.#guarded(() => {
      for (const step of this.#series.before ?? []) run(step, this.#plan.log, 0);
    });
  }

  get done(): boolean {
    return this.measured.error !== undefined || this.#runs >= this.#plan.warmups + this.#plan.rounds;
  }

  once(): void {
    if (this.done) return;
    const n = ++number;
    this.#guarded(() => {
      for (const step of this.#series.steps) {
        if (step.timed && this.#plan.gap > 0) sleepSync(this.#plan.gap);
        const ms = run(step, this.#plan.log, n);
        if (step.timed && this.#runs >= this.#plan.warmups) this.measured.samples.push(ms);
      }
    });
    this.#runs++;
  }

  #peak(): void {
    const n = ++number;
    for (const step of this.#series.steps) {
      const answer = run(step, this.#plan.log, n, step.timed);
      if (step.timed) this.measured.peak = Math.max(this.measured.peak, answer);
    }
  }

  end(): void {
    if (this.#series.peak) for (let i = 0; i < 3; i++) this.#guarded(() => this.#peak());
    for (const step of this.#series.after ?? []) {
      try {
        run({ ...step, mayFail: true }, this.#plan.log, 0);
      } catch {
        // a program that is not there was reported when it was first needed
      }
    }
  }
}

function measure(plan: Plan): Measured[] {
  const runners = plan.series.map((series) => new Runner(series, plan));
  for (const runner of runners) runner.begin();
  while (runners.some((runner) => !runner.done)) {
    for (const runner of runners) for (let i = 0; i < (plan.gap > 0 ? 1 : BLOCK); i++) runner.once();
  }
  for (const runner of runners) runner.end();
  unlinkIfThere(plan.log);
  return runners.map(({ measured }) => measured);
}

export function main(args: string[]): number {
  const [, plan, result] = args;
  if (!plan || !result) return 2;
  environ = [...environment()].map(([name, value]) => `${name}=${value}`);
  try {
    const asked = JSON.parse(readText(plan)) as Plan | Crowd;
    writeFile(result, JSON.stringify("chains" in asked ? runCrowd(asked) : measure(asked)));
    return 0;
  } catch (error) {
    complain("bench", error);
    return 1;
  }
}
