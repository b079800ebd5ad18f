// 100 detached containers up and down again, one after another and four at a time, as a user's shell would do it: commands are begun and waited for by the
// stop-watch, for a Node process takes a millisecond for each. dockerd is asked through its API: its command line alone takes 35 ms to start.
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { Api, secondsFor } from "../http.ts";
import { pushedImages } from "../images.ts";
import type { Stopwatch } from "../stopwatch.ts";
import { ready } from "./run.ts";

/** Each answers the seconds for all. */
interface Engine {
  up: (ids: readonly string[], width: number) => Promise<number>;
  down: (ids: readonly string[], width: number) => Promise<number>;
}

const SLEEP = ["sleep", "1000"];

/** What one container takes: commands that follow each other. */
function commandsOf(name: string, image: string, id: string): { up: string[][]; down: string[][] } {
  if (name === "wharf")
    return {
      up: [["run", "-d", "--name", id, "--network", "none", image, ...SLEEP]],
      down: [["rm", "-f", id]],
    };
  return {
    up: [["run", "-d", image, id, ...SLEEP]],
    down: [
      ["tasks", "rm", "-f", id],
      ["containers", "rm", id],
    ],
  };
}

function byCommands(stopwatch: Stopwatch, name: string, argv: readonly string[], image: string): Engine {
  const way = (what: "up" | "down") => (ids: readonly string[], width: number) => {
    const chains = ids.map((id) => commandsOf(name, image, id)[what].map((words) => [...argv, ...words]));
    return stopwatch.together(chains, width);
  };
  return { up: way("up"), down: way("down") };
}

function byApi(api: Api, image: string): Engine {
  const body = { Image: image, Cmd: SLEEP, HostConfig: { NetworkMode: "none" } };
  const up = async (id: string) => {
    await api.call("POST", `/containers/create?name=${id}`, body);
    await api.call("POST", `/containers/${id}/start`);
  };
  const down = (id: string) => api.call("DELETE", `/containers/${id}?force=1`);
  return {
    up: (ids, width) => secondsFor(ids, width, up),
    down: (ids, width) => secondsFor(ids, width, down),
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
    using api = new Api(made.socket);
    const engine = name === "docker" ? byApi(api, image) : byCommands(context.stopwatch, name, made.argv, image);
    for (const [at, width] of [1, 4].entries()) {
      const ids = Array.from(
        { length: context.settings.containers },
        (_, i) => `${context.settings.mark}-u${width}x${i}`,
      );
      try {
        cells[at * 2]![name] = { value: await engine.up(ids, width) };
        cells[at * 2 + 1]![name] = { value: await engine.down(ids, width) };
      } catch (error) {
        for (const row of cells.slice(at * 2, at * 2 + 2)) row[name] ??= { value: Number.NaN, error: String(error) };
        for (const id of ids) await engine.down([id], 1).catch(() => undefined);
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
