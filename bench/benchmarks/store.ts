// containerd's metadata through its gRPC API: lists, filters, many labels, and garbage collection in a store of thousands of things; ours and the real one's, in
// turns. What is asked again and again has a client that is next to none (../grpc-raw.ts).
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../src/common/digest.ts";
import { GetContainerRequest, ListContainersRequest } from "../../src/common/gen/containerd/services/containers.ts";
import { ListImagesRequest } from "../../src/common/gen/containerd/services/images.ts";
import { encode } from "../../src/common/protobuf/codec.ts";
import { SPEC_TYPE_URL } from "../../src/daemon/containerd/api/containers.ts";
import { GrpcConnection } from "../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../src/daemon/grpc/client/containerd.ts";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { which } from "../context.ts";
import { containerd, wharfd } from "../daemons.ts";
import { encodeRequest, RawClient } from "../grpc-raw.ts";
import { inTurns, secondsFor } from "../http.ts";
import { median, timed } from "../stopwatch.ts";

const NAMES = ["wharf", "containerd"] as const;
/** Images, containers, snapshots; blobs to be collected; snapshots on top of each other; labels of one thing. */
const MANY = 1000;
const BLOBS = 2000;
const CHAIN = 500;
const LABELS = 10_000;
const WARM = 20;

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;

interface Server {
  name: string;
  socket: string;
  client: RemoteContainerd;
  raw: RawClient;
}

async function write({ content }: RemoteContainerd, text: string, labels = {}): Promise<Digest> {
  const bytes = Buffer.from(text);
  await using writer = await content.writer({ ref: text, size: bytes.length, digest: digestOf(bytes) });
  await writer.write(bytes);
  return await writer.commit({ size: bytes.length, labels });
}

/** What is in a store before anything is measured. */
async function fill(client: RemoteContainerd): Promise<void> {
  const spec = { typeUrl: SPEC_TYPE_URL, value: Buffer.from(JSON.stringify({ process: { env: "x".repeat(4000) } })) };
  const runtime = { name: "io.containerd.runc.v2" };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  await secondsFor(numbers(MANY), 8, async (i) => {
    const layer = await write(client, `layer ${i}`, { "containerd.io/distribution.source.localhost": `image/${i}` });
    const digest = await write(client, `manifest ${i}`, { "containerd.io/gc.ref.content.l.0": layer });
    const target = { mediaType, digest, size: 100 };
    const labels = { "io.cri-containerd.image": "managed", number: `${i}` };
    await client.images.create({ name: `localhost/image/${i}:latest`, target, labels });
    await client.snapshots().prepare(`snapshot-${i}`, "", { labels: { "containerd.io/gc.root": "now" } });
    await client.containers.create({ id: `container-${i}`, image: `localhost/image/${i}`, labels, runtime, spec });
  });
}

/** A container with many labels, which a list of others had better not have to read. */
async function label({ client }: Server): Promise<AsyncDisposable> {
  const spec = { typeUrl: SPEC_TYPE_URL, value: Buffer.from("{}") };
  const labels = Object.fromEntries(numbers(LABELS).map((i) => [`label.number.${i}`, `value ${i}`]));
  await client.containers.create({ id: "labels", runtime: { name: "io.containerd.runc.v2" }, spec, labels });
  return { [Symbol.asyncDispose]: () => client.containers.delete("labels") };
}

/** Milliseconds of the removal of a lease and of all that it holds. */
async function collect({ client }: Server, make: (held: RemoteContainerd) => Promise<unknown>): Promise<number> {
  const { id } = await client.leases.create();
  await make(client.withLease(id) as RemoteContainerd);
  const start = performance.now();
  await client.leases.delete(id, { sync: true });
  return performance.now() - start;
}

async function chain(client: RemoteContainerd): Promise<string[]> {
  const snapshots = client.snapshots();
  const names = numbers(CHAIN).map((i) => `chain-${i}`);
  for (const [i, name] of names.entries()) {
    await snapshots.prepare("next", names[i - 1] ?? "");
    await snapshots.commit(name, "next");
  }
  return names;
}

async function removeChain({ client }: Server): Promise<number> {
  const lease = await client.leases.create();
  const names = await chain(client.withLease(lease.id) as RemoteContainerd);
  const start = performance.now();
  for (const name of names.reverse()) await client.snapshots().remove(name);
  const time = performance.now() - start;
  await client.leases.delete(lease.id, { sync: true });
  return time;
}

type Figures = Map<string, number[]>;

/** Of each server in turn: what calls take. */
async function calls(servers: readonly Server[], namespace: string, rounds: number): Promise<Figures> {
  const request = (path: string, message: Uint8Array) =>
    encodeRequest(`/containerd.services.${path}`, message, { "containerd-namespace": namespace });
  const images = (filters: string[] = []) => request("images.v1.Images/List", encode(ListImagesRequest, { filters }));
  const containers = (filters: string[] = []) =>
    request("containers.v1.Containers/List", encode(ListContainersRequest, { filters }));
  const asked = {
    images: images(),
    containers: containers(),
    "images filtered": images(['name~="image/99.:",labels."io.cri-containerd.image"==managed']),
    "containers filtered": containers(['labels."number"==990']),
    labels: request("containers.v1.Containers/Get", encode(GetContainerRequest, { id: "labels" })),
  };
  const figures: Figures = new Map();
  for (const [key, encoded] of Object.entries(asked)) {
    await using stack = new AsyncDisposableStack();
    if (key === "labels") for (const server of servers) stack.use(await label(server));
    const each = servers.map(
      ({ raw }) =>
        () =>
          raw.call(encoded),
    );
    await inTurns(WARM, each, WARM);
    figures.set(key, (await inTurns(rounds * 4, each, 5)).map(median));
  }
  return figures;
}

/** Of each server in turn: what a collection takes. */
async function collections(servers: readonly Server[], rounds: number, slow: number): Promise<Figures> {
  const measures: [key: string, count: number, measure: (server: Server, round: number) => Promise<number>][] = [
    ["idle", rounds, (server) => collect(server, async () => {})],
    [
      "blobs",
      slow,
      (server, round) =>
        collect(server, (held) => secondsFor(numbers(BLOBS), 8, (i) => write(held, `blob ${round} ${i}`))),
    ],
    ["chain collected", slow, (server) => collect(server, chain)],
    ["chain removed", slow, removeChain],
  ];
  const figures: Figures = new Map();
  for (const [key, count, measure] of measures) {
    const samples: number[][] = servers.map(() => []);
    for (const round of numbers(count))
      for (const [i, server] of servers.entries()) samples[i]!.push(await measure(server, round));
    figures.set(key, samples.map(median));
  }
  return figures;
}

async function store(context: Context): Promise<Row[]> {
  const { work, mark, rounds, slowRounds } = context.settings;
  await using stack = new AsyncDisposableStack();
  const servers: Server[] = [];
  for (const name of NAMES) {
    const data = join(work, `store-${name}`);
    mkdirSync(data);
    const start = name === "wharf" ? wharfd : containerd;
    const served = await start(context, data, `store-${name}`);
    stack.defer(() => served.stop());
    const socket = name === "wharf" ? join(served.socket, "../containerd.sock") : served.socket;
    const client = new RemoteContainerd(stack.use(new GrpcConnection(socket)), mark);
    await fill(client);
    servers.push({ name, socket, client, raw: stack.use(new RawClient(socket)) });
  }
  const listed = await context.stopwatch.measure(
    servers.map(({ name, socket }) => ({
      name,
      steps: [timed(which("ctr"), "--address", socket, "--namespace", mark, "snapshots", "ls")],
    })),
    { rounds, warmups: 2, gap: 0 },
  );
  const figures = new Map([
    ...(await calls(servers, mark, rounds)),
    ...(await collections(servers, rounds, slowRounds)),
    ["ctr", listed.map(({ samples }) => median(samples))] as const,
  ]);
  const row = (key: string, name: string): Row => ({
    name,
    unit: "ms",
    cells: Object.fromEntries(servers.map(({ name }, i): [string, Cell] => [name, { value: figures.get(key)![i]! }])),
    ours: "wharf",
    against: "containerd",
  });
  return [
    row("images", "gRPC: list of 1,000 images"),
    row("containers", "gRPC: list of 1,000 containers"),
    row("images filtered", "gRPC: 10 of 1,000 images by a filter"),
    row("containers filtered", "gRPC: 1 of 1,000 containers by a filter"),
    row("labels", "gRPC: a container with 10,000 labels"),
    row("idle", "gRPC: collection that finds nothing"),
    row("blobs", "gRPC: collection of 2,000 blobs"),
    row("chain collected", "gRPC: collection of 500 snapshots, one on the other"),
    row("chain removed", "gRPC: the same removed one by one"),
    row("ctr", "`ctr snapshots ls` of 1,000"),
  ];
}

export const STORE: Benchmark[] = [
  { name: "store", about: "containerd's metadata: lists, filters, garbage collection among thousands", run: store },
];
