// What the suites of the containerd interface do not reach: the wire's own semantics, method by method.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ContainersService } from "../../common/gen/containerd/services/containers.ts";
import type { WriteContentRequest } from "../../common/gen/containerd/services/content.ts";
import { ContentService, WriteAction } from "../../common/gen/containerd/services/content.ts";
import { DiffService } from "../../common/gen/containerd/services/diff.ts";
import { EventsService } from "../../common/gen/containerd/services/events.ts";
import { IntrospectionService } from "../../common/gen/containerd/services/introspection.ts";
import { LeasesService } from "../../common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../common/gen/containerd/services/namespaces.ts";
import { SnapshotsService } from "../../common/gen/containerd/services/snapshots.ts";
import { TasksService } from "../../common/gen/containerd/services/tasks.ts";
import { TransferService } from "../../common/gen/containerd/services/transfer.ts";
import { RuntimeRequest } from "../../common/gen/containerd/types/introspection.ts";
import { HealthService, ServingStatus } from "../../common/gen/grpc/health.ts";
import { packAny } from "../../common/protobuf/any.ts";
import type { Init, Service } from "../../common/protobuf/schema.ts";
import { SPEC_TYPE_URL } from "../containerd/api/containers.ts";
import { FakeAgent } from "../containerd/conformance/fake-agent.ts";
import { rejects } from "../containerd/conformance/harness.ts";
import { createCore } from "../containerd/core.ts";
import { GrpcConnection } from "./client/connection.ts";
import { serveContainerd } from "./serve.ts";

let stack: AsyncDisposableStack;
let connection: GrpcConnection;

before(async () => {
  await using owned = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), "wharf-services-"));
  owned.defer(() => rmSync(dir, { recursive: true }));
  const core = owned.use(
    await createCore({ root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent() }),
  );
  const socket = join(dir, "containerd.sock");
  owned.use(await serveContainerd(socket, core, () => {}));
  connection = owned.use(new GrpcConnection(socket));
  stack = owned.move();
});
after(() => stack.disposeAsync());

const client = <S extends Service>(service: S, namespace = "n") =>
  connection.client(service, { metadata: { "containerd-namespace": namespace } });

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function* sent(...requests: Init<WriteContentRequest>[]) {
  yield* requests;
}

test("a namespace is demanded where there has to be one", async () => {
  const error = await rejects(connection.client(ContainersService).list({}), "FailedPrecondition");
  assert.match(error.message, /namespace is required/);
  await rejects(client(ContainersService, "a b").list({}), "InvalidArgument");
  await connection.client(NamespacesService).list({});
  await connection.client(IntrospectionService).server({});
});

test("of several leases or namespaces the first counts", async () => {
  const metadata = { "containerd-namespace": ["n", "other"], "containerd-lease": ["first", "none"] } as object;
  const call = connection.client(LeasesService, { metadata: metadata as Record<string, string> });
  await call.create({ id: "first" });
  const content = connection.client(ContentService, { metadata: metadata as Record<string, string> });
  await all(content.write(sent({ action: WriteAction.WRITE, ref: "leased", data: Buffer.from("x") })));
  const { resources } = await call.listResources({ id: "first" });
  assert.deepEqual(
    resources.map(({ type, id }) => [type, id]),
    [["ingests", "leased"]],
  );
  await client(ContentService).abort({ ref: "leased" });
  await call.delete({ id: "first" });
});

test("containers are listed as a stream", async () => {
  const containers = client(ContainersService);
  const spec = { typeUrl: SPEC_TYPE_URL, value: Buffer.from("{}") };
  const extensions = { "x.y": { typeUrl: "my.Type", value: Uint8Array.of(1, 2) } };
  for (const id of ["one", "two"]) {
    await containers.create({ container: { id, spec, runtime: { name: "io.containerd.runc.v2" }, extensions } });
  }
  const listed = await all(containers.listStream({ filters: [] }));
  assert.deepEqual(
    listed.map(({ container }) => container?.id),
    ["one", "two"],
  );
  assert.deepEqual(listed[0]?.container?.extensions["x.y"]?.typeUrl, "my.Type");
  await rejects(containers.update({ container: { id: "" } }), "InvalidArgument");
});

test("who has ended a write may begin the next one before its end is answered (containerd 1.7's clients)", async () => {
  const content = client(ContentService);
  const data = Buffer.from("0123456789");
  for (let round = 1; round <= 20; round++) {
    const stream = content.write(sent({ action: WriteAction.WRITE, ref: "again", offset: (round - 1) * 10, data }));
    const { value } = await stream[Symbol.asyncIterator]().next();
    assert.equal(value?.offset, round * 10);
  }
  assert.equal((await content.status({ ref: "again" })).status?.offset, 200);
});

test("a write begins at the offset it names, or anew", async () => {
  const content = client(ContentService);
  const { STAT, WRITE, COMMIT } = WriteAction;
  const data = Buffer.from("hello");
  const answers = await all(
    content.write(
      sent(
        { action: STAT, ref: "r", total: 10 },
        { action: WRITE, data: Buffer.from("wrong") },
        { action: WRITE, offset: 0, data },
        { action: WRITE, offset: 5, data },
        { action: COMMIT, offset: 10, labels: { a: "b" } },
      ),
    ),
  );
  assert.deepEqual(
    answers.map(({ offset }) => offset),
    [0, 5, 5, 10, 10],
  );
  const hashed = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  assert.deepEqual(
    answers.map((answer) => answer.digest),
    ["", "wrong", "hello", "hellohello", "hellohello"].map(hashed),
  );
  const digest = `sha256:${createHash("sha256").update("hellohello").digest("hex")}`;
  assert.equal(answers[4]?.digest, digest);
  assert.deepEqual((await content.info({ digest })).info?.labels, { a: "b" });
  await rejects(all(content.write(sent({ ref: "r2" }, { action: WRITE, offset: 3, data }))), "OutOfRange");
  await rejects(all(content.write(sent({ action: STAT }))), "InvalidArgument");
  await rejects(all(content.write(sent({ ref: "r3", expected: "nonsense" }))), "InvalidArgument");
  // The blob came from elsewhere: the ingest goes, and its writer is told.
  const late = all(content.write(sent({ ref: "r4" }, { action: WRITE, data }, { action: COMMIT, expected: digest })));
  await rejects(late, "AlreadyExists");
  await rejects(content.status({ ref: "r4" }), "NotFound");
  const [read] = await all(content.read({ digest, offset: 5, size: 100 }));
  assert.deepEqual([read?.offset, Buffer.from(read!.data).toString()], [0, "hello"]);
});

test("an event is taken over with its own time and namespace", async () => {
  const events = client(EventsService);
  const stop = new AbortController();
  const subscription = events.subscribe({ filters: ['topic=="/x/y"'] }, { signal: stop.signal });
  const envelope = {
    timestamp: { seconds: 1_700_000_000, nanos: 5 },
    namespace: "elsewhere",
    topic: "/x/y",
    event: { typeUrl: "any.Type", value: Uint8Array.of(7) },
  };
  const first = subscription[Symbol.asyncIterator]().next();
  await events.forward({ envelope });
  assert.deepEqual({ ...(await first).value }, envelope);
  stop.abort();
  await rejects(events.forward({ envelope: { ...envelope, topic: "bad" } }), "InvalidArgument");
  await rejects(events.forward({}), "InvalidArgument");
});

test("a plugin is told of by its type and id", async () => {
  const introspection = client(IntrospectionService);
  const { plugin } = await introspection.pluginInfo({ type: "io.containerd.snapshotter.v1", id: "overlayfs" });
  assert.equal(plugin?.platforms[0]?.os, "linux");
  await rejects(introspection.pluginInfo({ type: "io.containerd.snapshotter.v1", id: "zfs" }), "NotFound");
  const options = packAny(RuntimeRequest, { runtimePath: "io.containerd.nothing.v9" });
  const task = { type: "io.containerd.runtime.v2", id: "task" };
  await rejects(introspection.pluginInfo({ ...task, options }), "NotFound");
  await rejects(
    introspection.pluginInfo({ ...task, options: { typeUrl: "x", value: options.value } }),
    "Unimplemented",
  );
  const { plugins } = await introspection.plugins({ filters: ["type==io.containerd.snapshotter.v1"] });
  assert.deepEqual(
    plugins.map(({ id }) => id),
    ["overlayfs", "native"],
  );
});

test("a namespace's labels are changed one by one", async () => {
  const namespaces = connection.client(NamespacesService);
  await namespaces.create({ namespace: { name: "lab", labels: { a: "1", b: "2" } } });
  const namespace = { name: "lab", labels: { a: "9" } };
  await namespaces.update({ namespace, updateMask: { paths: ["labels.a", "labels.b"] } });
  assert.deepEqual((await namespaces.get({ name: "lab" })).namespace?.labels, { a: "9" });
  await rejects(namespaces.update({ namespace, updateMask: { paths: ["labels"] } }), "InvalidArgument");
  assert.deepEqual((await namespaces.get({ name: "none" })).namespace?.labels, {}, "one that is not there has none");
  await namespaces.delete({ name: "lab" });
});

test("snapshotters are named, and known", async () => {
  const snapshots = client(SnapshotsService);
  await rejects(snapshots.stat({ key: "k" }), "InvalidArgument");
  await rejects(snapshots.stat({ snapshotter: "zfs", key: "k" }), "InvalidArgument");
});

test("diffs are refused as the core does", async () => {
  const diff = client(DiffService);
  const missing = { mediaType: "m", digest: `sha256:${"0".repeat(64)}`, size: 1 };
  await rejects(diff.apply({ diff: missing }), "NotFound");
  await rejects(diff.apply({}), "InvalidArgument");
  const error = await rejects(diff.diff({ left: [], right: [] }), "Unimplemented");
  assert.match(String((error.cause as Error).message), /fake agent/);
});

test("tasks that are not there are NotFound in every method", async () => {
  const tasks = client(TasksService);
  const containerId = "nobody";
  const any = { typeUrl: "t", value: new Uint8Array(0) };
  const calls = [
    tasks.start({ containerId }),
    tasks.delete({ containerId }),
    tasks.deleteProcess({ containerId, execId: "e" }),
    tasks.get({ containerId }),
    tasks.kill({ containerId, signal: 9 }),
    tasks.exec({ containerId, execId: "e", spec: any }),
    tasks.resizePty({ containerId, width: 1, height: 1 }),
    tasks.closeIO({ containerId, stdin: true }),
    tasks.pause({ containerId }),
    tasks.resume({ containerId }),
    tasks.listPids({ containerId }),
    tasks.update({ containerId, resources: any }),
    tasks.wait({ containerId }),
  ];
  await Promise.all(calls.map((call) => rejects(call, "NotFound")));
  await rejects(tasks.checkpoint({ containerId }), "NotFound", "Unimplemented");
  await rejects(tasks.exec({ containerId, spec: any }), "InvalidArgument");
  await rejects(tasks.update({ containerId }), "InvalidArgument");
  assert.deepEqual((await tasks.list({})).tasks, []);
  assert.deepEqual((await tasks.metrics({})).metrics, []);
});

test("a transfer of what nobody knows is Unimplemented, one over a missing stream NotFound", async () => {
  const { transfer } = client(TransferService);
  const any = { typeUrl: "my.Type", value: new Uint8Array(0) };
  await rejects(transfer({ source: any, destination: any }), "Unimplemented");
  await rejects(transfer({ source: any, destination: any, options: { progressStream: "none" } }), "Unimplemented");
  await rejects(transfer({}), "InvalidArgument");
});

test("health is told for the whole and for each service", async () => {
  const health = connection.client(HealthService);
  const service = "containerd.services.tasks.v1.Tasks";
  for (const name of ["", service]) {
    assert.equal((await health.check({ service: name })).status, ServingStatus.SERVING);
  }
  await rejects(health.check({ service: "nope" }), "NotFound");
  const stop = new AbortController();
  const watch = health.watch({ service: "nope" }, { signal: stop.signal })[Symbol.asyncIterator]();
  assert.equal((await watch.next()).value?.status, ServingStatus.SERVICE_UNKNOWN);
  stop.abort();
  await rejects(watch.next(), "Canceled");
});

test("a client's deadline ends a call", async () => {
  const subscription = client(EventsService).subscribe({ filters: [] }, { timeoutMs: 50 });
  await rejects(all(subscription), "DeadlineExceeded");
});
