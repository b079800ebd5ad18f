// Pulling 94 MB of gzip into an empty store, unpacked. Each pull has a file system of its own: on ext4, creating files where
// many were removed just before is up to 15 times slower.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command, which } from "../context.ts";
import { containerd, type Served, wharfd } from "../daemons.ts";
import { EMPTY_DISK, pushedImages } from "../images.ts";
import { median, type Step, timed } from "../stopwatch.ts";

/** A new ext4 file system, which is gone when disposed. */
async function freshDisk(context: Context): Promise<AsyncDisposable & { dir: string }> {
  const { work, cache } = context.settings;
  const [file, dir] = [join(work, "disk"), join(work, "disk-mount")];
  mkdirSync(dir, { recursive: true });
  await command(which("cp"), "--sparse=always", join(cache, EMPTY_DISK), file);
  await command(which("mount"), "-o", "loop", file, dir);
  const dispose = async () => {
    await command(which("umount"), dir);
    rmSync(file);
  };
  return { dir, [Symbol.asyncDispose]: dispose };
}

interface Puller {
  name: string;
  start?: (context: Context, data: string) => Promise<Served>;
  pull: (context: Context, image: string, data: string, socket: string) => Step;
}

const PULLERS: Puller[] = [
  {
    name: "wharf",
    start: (context, data) => wharfd(context, data, "pull-wharf"),
    pull: (context, image, _, socket) =>
      timed(context.ours("wharf"), "--host", `unix://${socket}`, "pull", "--quiet", image),
  },
  {
    name: "containerd",
    start: (context, data) => containerd(context, data, "pull-containerd"),
    pull: (context, image, _, socket) =>
      timed(which("ctr"), "--address", socket, "-n", context.settings.mark, "images", "pull", "--plain-http", image),
  },
  {
    name: "podman",
    pull: (context, image, data) => {
      const places = ["--root", join(data, "root"), "--runroot", join(context.settings.run, "podman")];
      return timed(
        which("podman"),
        ...places,
        "--storage-driver",
        "overlay",
        "pull",
        "-q",
        "--tls-verify=false",
        image,
      );
    },
  },
];

/** Milliseconds of one pull. */
async function pullOnce(context: Context, { name, start, pull }: Puller, image: string): Promise<number> {
  await using disk = await freshDisk(context);
  const data = join(disk.dir, "data");
  mkdirSync(data);
  const served = await start?.(context, data);
  try {
    await command(which("sync"));
    const steps = [pull(context, image, data, served?.socket ?? "")];
    const [measured] = await context.stopwatch.measure([{ name, steps }], { rounds: 1, warmups: 0, gap: 0 });
    if (measured!.error !== undefined) throw new Error(measured!.error);
    return measured!.samples[0]!;
  } finally {
    await served?.stop();
  }
}

async function compare(context: Context, name: string, layers: "one" | "eight", goal: number): Promise<Row[]> {
  const image = (await pushedImages(context))[layers];
  const samples = new Map<string, number[]>(PULLERS.map((puller) => [puller.name, []]));
  const errors = new Map<string, string>();
  for (let round = 0; round < context.settings.slowRounds; round++) {
    for (const puller of PULLERS) {
      if (errors.has(puller.name)) continue;
      try {
        samples.get(puller.name)!.push(await pullOnce(context, puller, image));
      } catch (error) {
        errors.set(puller.name, error instanceof Error ? error.message : String(error));
      }
    }
  }
  const cells = Object.fromEntries(
    PULLERS.map(({ name }): [string, Cell] => {
      const error = errors.get(name);
      return [name, error === undefined ? { value: median(samples.get(name)!) } : { value: Number.NaN, error }];
    }),
  );
  return [{ name, unit: "ms", cells, ours: "wharf", against: "containerd", goal: [goal] }];
}

export const PULL: Benchmark[] = [
  {
    name: "pull-1",
    about: "pull of 94 MB, 1 layer",
    run: (context) => compare(context, "pull, 94 MB gzip, 1 layer", "one", 0.5),
  },
  {
    name: "pull-8",
    about: "pull of 94 MB, 8 layers",
    run: (context) => compare(context, "pull, 94 MB gzip, 8 layers", "eight", 0.5),
  },
];
