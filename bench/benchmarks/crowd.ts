// OCI runtimes with many containers running, and how large the runtimes themselves are.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { smallBundle } from "../bundle.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { type Measured, median, type Step, timed } from "../stopwatch.ts";
import { atOnce } from "./memory.ts";
import { type Runtime, runtimes, sleeper } from "./runtime.ts";

const FEW = 100;

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

interface Figures {
  withFew: Cell;
  withMany: Cell;
  list: Cell;
}

const cellOf = ({ samples, error }: Measured): Cell =>
  error === undefined ? { value: median(samples) } : { value: Number.NaN, error };

/** Runs a program whose output is of no interest. */
function quiet(program: string, ...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "ignore" });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.slice(0, 4).join(" ")}: exit code ${code}`)),
    );
  });
}

/** One runtime at a time: three times as many processes would be no fairer. */
async function figures(context: Context, { name, argv }: Runtime): Promise<Figures> {
  const { mark, crowd, rounds } = context.settings;
  const [sleeping, small] = [await sleeper(context), (await smallBundle(context)).dir];
  // without pipes: the containers would keep them open
  const call = (...args: string[]) => quiet(argv[0]!, ...argv.slice(1), ...args);
  const other = (n: number) => `${mark}-${name}-other${n}`;
  const start = (from: number, to: number) =>
    atOnce(numbers(from, to), (n) => call("run", "--detach", "--bundle", sleeping, other(n)));
  const measure = async (step: Step): Promise<Cell> => {
    const [measured] = await context.stopwatch.measure([{ name, steps: [step] }], { rounds, warmups: 3, gap: 0 });
    return cellOf(measured!);
  };
  const run = timed(...argv, "run", "--bundle", small, `${mark}-${name}-{n}`);
  try {
    await start(0, FEW);
    const withFew = await measure(run);
    await start(FEW, crowd);
    const withMany = await measure(run);
    return { withFew, withMany, list: await measure(timed(...argv, "list")) };
  } finally {
    await atOnce(numbers(0, crowd), (n) => call("delete", "--force", other(n)).catch(() => undefined));
  }
}

async function crowd(context: Context): Promise<Row[]> {
  const cells: Record<keyof Figures, Record<string, Cell>> = { withFew: {}, withMany: {}, list: {} };
  for (const runtime of runtimes(context)) {
    let found: Figures;
    try {
      found = await figures(context, runtime);
    } catch (error) {
      const failed = { value: Number.NaN, error: error instanceof Error ? error.message : String(error) };
      found = { withFew: failed, withMany: failed, list: failed };
    }
    for (const key of ["withFew", "withMany", "list"] as const) cells[key][runtime.name] = found[key];
  }
  const count = context.settings.crowd;
  const row = (name: string, key: keyof Figures, goal?: [number, number?]): Row => ({
    name,
    unit: "ms",
    cells: cells[key],
    ours: "runt",
    against: "crun",
    ...(goal ? { goal } : {}),
  });
  return [
    row(`runtime \`run\` with ${FEW} others running`, "withFew", [0.45]),
    row(`runtime \`run\` with ${count} others running`, "withMany", [0.45]),
    row(`runtime \`list\` of ${count}`, "list"),
  ];
}

/** Ours is one program for all: runtime, shim, agent and command line. */
async function size(context: Context): Promise<Row[]> {
  const cells = Object.fromEntries(
    runtimes(context).map(({ name, argv }): [string, Cell] => [name, { value: statSync(argv[0]!).size / 2 ** 20 }]),
  );
  return [{ name: "runtime: size of the program", unit: "MB", cells, ours: "runt", against: "runc" }];
}

export const CROWD: Benchmark[] = [
  { name: "crowd", about: "runtime run and list with many others running", run: crowd },
  { name: "size", about: "size of the runtime's program", run: size },
];
