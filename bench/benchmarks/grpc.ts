// containerd's gRPC API: how long a call takes and what CPU time the server needs for it, how fast content streams, how fast events go round; ours, the
// real one's, and a server of the Node gRPC library. The client is the same for all; for calls and content it is next to none (../grpc-raw.ts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Digest } from "../../src/common/digest.ts";
import { ReadContentRequest } from "../../src/common/gen/containerd/services/content.ts";
import { PublishRequest, SubscribeRequest } from "../../src/common/gen/containerd/services/events.ts";
import { encode } from "../../src/common/protobuf/codec.ts";
import { GrpcConnection } from "../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../src/daemon/grpc/client/containerd.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command } from "../context.ts";
import { listening, type Served } from "../daemons.ts";
import { encodeRequest, RawClient } from "../grpc-raw.ts";
import { inTurns } from "../http.ts";
import { pushedImages } from "../images.ts";
import { median } from "../stopwatch.ts";
import { ready } from "./run.ts";

const WARM = 2000;
/** Calls whose CPU time is taken together: the kernel counts it in hundredths of a second. */
const CALLS = 20_000;
const EVENTS = 2000;
const SETTLE = 500;

type Figures = Record<string, number>;

interface Server {
  socket: string;
  namespace: string;
  pid: number;
}

/** The socket of containerd's API of this engine; both hold the large image. */
async function socketOf(context: Context, name: "wharf" | "containerd"): Promise<Server> {
  const engine = await ready(context, name === "wharf" ? "wharf" : "ctr");
  if ("error" in engine) throw new Error(engine.error);
  const { one } = await pushedImages(context);
  const flags = name === "wharf" ? ["pull", "-q", one] : ["images", "pull", "--plain-http", one];
  await context.once(`large image of ${name}`, () => command(engine.argv[0]!, ...engine.argv.slice(1), ...flags));
  const { pid } = engine;
  const socket = name === "containerd" ? engine.socket : join(engine.socket, "../containerd.sock");
  return { socket, namespace: context.settings.mark, pid };
}

function library(context: Context): Promise<Served> {
  const socket = join(context.settings.run, "library.sock");
  const argv = [
    join(context.settings.root, "tools/node"),
    join(context.settings.root, "bench/grpc-library.ts"),
    socket,
  ];
  return context.once(
    "grpc library",
    () => listening(context, "grpc-library", { argv, socket }),
    ({ stop }) => stop(),
  );
}

/** Milliseconds of CPU time of a process so far. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Of all of them in turn: milliseconds of a call, and of each server's CPU time for it. */
async function unary(servers: readonly Server[], count: number): Promise<Figures[]> {
  const request = encodeRequest("/containerd.services.version.v1.Version/Version", new Uint8Array(0));
  using stack = new DisposableStack();
  const clients = servers.map(({ socket }) => stack.use(new RawClient(socket)));
  const calls = clients.map((client) => () => client.call(request));
  await inTurns(WARM, calls);
  const samples = await inTurns(count, calls);
  const figures: Figures[] = samples.map((each) => ({ unary: median(each) }));
  for (const [i, { pid }] of servers.entries()) {
    const before = cpuOf(pid);
    for (let done = 0; done < CALLS; done++) await calls[i]!();
    figures[i]!.cpu = (cpuOf(pid) - before) / CALLS;
  }
  return figures;
}

/** Reads the largest blob there is. */
async function reading({ socket, namespace }: Server, stack: DisposableStack): Promise<() => Promise<void>> {
  using connection = new GrpcConnection(socket);
  const client = new RemoteContainerd(connection, namespace);
  let largest: { digest: Digest; size: number } | undefined;
  for await (const info of client.content.walk()) if (info.size > (largest?.size ?? 0)) largest = info;
  const raw = stack.use(new RawClient(socket));
  const message = encode(ReadContentRequest, { digest: largest!.digest });
  const request = encodeRequest("/containerd.services.content.v1.Content/Read", message, {
    "containerd-namespace": namespace,
  });
  return async () => {
    const size = await raw.call(request);
    if (size < largest!.size) throw new Error(`${size} bytes of ${largest!.size}`);
  };
}

async function content(servers: readonly Server[], rounds: number): Promise<number[]> {
  using stack = new DisposableStack();
  const calls: (() => Promise<void>)[] = [];
  for (const server of servers) calls.push(await reading(server, stack));
  await inTurns(1, calls, 1);
  return (await inTurns(rounds, calls, 1)).map(median);
}

/** Of all of them in turn: milliseconds until all events that were published have come. */
async function events(servers: readonly Server[], rounds: number): Promise<number[]> {
  const event = { typeUrl: "bench.Event", value: new Uint8Array(100) };
  const service = "/containerd.services.events.v1.Events";
  const filters = encode(SubscribeRequest, { filters: ['topic=="/bench/event"'] });
  using stack = new DisposableStack();
  const calls = servers.map(({ socket, namespace }) => {
    const metadata = { "containerd-namespace": namespace };
    const request = encodeRequest(
      `${service}/Publish`,
      encode(PublishRequest, { topic: "/bench/event", event }),
      metadata,
    );
    const [subscriber, publisher] = [stack.use(new RawClient(socket)), stack.use(new RawClient(socket))];
    let left = 0;
    let all = Promise.withResolvers<void>();
    subscriber.follow(encodeRequest(`${service}/Subscribe`, filters, metadata), () => {
      if (--left === 0) all.resolve();
    });
    return async () => {
      left = EVENTS;
      all = Promise.withResolvers();
      await publisher.many(request, EVENTS);
      await all.promise;
    };
  });
  // Until the subscriptions stand.
  await sleep(SETTLE);
  await inTurns(1, calls, 1);
  return (await inTurns(rounds, calls, 1)).map(median);
}

async function grpc(context: Context): Promise<Row[]> {
  const figures = new Map<string, Figures | string>();
  const { rounds, slowRounds } = context.settings;
  const servers = new Map<string, Server>();
  for (const name of ["wharf", "containerd", "library"] as const) {
    try {
      const server =
        name === "library" ? { ...(await library(context)), namespace: "" } : await socketOf(context, name);
      figures.set(name, {});
      servers.set(name, server);
    } catch (error) {
      figures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  const names = [...servers.keys()];
  const add = (found: readonly Figures[]) =>
    found.forEach((some, i) => void Object.assign(figures.get(names[i]!)!, some));
  add(await unary([...servers.values()], rounds * 40));
  // The last, which has no more.
  servers.delete("library");
  add((await content([...servers.values()], slowRounds * 3)).map((ms) => ({ content: ms })));
  add((await events([...servers.values()], slowRounds * 3)).map((ms) => ({ events: ms })));
  const row = (key: string, name: string, names: readonly string[], against: string, goal?: number): Row => {
    const cell = (figure: Figures | string): Cell =>
      typeof figure === "string" ? { value: Number.NaN, error: figure } : { value: figure[key]! };
    const cells = Object.fromEntries(names.map((one) => [one, cell(figures.get(one)!)]));
    return { name, unit: "ms", cells, ours: "wharf", against, ...(goal ? { goal: [goal] } : {}) };
  };
  const both = ["wharf", "containerd"];
  return [
    row("unary", "gRPC: a call", [...both, "library"], "library", 0.5),
    row("cpu", "gRPC: the server's CPU time of a call", [...both, "library"], "library", 0.5),
    row("content", "gRPC: content of 94 MB read", both, "containerd"),
    row("events", `gRPC: ${EVENTS} events published and received`, both, "containerd"),
  ];
}

export const GRPC: Benchmark[] = [{ name: "grpc", about: "containerd's gRPC API: calls, content, events", run: grpc }];
