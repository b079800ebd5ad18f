// 100 detached containers up and down again, one after another and four at a time, as a user's shell would do it. dockerd is asked
// through its API: its command line alone takes 35 ms to start.
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command } from "../context.ts";
import { Api, secondsFor } from "../http.ts";
import { pushedImages } from "../images.ts";
import { ready } from "./run.ts";

interface Engine {
  up: (id: string) => Promise<unknown>;
  down: (id: string) => Promise<unknown>;
}

const SLEEP = ["sleep", "1000"];

function engineOf(name: string, argv: readonly string[], socket: string, image: string): Engine & Disposable {
  const api = new Api(socket);
  const run = (...args: string[]) => command(argv[0]!, ...argv.slice(1), ...args);
  const done = { [Symbol.dispose]: () => api[Symbol.dispose]() };
  if (name === "wharf")
    return {
      up: (id) => run("run", "-d", "--name", id, "--network", "none", image, ...SLEEP),
      down: (id) => run("rm", "-f", id),
      ...done,
    };
  if (name === "ctr")
    return {
      up: (id) => run("run", "-d", image, id, ...SLEEP),
      down: async (id) => {
        await run("tasks", "rm", "-f", id);
        await run("containers", "rm", id);
      },
      ...done,
    };
  return {
    up: async (id) => {
      const body = { Image: image, Cmd: SLEEP, HostConfig: { NetworkMode: "none" } };
      await api.call("POST", `/containers/create?name=${id}`, body);
      await api.call("POST", `/containers/${id}/start`);
    },
    down: (id) => api.call("DELETE", `/containers/${id}?force=1`),
    ...done,
  };
}

async function many(context: Context): Promise<Row[]> {
  const image = (await pushedImages(context)).busybox;
  const cells: Record<string, Cell>[] = [{}, {}, {}, {}];
  for (const name of ["wharf", "ctr", "docker"]) {
    const made = await ready(context, name);
    if ("error" in made) {
      for (const row of cells) row[name] = { value: Number.NaN, error: made.error };
      continue;
    }
    using engine = engineOf(name, made.argv, made.socket, image);
    for (const [at, width] of [1, 4].entries()) {
      const ids = Array.from(
        { length: context.settings.containers },
        (_, i) => `${context.settings.mark}-u${width}x${i}`,
      );
      try {
        cells[at * 2]![name] = { value: await secondsFor(ids, width, engine.up) };
        cells[at * 2 + 1]![name] = { value: await secondsFor(ids, width, engine.down) };
      } catch (error) {
        for (const row of cells.slice(at * 2, at * 2 + 2)) row[name] ??= { value: Number.NaN, error: String(error) };
        await secondsFor(ids, 4, (id) => engine.down(id).catch(() => undefined));
      }
    }
  }
  const count = context.settings.containers;
  const names = ["started", "removed", "started, 4 at a time", "removed, 4 at a time"];
  return names.map((what, at) => ({
    name: `${count} containers ${what}`,
    unit: "s",
    cells: cells[at]!,
    ours: "wharf",
    against: at === 0 ? "ctr" : "docker",
    goal: at === 0 ? [0.12] : [0.17],
  }));
}

export const MANY: Benchmark[] = [{ name: "many", about: "100 detached containers up and down", run: many }];
