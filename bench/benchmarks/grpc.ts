// containerd's gRPC API: how long a call takes, how fast content streams, how fast events go round; ours, the real one's, and a server of
// the Node gRPC library. The client is the same for all.
import { join } from "node:path";
import type { Digest } from "../../src/common/digest.ts";
import { VersionService } from "../../src/common/gen/containerd/services/version.ts";
import { GrpcConnection } from "../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../src/daemon/grpc/client/containerd.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command } from "../context.ts";
import { listening, type Served } from "../daemons.ts";
import { samplesOf } from "../http.ts";
import { pushedImages } from "../images.ts";
import { median } from "../stopwatch.ts";
import { ready } from "./run.ts";

const WARM = 2000;
const EVENTS = 2000;

type Figures = Record<string, number>;

/** The socket of containerd's API of this engine; both hold the large image. */
async function socketOf(context: Context, name: "wharf" | "containerd"): Promise<[socket: string, namespace: string]> {
  const engine = await ready(context, name === "wharf" ? "wharf" : "ctr");
  if ("error" in engine) throw new Error(engine.error);
  const { one } = await pushedImages(context);
  const flags = name === "wharf" ? ["pull", "-q", one] : ["images", "pull", "--plain-http", one];
  await context.once(`large image of ${name}`, () => command(engine.argv[0]!, ...engine.argv.slice(1), ...flags));
  if (name === "containerd") return [engine.socket, context.settings.mark];
  return [join(engine.socket, "../containerd.sock"), "moby"];
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

async function unary(connection: GrpcConnection, count: number): Promise<Figures> {
  const version = connection.client(VersionService);
  await samplesOf(WARM, () => version.version({}));
  return { unary: median(await samplesOf(count, () => version.version({}))) };
}

async function streams(connection: GrpcConnection, namespace: string, rounds: number): Promise<Figures> {
  const client = new RemoteContainerd(connection, namespace);
  let largest: { digest: Digest; size: number } | undefined;
  for await (const info of client.content.walk()) if (info.size > (largest?.size ?? 0)) largest = info;
  const read = async () => {
    let size = 0;
    for await (const part of client.content.reader(largest!)) size += part.length;
    if (size !== largest!.size) throw new Error(`${size} bytes of ${largest!.size}`);
  };
  await read();
  const content = median(await samplesOf(rounds, read));
  const round = async () => {
    using stop = Object.assign(new AbortController(), { [Symbol.dispose]: () => stop.abort() });
    const filters = ['topic=="/bench/begin"', 'topic=="/bench/event"'];
    const events = client.events.subscribe(filters, { signal: stop.signal })[Symbol.asyncIterator]();
    const event = { typeUrl: "bench.Event", value: new Uint8Array(100) };
    // The subscription stands when the first one has come.
    let stands = false;
    const first = events.next().then(() => {
      stands = true;
    });
    while (!stands) await client.events.publish("/bench/begin", event);
    await first;
    const publish = Array.from({ length: EVENTS }, () => client.events.publish("/bench/event", event));
    for (let left = EVENTS; left > 0; ) {
      const { value } = await events.next();
      if (value?.topic === "/bench/event") left--;
    }
    await Promise.all(publish);
  };
  await round();
  return { content, events: median(await samplesOf(rounds, round)) };
}

async function grpc(context: Context): Promise<Row[]> {
  const figures = new Map<string, Figures | string>();
  for (const name of ["wharf", "containerd", "library"] as const) {
    try {
      const [socket, namespace] =
        name === "library" ? [(await library(context)).socket, ""] : await socketOf(context, name);
      using connection = new GrpcConnection(socket);
      const found = await unary(connection, context.settings.rounds * 40);
      if (name !== "library")
        Object.assign(found, await streams(connection, namespace, context.settings.slowRounds * 3));
      figures.set(name, found);
    } catch (error) {
      figures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  const row = (key: string, name: string, names: readonly string[], against: string, goal?: number): Row => {
    const cell = (figure: Figures | string): Cell =>
      typeof figure === "string" ? { value: Number.NaN, error: figure } : { value: figure[key]! };
    const cells = Object.fromEntries(names.map((one) => [one, cell(figures.get(one)!)]));
    return { name, unit: "ms", cells, ours: "wharf", against, ...(goal ? { goal: [goal] } : {}) };
  };
  const both = ["wharf", "containerd"];
  return [
    row("unary", "gRPC: a call", [...both, "library"], "library", 0.5),
    row("content", "gRPC: content of 94 MB read", both, "containerd"),
    row("events", `gRPC: ${EVENTS} events published and received`, both, "containerd"),
  ];
}

export const GRPC: Benchmark[] = [{ name: "grpc", about: "containerd's gRPC API: calls, content, events", run: grpc }];
