import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ContainerdCore } from "../api.ts";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { RemoteSnapshotter } from "../conformance/remote-snapshotter.ts";
import { createCore } from "../core.ts";
import { TARGET_LABEL } from "./local.ts";

const NAME = "remote";

interface Subject extends AsyncDisposable {
  core: ContainerdCore;
  backend: RemoteSnapshotter;
}

async function open(t: TestContext): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "wharf-remote-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const backend = new RemoteSnapshotter(join(folder, "layers"));
  const core = await createCore({
    root: join(folder, "root"),
    state: join(folder, "state"),
    agent: new FakeAgent(),
    snapshotters: { [NAME]: () => backend },
  });
  return { core, backend, [Symbol.asyncDispose]: () => core[Symbol.asyncDispose]() };
}

test("what a remote snapshotter has is taken over under the name asked for", async (t) => {
  await using subject = await open(t);
  const { backend, core } = subject;
  const snapshots = core.namespace("a").snapshots(NAME);
  backend.offers.add("base").add("top");
  const labels = (target: string) => ({ [TARGET_LABEL]: target, "containerd.io/snapshot/x": "1", mine: "2" });
  await assert.rejects(snapshots.prepare("one", "", { labels: labels("base") }), { code: "AlreadyExists" });
  await assert.rejects(snapshots.prepare("two", "base", { labels: labels("top") }), { code: "AlreadyExists" });
  // Asked again, it is known here.
  await assert.rejects(snapshots.prepare("two", "base", { labels: labels("top") }), { code: "AlreadyExists" });
  const { kind, parent, labels: own } = await snapshots.stat("top");
  assert.deepEqual({ kind, parent, own }, { kind: "committed", parent: "base", own: labels("top") });
  assert.equal((await snapshots.usage("top")).size, 4096);
  for (const key of ["one", "two"]) await assert.rejects(snapshots.stat(key), { code: "NotFound" });
  const there = [...backend.snapshots.values()].map((one) => [one.name, one.parent, one.labels]);
  const seen = (target: string) => ({ [TARGET_LABEL]: target, "containerd.io/snapshot/x": "1" });
  assert.deepEqual(there, [
    ["own-1", "", seen("base")],
    ["own-2", "own-1", seen("top")],
  ]);
  // A container's snapshot stands on the one that was there.
  await snapshots.prepare("work", "top");
  assert.equal([...backend.snapshots.values()].at(-1)!.parent, "own-2");
});

test("parents must be committed, and what is committed active", async (t) => {
  await using subject = await open(t);
  const snapshots = subject.core.namespace("a").snapshots(NAME);
  await snapshots.prepare("active", "");
  await assert.rejects(snapshots.prepare("p", "active"), { code: "InvalidArgument" });
  await snapshots.commit("one", "active");
  await assert.rejects(snapshots.commit("two", "one"), { code: "FailedPrecondition" });
  await assert.rejects(snapshots.commit("one", "none"), { code: "AlreadyExists" });
});

test("a snapshot that several namespaces took over goes with the last of them", async (t) => {
  await using subject = await open(t);
  const { backend, core } = subject;
  backend.offers.add("base");
  const [a, b] = ["a", "b"].map((name) => core.namespace(name).snapshots(NAME)) as [
    ReturnType<ReturnType<ContainerdCore["namespace"]>["snapshots"]>,
    ReturnType<ReturnType<ContainerdCore["namespace"]>["snapshots"]>,
  ];
  for (const one of [a, b])
    await assert.rejects(one.prepare("k", "", { labels: { [TARGET_LABEL]: "base" } }), { code: "AlreadyExists" });
  assert.equal(backend.snapshots.size, 1);
  await a.remove("base");
  await core.namespace("a").snapshots().cleanup();
  assert.deepEqual([...backend.snapshots.keys()], ["own-1"]);
  await b.remove("base");
  await core.namespace("a").snapshots().cleanup();
  assert.equal(backend.snapshots.size, 0);
});

test("one that says a layer is there, and has it not, is told", async (t) => {
  await using subject = await open(t);
  const { backend, core } = subject;
  const snapshots = core.namespace("a").snapshots(NAME);
  backend.lying = true;
  await assert.rejects(snapshots.prepare("k", "", { labels: { [TARGET_LABEL]: "base" } }), {
    code: "NotFound",
    message: /snapshotter remote says that "base" exists/,
  });
  await assert.rejects(snapshots.prepare("k", ""), { code: "Unknown" });
  await assert.rejects(snapshots.stat("k"), { code: "NotFound" });
});

test("one that is being removed for another namespace is asked for anew", async (t) => {
  await using subject = await open(t);
  const { backend, core } = subject;
  backend.offers.add("base");
  const [a, b] = [core.namespace("a").snapshots(NAME), core.namespace("b").snapshots(NAME)];
  const labels = { [TARGET_LABEL]: "base" };
  await assert.rejects(a.prepare("k", "", { labels }), { code: "AlreadyExists" });
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  backend.beforeRemove = () => {
    begun.resolve();
    return gate.promise;
  };
  await a.remove("base");
  const cleanup = core.namespace("a").snapshots().cleanup();
  await begun.promise;
  const prepared = assert.rejects(b.prepare("k", "", { labels }), { code: "AlreadyExists" });
  const adopted = () =>
    b.stat("base").then(
      () => true,
      () => false,
    );
  while (!(await adopted())) await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  await Promise.all([cleanup, prepared]);
  assert.deepEqual([...backend.snapshots.keys()], ["own-2"]);
  assert.equal((await b.usage("base")).size, 4096);
});

test("one that cannot tell what it has leaves no row behind", async (t) => {
  await using subject = await open(t);
  const { backend, core } = subject;
  const snapshots = core.namespace("a").snapshots(NAME);
  backend.offers.add("base");
  backend.broken = true;
  await assert.rejects(snapshots.prepare("k", "", { labels: { [TARGET_LABEL]: "base" } }), { code: "Unavailable" });
  await assert.rejects(snapshots.stat("k"), { code: "NotFound" });
});
