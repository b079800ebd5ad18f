// One container from the command line to its exit code, through every layer: wharf beside ctr and docker.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command, which } from "../context.ts";
import { containerd, dockerd, type Served, wharfd } from "../daemons.ts";
import { pushedImages } from "../images.ts";
import { median, type Series, timed } from "../stopwatch.ts";

export interface Client {
  name: string;
  /** The command with all that goes before its verb. */
  argv: string[];
}

/** Gives the daemon the small image, and answers with how to call it. */
async function client(context: Context, name: string, served: Served): Promise<Client> {
  const image = (await pushedImages(context)).busybox;
  if (name === "ctr") {
    const argv = [which("ctr"), "--address", served.socket, "--namespace", context.settings.mark];
    await command(argv[0]!, ...argv.slice(1), "images", "pull", "--plain-http", image);
    return { name, argv };
  }
  const argv = [name === "docker" ? which("docker") : context.ours("wharf"), "--host", `unix://${served.socket}`];
  await command(argv[0]!, ...argv.slice(1), "pull", image);
  return { name, argv };
}

const STARTS: Record<string, (context: Context, data: string) => Promise<Served>> = {
  wharf: (context, data) => wharfd(context, data),
  ctr: (context, data) => containerd(context, data),
  docker: (context, data) => dockerd(context, data, ["--cgroup-parent", `/${context.settings.mark}`]),
};

/** The daemon of this name with its client; started once, stopped at the end. A part that is not ready gives the reason. */
export async function ready(
  context: Context,
  name: string,
): Promise<(Client & { pid: number; socket: string }) | { name: string; error: string }> {
  try {
    const data = join(context.settings.work, name);
    const start = async () => {
      mkdirSync(data);
      return STARTS[name]!(context, data);
    };
    const served = await context.once(`daemon ${name}`, start, ({ stop }) => stop());
    const made = await context.once(`client ${name}`, () => client(context, name, served));
    return { ...made, pid: served.pid, socket: served.socket };
  } catch (error) {
    return { name, error: error instanceof Error ? error.message : String(error) };
  }
}

type Made = Client | { name: string; error: string };

/** podman has no daemon: the image in a store of its own, and how to call it. */
export async function podman(context: Context): Promise<Made> {
  const { work, run, mark } = context.settings;
  const places = ["--root", join(work, "podman-run"), "--runroot", join(run, "podman-run")];
  const argv = [which("podman"), ...places, "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"];
  try {
    const image = (await pushedImages(context)).busybox;
    await command(argv[0]!, ...argv.slice(1), "pull", "-q", "--tls-verify=false", image);
    // Fails here, with its reason, and not in each run.
    await command(argv[0]!, ...argv.slice(1), "run", "--rm", "--cgroup-parent", `/${mark}`, image, "true");
    return { name: "podman", argv };
  } catch (error) {
    return { name: "podman", error: error instanceof Error ? error.message : String(error) };
  }
}

async function runOnce(context: Context): Promise<Row[]> {
  const clients = [];
  for (const name of ["wharf", "ctr", "docker"]) clients.push(await ready(context, name));
  const flags = (name: string) => (name === "ctr" ? ["--runc-binary", "crun"] : ["--network", "none"]);
  const cells = await measureRuns(context, clients, flags);
  return [{ name: "`run --rm`, no network", unit: "ms", cells, ours: "wharf", against: "ctr", goal: [0.18, 0.18] }];
}

async function runBridged(context: Context): Promise<Row[]> {
  const clients = [await ready(context, "wharf"), await podman(context)];
  const flags = (name: string) => (name === "podman" ? ["--cgroup-parent", `/${context.settings.mark}`] : []);
  const cells = await measureRuns(context, clients, flags);
  return [
    { name: "`run --rm`, bridge network", unit: "ms", cells, ours: "wharf", against: "podman", goal: [0.14, 0.14] },
  ];
}

async function cliStart(context: Context): Promise<Row[]> {
  const clients = [await ready(context, "wharf"), await ready(context, "docker"), await podman(context)];
  const row = async (name: string, words: string[]): Promise<Row> => ({
    ...{ name, unit: "ms", ours: "wharf", against: "docker", goal: [0.1, 0.1] },
    cells: await measureCommands(context, clients, () => words),
  });
  return [await row("command line `--version`", ["--version"]), await row("command line `ps`", ["ps"])];
}

/**
 * ctr against both daemons, with each one's usual runtime at its best: crun under containerd's shim, runt under ours. `ctr` and `ctr on wharf` are the
 * real one.
 */
async function runByCtr(context: Context): Promise<Row[]> {
  const [theirs, ours] = [await ready(context, "ctr"), await ready(context, "wharf")];
  const on = (name: string, program: string): Made => {
    if ("error" in ours) return { name, error: ours.error };
    const address = join(ours.socket, "../containerd.sock");
    return { name, argv: [program, "--address", address, "--namespace", context.settings.mark] };
  };
  const clients = [theirs, on("wharf", context.ours("ctr")), on("ctr on wharf", which("ctr"))];
  // ctr's own choice, io.containerd.runc.v2, is containerd's shim wherever that is installed, as it is here.
  const flags = (name: string) => (name === "ctr" ? ["--runc-binary", "crun"] : ["--runtime", "io.containerd.runt.v2"]);
  const cells = await measureRuns(context, clients, flags);
  const { ctr, wharf, "ctr on wharf": mixed } = cells as Record<string, Cell>;
  const common = { unit: "ms", against: "ctr" } as const;
  return [
    {
      ...common,
      name: "`ctr run --rm`, our ctr on our daemon",
      cells: { wharf: wharf!, ctr: ctr! },
      ours: "wharf",
      goal: [0.2, 0.2],
    },
    {
      ...common,
      name: "`ctr run --rm`, the real ctr on our daemon",
      cells: { "ctr on wharf": mixed!, ctr: ctr! },
      ours: "ctr on wharf",
      goal: [0.5, 0.5],
    },
  ];
}

async function measureRuns(
  context: Context,
  clients: readonly Made[],
  flags: (name: string) => string[],
): Promise<Record<string, Cell>> {
  const image = (await pushedImages(context)).busybox;
  return await measureCommands(context, clients, ({ name, argv }) => {
    const byCtr = argv.includes("--namespace");
    const rest = byCtr ? [image, `${context.settings.mark}-{n}`, "true"] : [image, "true"];
    return ["run", "--rm", ...flags(name), ...rest];
  });
}

/** Back to back and 100 ms apart: the same command of each. */
async function measureCommands(
  context: Context,
  clients: readonly Made[],
  rest: (client: Client) => string[],
): Promise<Record<string, Cell>> {
  const series: Series[] = clients.flatMap((made) =>
    "error" in made ? [] : [{ name: made.name, steps: [timed(...made.argv, ...rest(made))] }],
  );
  const rounds = context.settings.rounds;
  const together = await context.stopwatch.measure(series, { rounds, warmups: 2, gap: 0 });
  const apart = await context.stopwatch.measure(series, { rounds, warmups: 1, gap: 100 });
  return Object.fromEntries(
    clients.map((made): [string, Cell] => {
      const at = series.findIndex(({ name }) => name === made.name);
      const error = "error" in made ? made.error : (together[at]!.error ?? apart[at]!.error);
      if (error !== undefined) return [made.name, { value: Number.NaN, error }];
      return [made.name, { value: median(together[at]!.samples), apart: median(apart[at]!.samples) }];
    }),
  );
}

export const RUN: Benchmark[] = [
  { name: "run", about: "run --rm from the command line", run: runOnce },
  { name: "ctr-run", about: "ctr run --rm on containerd and on our daemon", run: runByCtr },
  { name: "run-bridge", about: "run --rm with the default network", run: runBridged },
  { name: "cli-start", about: "what the command lines take before anything happens: --version, ps", run: cliStart },
];
