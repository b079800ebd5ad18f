// The containerd API as another gRPC library than Go's sees it, and who may use its socket.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { inNamespace, type ServiceName, serviceClient } from "./client.ts";

const GROUP = "12345";
const meta = inNamespace("grpc-test");

let daemon: Daemon;
let socket: string;
const clients = new Map<ServiceName, Client>();
before(async () => {
  build();
  daemon = await Daemon.start({
    config: `containerd-group = "${GROUP}"\nmax-recv-message-size = 2000000\nmax-send-message-size = 1500000\n`,
  });
  socket = join(daemon.state, "containerd.sock");
  // It comes after docker.sock.
  await until("the socket", () => existsSync(socket) && / listening socket=\S+containerd\.sock/.test(daemon.log));
});
after(async () => {
  for (const client of clients.values()) client.close();
  await daemon[Symbol.asyncDispose]();
});

type Method = (request: object, ...rest: unknown[]) => unknown;

function service(name: ServiceName): Record<string, Method> {
  const client = clients.get(name) ?? serviceClient(socket, name);
  clients.set(name, client);
  return client as unknown as Record<string, Method>;
}

function unary<T>(name: ServiceName, method: string, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer: T) => (error ? reject(error) : resolve(answer));
    service(name)[method]!(request, meta, done);
  });
}

async function write(blob: Buffer, digest: string): Promise<void> {
  const stream = service("content").Write!(meta) as ClientDuplexStream<object, { offset: number }>;
  const answered = (async () => {
    let offset = 0;
    for await (const answer of stream) offset = (answer as { offset: number }).offset;
    return offset;
  })();
  const ref = "one";
  for (let offset = 0; offset < blob.length; offset += 1 << 20)
    stream.write({ action: "WRITE", ref, offset, data: blob.subarray(offset, offset + (1 << 20)) });
  // What nothing refers to may be collected at any time.
  const labels = { "containerd.io/gc.root": "held" };
  stream.write({ action: "COMMIT", ref, offset: blob.length, total: blob.length, expected: digest, labels });
  stream.end();
  assert.equal(await answered, blob.length);
}

test("unary calls: the version, namespaces with their labels", async () => {
  const { version } = await unary<{ version: string }>("version", "Version", {});
  assert.match(version, /^v2\.\d+\.\d+/);
  const namespace = { name: "grpc-test", labels: { by: "grpc-js" } };
  await unary("namespaces", "Create", { namespace });
  const { namespaces } = await unary<{ namespaces: { name: string }[] }>("namespaces", "List", {});
  assert.deepEqual(
    namespaces.filter(({ name }) => name === namespace.name),
    [namespace],
  );
});

test("a blob goes up and comes back in streams, in both directions and whole", async () => {
  const blob = Buffer.alloc(9_000_001, "not all the same ");
  const digest = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
  await write(blob, digest);
  const stream = service("content").Read!({ digest }, meta) as ClientReadableStream<{ data: Buffer; offset: number }>;
  const chunks: Buffer[] = [];
  let at = 0;
  for await (const { data, offset } of stream) {
    assert.equal(offset, at);
    at += data.length;
    chunks.push(data);
  }
  assert.ok(chunks.length > 1);
  assert.ok(Buffer.concat(chunks).equals(blob));
  await unary("content", "Delete", { digest });
});

test("errors have their status and say on what", async () => {
  await assert.rejects(unary("containers", "Get", { id: "no-such" }), (error: ServiceError) => {
    assert.equal(error.code, status.NOT_FOUND);
    assert.match(error.details, /no-such/);
    return true;
  });
  const namespace = { name: "grpc-twice" };
  await unary("namespaces", "Create", { namespace });
  await assert.rejects(unary("namespaces", "Create", { namespace }), { code: status.ALREADY_EXISTS });
  await assert.rejects(unary("namespaces", "Create", { namespace: { name: "../x" } }), {
    code: status.INVALID_ARGUMENT,
  });
  await unary("namespaces", "Delete", { name: "grpc-twice" });
});

test("a stream ends by its deadline and by cancellation, and the connection goes on", async () => {
  const ends = async (stream: ClientReadableStream<object>) => {
    for await (const event of stream) assert.ok(event);
  };
  const subscribe = (options: object) =>
    service("events").Subscribe!({ filters: [] }, meta, options) as ClientReadableStream<object>;
  await assert.rejects(ends(subscribe({ deadline: Date.now() + 300 })), { code: status.DEADLINE_EXCEEDED });
  const cancelled = subscribe({});
  const ended = assert.rejects(ends(cancelled), { code: status.CANCELLED });
  // Headers come with the first event, which has to come after the subscription.
  let seen = false;
  cancelled.once("data", () => {
    seen = true;
    cancelled.cancel();
  });
  await until("an event", async () => {
    await unary("namespaces", "Create", { namespace: { name: "grpc-event" } });
    await unary("namespaces", "Delete", { name: "grpc-event" });
    return seen;
  });
  await ended;
  await unary("version", "Version", {});
});

test("messages above the configured sizes are refused, and the connection goes on", async () => {
  const big = (size: number) => ({
    id: "big",
    runtime: { name: "x" },
    spec: { type_url: "x", value: Buffer.alloc(size, 7) },
  });
  const tooBig = { code: status.RESOURCE_EXHAUSTED };
  await assert.rejects(unary("containers", "Create", { container: big(2_000_001) }), tooBig);
  // taken, and too big for an answer from now on
  await assert.rejects(unary("containers", "Create", { container: big(1_600_000) }), tooBig);
  await assert.rejects(unary("containers", "Get", { id: "big" }), tooBig);
  await assert.rejects(unary("containers", "List", {}), { ...tooBig, details: /at most 1500000 are sent/ });
  const listed = service("containers").ListStream!({}, meta) as ClientReadableStream<object>;
  await assert.rejects(async () => {
    for await (const one of listed) assert.ok(one);
  }, tooBig);
  await unary("containers", "Delete", { id: "big" });
  assert.deepEqual(await unary("containers", "List", {}), { containers: [] });
});

test("the socket is root's and the group's that the configuration names, and nobody else's", () => {
  const { mode, uid, gid } = statSync(socket);
  assert.deepEqual([mode & 0o777, uid, gid], [0o660, 0, Number(GROUP)]);
  chmodSync(daemon.dir, 0o755);
  chmodSync(daemon.state, 0o755);
  const as = (group: string) => {
    const who = ["--reuid", "54321", "--regid", group, "--clear-groups"];
    const curl = [
      "curl",
      "-sS",
      "--http2-prior-knowledge",
      "--unix-socket",
      socket,
      "-o",
      "/dev/null",
      "-w",
      "%{http_version}",
      "http://x/",
    ];
    return spawnSync("setpriv", [...who, ...curl], { encoding: "utf8" });
  };
  const FAILED_TO_CONNECT = 7;
  assert.equal(as("54321").status, FAILED_TO_CONNECT);
  assert.equal(as(GROUP).stdout, "2");
});
