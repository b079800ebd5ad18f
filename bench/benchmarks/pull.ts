// Pulling 94 MB of gzip into an empty store, unpacked. Each pull has a file system of its own: on ext4, creating files where
// many were removed just before is up to 15 times slower.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command, which } from "../context.ts";
import { containerd, dockerd, type Served, wharfd } from "../daemons.ts";
import { EMPTY_DISK, type ImageName, pushedImages } from "../images.ts";
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
      const flags = ["--storage-driver", "overlay", "pull", "-q", "--tls-verify=false"];
      return timed(which("podman"), ...places, ...flags, image);
    },
  },
  {
    // with containerd's store, which is what new installations have
    name: "docker",
    start: (context, data) => dockerd(context, data, ["--feature", "containerd-snapshotter=true"], "pull-docker"),
    pull: (_, image, __, socket) => timed(which("docker"), "--host", `unix://${socket}`, "pull", "-q", image),
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

async function compare(context: Context, name: string, image: ImageName, goal: number): Promise<Row[]> {
  const pushed = (await pushedImages(context))[image];
  const cells = await inTurn(
    context,
    PULLERS.map((puller) => ({ name: puller.name, once: () => pullOnce(context, puller, pushed) })),
  );
  return [{ name, unit: "ms", cells, ours: "wharf", against: "containerd", goal: [goal] }];
}

/** The programs take turns; what fails once is not tried again. */
export async function inTurn(
  context: Context,
  programs: readonly { name: string; once: () => Promise<number> }[],
): Promise<Record<string, Cell>> {
  const samples = new Map<string, number[]>();
  const errors = new Map<string, string>();
  for (let round = 0; round < context.settings.slowRounds; round++) {
    for (const { name, once } of programs) {
      if (errors.has(name)) continue;
      try {
        samples.set(name, [...(samples.get(name) ?? []), await once()]);
      } catch (error) {
        errors.set(name, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return Object.fromEntries(
    programs.map(({ name }): [string, Cell] => {
      const error = errors.get(name);
      return [name, error === undefined ? { value: median(samples.get(name)!) } : { value: Number.NaN, error }];
    }),
  );
}

const pulls = (name: string, what: string, image: ImageName, goal: number): Benchmark => ({
  name,
  about: `pull of 94 MB, ${what}`,
  run: (context) => compare(context, `pull, 94 MB ${what}`, image, goal),
});

export const PULL: Benchmark[] = [
  pulls("pull-1", "gzip, 1 layer", "one", 0.25),
  pulls("pull-8", "gzip, 8 layers", "eight", 0.24),
  pulls("pull-zstd-1", "zstd, 1 layer", "one-zstd", 0.26),
  pulls("pull-zstd-8", "zstd, 8 layers", "eight-zstd", 0.26),
];
