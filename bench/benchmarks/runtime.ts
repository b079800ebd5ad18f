// OCI runtimes on the same bundles: runt beside crun and runc.
import { join } from "node:path";
import { dockerBundle, smallBundle, withArgs } from "../bundle.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { which } from "../context.ts";
import { type Measured, median, type Series, timed, untimed } from "../stopwatch.ts";

export interface Runtime {
  name: string;
  /** The program with the flags that keep its state out of others' way. */
  argv: string[];
}

export function runtimes(context: Context): Runtime[] {
  const state = (name: string) => join(context.settings.run, name);
  const program = (name: string, path: string) => ({ name, argv: [path, "--root", state(name)] });
  return [program("runt", context.ours("runt")), program("crun", which("crun")), program("runc", which("runc"))];
}

/** What to measure of one runtime; `id` is a container name of its own in each run. */
type Plan = (runtime: string[], id: string) => Omit<Series, "name">;

function cellOf(together: Measured, apart: Measured | undefined): Cell {
  const error = together.error ?? apart?.error;
  if (error !== undefined) return { value: Number.NaN, error };
  const cell: Cell = { value: median(together.samples) };
  if (apart) cell.apart = median(apart.samples);
  return cell;
}

async function compare(context: Context, name: string, goal: [number, number?], plan: Plan): Promise<Row[]> {
  const programs = runtimes(context);
  const series = programs.map(({ name, argv }) => ({ name, ...plan(argv, `${context.settings.mark}-${name}-{n}`) }));
  const { rounds } = context.settings;
  const together = await context.stopwatch.measure(series, { rounds, warmups: 3, gap: 0 });
  const quiet = series.map(({ peak: _, ...rest }) => rest);
  const apart = await context.stopwatch.measure(quiet, { rounds, warmups: 1, gap: 100 });
  const cells = Object.fromEntries(together.map((measured, i) => [measured.name, cellOf(measured, apart[i])]));
  const row: Row = { name, unit: "ms", cells, ours: "runt", against: "crun", goal };
  if (!together.some(({ peak }) => peak > 0)) return [row];
  const size = (measured: Measured): Cell =>
    measured.error === undefined ? { value: measured.peak / 1024 } : { value: Number.NaN, error: measured.error };
  const sizes = Object.fromEntries(together.map((measured) => [measured.name, size(measured)]));
  return [row, { name: `${name}: peak memory`, unit: "MB", cells: sizes, ours: "runt", against: "crun", goal: [0.65] }];
}

/** A container that only sleeps: for the verbs that need one. */
export async function sleeper(context: Context): Promise<string> {
  return withArgs(context, await smallBundle(context), "sleeper", ["sleep", "1000"]);
}

export const RUNTIME: Benchmark[] = [
  {
    name: "version",
    about: "runtime --version",
    run: (context) =>
      compare(context, "runtime `--version`", [0.35, 0.35], ([program]) => ({ steps: [timed(program!, "--version")] })),
  },
  {
    name: "run-small",
    about: "runtime run of what `runc spec` gives",
    run: async (context) => {
      const { dir } = await smallBundle(context);
      return compare(context, "runtime `run`, small bundle", [0.45, 0.25], (runtime, id) => ({
        steps: [timed(...runtime, "run", "--bundle", dir, id)],
        peak: true,
      }));
    },
  },
  {
    name: "run-docker",
    about: "runtime run of what Docker gives its runtime",
    run: async (context) => {
      const { dir } = await dockerBundle(context);
      return compare(context, "runtime `run`, Docker's config", [0.5, 0.3], (runtime, id) => ({
        steps: [timed(...runtime, "run", "--bundle", dir, id)],
        peak: true,
      }));
    },
  },
  {
    name: "create",
    about: "runtime create",
    run: async (context) => {
      const dir = await sleeper(context);
      return compare(context, "runtime `create`", [0.5, 0.27], (runtime, id) => ({
        steps: [timed(...runtime, "create", "--bundle", dir, id), untimed(...runtime, "delete", "--force", id)],
      }));
    },
  },
  {
    name: "start",
    about: "runtime start",
    run: async (context) => {
      const dir = await sleeper(context);
      return compare(context, "runtime `start`", [0.5], (runtime, id) => ({
        steps: [
          untimed(...runtime, "create", "--bundle", dir, id),
          timed(...runtime, "start", id),
          untimed(...runtime, "delete", "--force", id),
        ],
      }));
    },
  },
  {
    name: "delete",
    about: "runtime delete --force of a running container",
    run: async (context) => {
      const dir = await sleeper(context);
      return compare(context, "runtime `delete --force`", [0.2], (runtime, id) => ({
        steps: [
          untimed(...runtime, "create", "--bundle", dir, id),
          untimed(...runtime, "start", id),
          timed(...runtime, "delete", "--force", id),
        ],
      }));
    },
  },
  ...(["exec", "state"] as const).map(
    (verb): Benchmark => ({
      name: verb,
      about: `runtime ${verb} on a running container`,
      run: async (context) => {
        const dir = await sleeper(context);
        return compare(context, `runtime \`${verb}\``, [verb === "exec" ? 0.5 : 0.4], (runtime, template) => {
          const id = template.replace("{n}", verb);
          return {
            before: [untimed(...runtime, "create", "--bundle", dir, id), untimed(...runtime, "start", id)],
            steps: [verb === "exec" ? timed(...runtime, "exec", id, "true") : timed(...runtime, "state", id)],
            after: [untimed(...runtime, "delete", "--force", id)],
          };
        });
      },
    }),
  ),
];
