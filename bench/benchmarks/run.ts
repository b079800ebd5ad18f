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

async function runOnce(context: Context): Promise<Row[]> {
  const image = (await pushedImages(context)).busybox;
  const clients = [];
  for (const name of ["wharf", "ctr", "docker"]) clients.push(await ready(context, name));
  const series: Series[] = clients.flatMap((made) => {
    if ("error" in made) return [];
    const { name, argv } = made;
    const flags = name === "ctr" ? ["--runc-binary", "crun"] : ["--network", "none"];
    const rest = name === "ctr" ? [image, `${context.settings.mark}-{n}`, "true"] : [image, "true"];
    return [{ name, steps: [timed(...argv, "run", "--rm", ...flags, ...rest)] }];
  });
  const rounds = context.settings.rounds;
  const together = await context.stopwatch.measure(series, { rounds, warmups: 2, gap: 0 });
  const apart = await context.stopwatch.measure(series, { rounds, warmups: 1, gap: 100 });
  const cells = Object.fromEntries(
    clients.map((made): [string, Cell] => {
      const at = series.findIndex(({ name }) => name === made.name);
      const error = "error" in made ? made.error : (together[at]!.error ?? apart[at]!.error);
      if (error !== undefined) return [made.name, { value: Number.NaN, error }];
      return [made.name, { value: median(together[at]!.samples), apart: median(apart[at]!.samples) }];
    }),
  );
  return [{ name: "`run --rm`, no network", unit: "ms", cells, ours: "wharf", against: "ctr", goal: [0.3, 0.3] }];
}

export const RUN: Benchmark[] = [{ name: "run", about: "run --rm from the command line", run: runOnce }];
