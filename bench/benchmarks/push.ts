// Pushing 94 MB to a registry that has none of it: each time to an empty one on a port of its own, so that nobody can have blobs mounted that
// were pushed before.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark, Context, Row } from "../context.ts";
import { command, which } from "../context.ts";
import { containerd, dockerd, type Served, startRegistry, wharfd } from "../daemons.ts";
import { type ImageName, pushedImages } from "../images.ts";
import { untimed } from "../stopwatch.ts";
import { inTurn } from "./pull.ts";

/** The first port; each push has its own. */
const PORT = 5001;

interface Pusher {
  name: string;
  /** Brings the image in, which is not measured, and answers with how to tag and push it under a name. */
  prepare: (context: Context, image: string) => Promise<(target: string) => [before: string[][], push: string[]]>;
}

/** One of the daemons, started once for all pushes. */
async function served(context: Context, name: string): Promise<Served> {
  const data = join(context.settings.work, `push-${name}`);
  if (!existsSync(data)) mkdirSync(data);
  const starts: Record<string, () => Promise<Served>> = {
    wharf: () => wharfd(context, data, "push-wharf"),
    containerd: () => containerd(context, data, "push-containerd"),
    docker: () => dockerd(context, data, ["--feature", "containerd-snapshotter=true"], "push-docker"),
  };
  return context.once(`push ${name}`, starts[name]!, ({ stop }) => stop());
}

const dockerLike = (name: "wharf" | "docker"): Pusher => ({
  name,
  prepare: async (context, image) => {
    const { socket } = await served(context, name);
    const argv = [name === "wharf" ? context.ours("wharf") : which("docker"), "--host", `unix://${socket}`];
    await command(argv[0]!, ...argv.slice(1), "pull", "-q", image);
    return (target) => [[[...argv, "tag", image, target]], [...argv, "push", "-q", target]];
  },
});

const PUSHERS: Pusher[] = [
  dockerLike("wharf"),
  dockerLike("docker"),
  {
    name: "containerd",
    prepare: async (context, image) => {
      const { socket } = await served(context, "containerd");
      const argv = [which("ctr"), "--address", socket, "-n", context.settings.mark, "images"];
      await command(argv[0]!, ...argv.slice(1), "pull", "--plain-http", image);
      return (target) => [[[...argv, "tag", image, target]], [...argv, "push", "--plain-http", target]];
    },
  },
  {
    name: "skopeo",
    prepare: async (context, image) => {
      const layout = `oci:${join(context.settings.cache, image.split("/")[1]!.split(":")[0]!)}:latest`;
      const argv = [which("skopeo"), "copy", "-q", "--dest-tls-verify=false", "--insecure-policy", layout];
      return (target) => [[], [...argv, `docker://${target}`]];
    },
  },
];

let count = 0;

async function pushOnce(context: Context, { name, prepare }: Pusher, image: string): Promise<number> {
  const key = `pushable ${name} ${image}`;
  const commands = await context.once(key, () => prepare(context, image));
  const port = PORT + count++;
  const data = join(context.settings.work, `registry-${port}`);
  const { stop } = await startRegistry(context, port, data);
  try {
    const [before, push] = commands(`localhost:${port}/push/${name}:latest`);
    const steps = [...before.map((argv) => untimed(...argv)), { argv: push, timed: true }];
    await command(which("sync"));
    const [measured] = await context.stopwatch.measure([{ name, steps }], { rounds: 1, warmups: 0, gap: 0 });
    if (measured!.error !== undefined) throw new Error(measured!.error);
    return measured!.samples[0]!;
  } finally {
    await stop();
    rmSync(data, { recursive: true });
  }
}

async function compare(
  context: Context,
  what: string,
  image: ImageName,
  against: string,
  goal: number,
): Promise<Row[]> {
  const pushed = (await pushedImages(context))[image];
  const cells = await inTurn(
    context,
    PUSHERS.map((pusher) => ({ name: pusher.name, once: () => pushOnce(context, pusher, pushed) })),
  );
  return [{ name: `push, 94 MB, ${what}`, unit: "ms", cells, ours: "wharf", against, goal: [goal] }];
}

export const PUSH: Benchmark[] = [
  {
    name: "push-1",
    about: "push of 94 MB, 1 layer",
    run: (context) => compare(context, "1 layer", "one", "docker", 0.57),
  },
  {
    name: "push-8",
    about: "push of 94 MB, 8 layers",
    run: (context) => compare(context, "8 layers", "eight", "containerd", 0.8),
  },
];
