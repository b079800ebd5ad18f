// A container that writes lines as fast as it can: how long until all of them are in its log, and how long it takes to read them back.

import { spawn } from "node:child_process";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { Api } from "../http.ts";
import { pushedImages } from "../images.ts";
import { median } from "../stopwatch.ts";
import { podman, ready } from "./run.ts";

const MB = 64;
const BYTES = MB << 20;
/** Lines of 100 bytes, gathered in blocks so that the writing is not what takes the time. */
const SCRIPT = `yes ${"0123456789".repeat(9)}123456789 | head -c ${BYTES}`;
const COMMAND = ["sh", "-c", SCRIPT];

interface Engine {
  /** A container that has written all, by its id or name; milliseconds from its start to its end. */
  write: (name: string) => Promise<number>;
  /** Bytes of output that were read back. */
  read: (name: string) => Promise<number>;
  remove: (name: string) => Promise<unknown>;
}

async function since(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function byApi(api: Api, image: string): Engine {
  return {
    write: async (name) => {
      const config = { Type: "json-file", Config: {} };
      const body = { Image: image, Cmd: COMMAND, HostConfig: { NetworkMode: "none", LogConfig: config } };
      await api.call("POST", `/containers/create?name=${name}`, body);
      return await since(async () => {
        await api.call("POST", `/containers/${name}/start`);
        await api.call("POST", `/containers/${name}/wait`);
      });
    },
    read: async (name) => (await api.call<Buffer>("GET", `/containers/${name}/logs?stdout=1`)).length,
    remove: (name) => api.call("DELETE", `/containers/${name}?force=1`),
  };
}

/** Bytes that a program wrote; it must not fail. */
function output(argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const env = { ...process.env, PODMAN_IGNORE_CGROUPSV1_WARNING: "1" };
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "inherit"], env });
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(bytes) : reject(new Error(`${argv.at(-1)} ended with ${code}`))));
  });
}

function byPodman(argv: readonly string[], image: string, mark: string): Engine {
  const flags = ["--network", "none", "--cgroup-parent", `/${mark}`, "--log-driver", "k8s-file"];
  return {
    write: async (name) => {
      await output([...argv, "create", "--name", name, ...flags, image, ...COMMAND]);
      return await since(async () => {
        await output([...argv, "start", name]);
        await output([...argv, "wait", name]);
      });
    },
    read: (name) => output([...argv, "logs", name]),
    remove: (name) => output([...argv, "rm", "-f", "-t", "0", name]),
  };
}

async function measure(context: Context, engine: Engine): Promise<[write: Cell, read: Cell]> {
  const writes: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < context.settings.slowRounds; i++) {
    const name = `${context.settings.mark}-l${i}`;
    try {
      writes.push(await engine.write(name));
      let bytes = 0;
      reads.push(
        await since(async () => {
          bytes = await engine.read(name);
        }),
      );
      if (bytes < BYTES) throw new Error(`${bytes} of ${BYTES} bytes came back`);
    } finally {
      await engine.remove(name).catch(() => undefined);
    }
  }
  return [{ value: median(writes) }, { value: median(reads) }];
}

async function logs(context: Context): Promise<Row[]> {
  const image = (await pushedImages(context)).busybox;
  const [written, read]: Record<string, Cell>[] = [{}, {}];
  for (const name of ["wharf", "docker", "podman"]) {
    try {
      using stack = new DisposableStack();
      let engine: Engine;
      if (name === "podman") {
        const made = await podman(context);
        if ("error" in made) throw new Error(made.error);
        engine = byPodman(made.argv, image, context.settings.mark);
      } else {
        const made = await ready(context, name);
        if ("error" in made) throw new Error(made.error);
        engine = byApi(stack.use(new Api(made.socket)), image);
      }
      [written![name], read![name]] = await measure(context, engine);
    } catch (error) {
      written![name] = { value: Number.NaN, error: error instanceof Error ? error.message : String(error) };
    }
  }
  const row = (what: string, cells: Record<string, Cell>): Row => ({
    ...{ name: `logs: ${MB} MB of lines ${what}`, unit: "ms", cells, ours: "wharf", against: "docker" },
  });
  return [row("written", written!), row("read back", read!)];
}

export const LOGS: Benchmark[] = [{ name: "logs", about: "a container's output into its log and back", run: logs }];
