// containerd's gRPC API: how long a call takes and what CPU time the server needs for it, how fast content streams, how fast events go round; ours, the
// real one's, and a server of the Node gRPC library. The client is the same for all; for calls and content it is next to none (../grpc-raw.ts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../src/common/digest.ts";
import { ReadContentRequest } from "../../src/common/gen/containerd/services/content.ts";
import { encode } from "../../src/common/protobuf/codec.ts";
import { GrpcConnection } from "../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../src/daemon/grpc/client/containerd.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command } from "../context.ts";
import { listening, type Served } from "../daemons.ts";
import { encodeRequest, RawClient } from "../grpc-raw.ts";
import { samplesOf } from "../http.ts";
import { pushedImages } from "../images.ts";
import { median } from "../stopwatch.ts";
import { ready } from "./run.ts";

const WARM = 2000;
/** Calls whose CPU time is taken together: the kernel counts it in hundredths of a second. */
const CALLS = 20_000;
const EVENTS = 2000;

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

async function unary({ socket, pid }: Server, count: number): Promise<Figures> {
  using client = new RawClient(socket);
  const request = encodeRequest("/containerd.services.version.v1.Version/Version", new Uint8Array(0));
  await samplesOf(WARM, () => client.call(request));
  const figures: Figures = { unary: median(await samplesOf(count, () => client.call(request))) };
  const before = cpuOf(pid);
  for (let i = 0; i < CALLS; i++) await client.call(request);
  figures.cpu = (cpuOf(pid) - before) / CALLS;
  return figures;
}

async function streams({ socket, namespace }: Server, rounds: number): Promise<Figures> {
  using connection = new GrpcConnection(socket);
  const client = new RemoteContainerd(connection, namespace);
  let largest: { digest: Digest; size: number } | undefined;
  for await (const info of client.content.walk()) if (info.size > (largest?.size ?? 0)) largest = info;
  using raw = new RawClient(socket);
  const message = encode(ReadContentRequest, { digest: largest!.digest });
  const request = encodeRequest("/containerd.services.content.v1.Content/Read", message, {
    "containerd-namespace": namespace,
  });
  const read = async () => {
    const size = await raw.call(request);
    if (size < largest!.size) throw new Error(`${size} bytes of ${largest!.size}`);
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
      const server =
        name === "library" ? { ...(await library(context)), namespace: "" } : await socketOf(context, name);
      const found = await unary(server, context.settings.rounds * 40);
      if (name !== "library") Object.assign(found, await streams(server, context.settings.slowRounds * 3));
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
    row("cpu", "gRPC: the server's CPU time of a call", [...both, "library"], "library", 0.5),
    row("content", "gRPC: content of 94 MB read", both, "containerd"),
    row("events", `gRPC: ${EVENTS} events published and received`, both, "containerd"),
  ];
}

export const GRPC: Benchmark[] = [{ name: "grpc", about: "containerd's gRPC API: calls, content, events", run: grpc }];
