// The Docker Engine API without any command line: create, start, exec, kill, ping; and what 1,000 containers do to lists.
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { Api, inTurns, RawRequest, samplesOf, secondsFor } from "../http.ts";
import { pushedImages } from "../images.ts";
import { median } from "../stopwatch.ts";
import { ready } from "./run.ts";

const SERVERS = ["wharf", "docker"] as const;
const MANY = 1000;
const WARM = 1000;

/** Figures by what is measured, of one server. */
type Figures = Record<string, number>;

async function operations(context: Context, api: Api, image: string, socket: string): Promise<Figures> {
  const count = context.settings.rounds;
  const body = { Image: image, Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } };
  const ids: string[] = [];
  using creation = new RawRequest(socket, "POST", "/containers/create", body, 201);
  const create = async () => ids.push((JSON.parse(await creation.call()) as { Id: string }).Id);
  await create();
  await api.call("POST", `/containers/${ids[0]}/start`);
  try {
    // A daemon that has been up for a while: engines that compile as they run are slow at first.
    await samplesOf(WARM, () => api.call("GET", "/_ping"));
    const figures: Figures = {};
    figures.create = median(await samplesOf(count, create));
    const started = ids.slice(1);
    figures.start = median(await samplesOf(count, (i) => api.call("POST", `/containers/${started[i]}/start`)));
    figures.exec = median(
      await samplesOf(count, async (i) => {
        const exec = { Cmd: ["true"], AttachStdout: true, AttachStderr: true };
        const { Id } = await api.call<{ Id: string }>("POST", `/containers/${started[i]}/exec`, exec);
        await api.call("POST", `/exec/${Id}/start`, { Detach: false, Tty: false });
      }),
    );
    // until it has ended: the signal alone says nothing
    figures.kill = median(
      await samplesOf(count, async (i) => {
        const ended = api.call("POST", `/containers/${started[i]}/wait`);
        await api.call("POST", `/containers/${started[i]}/kill`);
        await ended;
      }),
    );
    return figures;
  } finally {
    await secondsFor(ids, 4, (id) => api.call("DELETE", `/containers/${id}?force=1`).catch(() => undefined));
  }
}

/** All servers in turn, with the least of a client: Node's takes several times as long as the answer. */
async function pings(context: Context): Promise<Row> {
  const cells: Record<string, Cell> = {};
  using stack = new DisposableStack();
  const found = new Map<string, () => Promise<unknown>>();
  for (const name of SERVERS) {
    const server = await ready(context, name);
    if ("error" in server) cells[name] = { value: Number.NaN, error: server.error };
    else {
      const client = stack.use(new RawRequest(server.socket, "GET", "/_ping"));
      found.set(name, () => client.call());
    }
  }
  const calls = [...found.values()];
  await inTurns(WARM, calls);
  const samples = await inTurns(context.settings.rounds * 40, calls);
  for (const [i, name] of [...found.keys()].entries()) cells[name] = { value: median(samples[i]!) };
  return { name: "Engine API: ping", unit: "ms", cells, ours: "wharf", against: "docker", goal: [0.4] };
}

async function lists(context: Context, api: Api, image: string): Promise<Figures> {
  const body = { Image: image, Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" }, Labels: { a: "b" } };
  const ids: string[] = [];
  try {
    const seconds = await secondsFor(Array(MANY).fill(0), 4, async () => {
      ids.push((await api.call<{ Id: string }>("POST", "/containers/create", body)).Id);
    });
    const count = context.settings.slowRounds * 3;
    const figures: Figures = { "create 1,000": seconds * 1000 };
    figures.ps = median(await samplesOf(count, () => api.call("GET", "/containers/json?all=1")));
    figures.inspect = median(await samplesOf(count * 10, (i) => api.call("GET", `/containers/${ids[i]}/json`)));
    figures["system df"] = median(await samplesOf(count, () => api.call("GET", "/system/df")));
    return figures;
  } finally {
    await secondsFor(ids, 8, (id) => api.call("DELETE", `/containers/${id}?force=1`).catch(() => undefined));
  }
}

/** One row a figure, from both servers in turn. */
async function compare(
  context: Context,
  measure: (context: Context, api: Api, image: string, socket: string) => Promise<Figures>,
  rows: readonly [key: string, name: string, goal?: number][],
): Promise<Row[]> {
  const image = (await pushedImages(context)).busybox;
  const found = new Map<string, Figures | string>();
  for (const name of SERVERS) {
    const server = await ready(context, name);
    if ("error" in server) found.set(name, server.error);
    else {
      using api = new Api(server.socket);
      const failed = (error: unknown) => String(error);
      found.set(name, await measure(context, api, image, server.socket).catch(failed));
    }
  }
  const cell = (figures: Figures | string, key: string): Cell =>
    typeof figures === "string" ? { value: Number.NaN, error: figures } : { value: figures[key]! };
  return rows.map(([key, name, goal]) => ({
    name,
    unit: "ms",
    cells: Object.fromEntries([...found].map(([server, figures]) => [server, cell(figures, key)])),
    ours: "wharf",
    against: "docker",
    ...(goal === undefined ? {} : { goal: [goal] as [number] }),
  }));
}

export const API: Benchmark[] = [
  {
    name: "api",
    about: "create, start, exec, kill and ping through the Engine API",
    run: async (context) => [
      ...(await compare(context, operations, [
        ["create", "Engine API: create", 0.2],
        ["start", "Engine API: start", 0.16],
        ["exec", "Engine API: exec", 0.16],
        ["kill", "Engine API: kill, until it has ended", 0.17],
      ])),
      await pings(context),
    ],
  },
  {
    name: "lists",
    about: "lists with 1,000 containers through the Engine API",
    run: (context) =>
      compare(context, lists, [
        ["create 1,000", "1,000 containers created, 4 at a time"],
        ["ps", "list of 1,000 containers"],
        ["inspect", "inspect beside 1,000 containers"],
        ["system df", "`system df` with 1,000 containers"],
      ]),
  },
];
