/** The contract of SandboxStore, and what of SandboxController needs no shim. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import { PODSANDBOX_SANDBOXER, SHIM_SANDBOXER } from "../api/sandboxes.ts";
import type { Containerd } from "../api.ts";
import { collectGarbage, put, rejects, type SubjectFactory, skipped } from "./harness.ts";

const text = (value: string) => new TextEncoder().encode(value);

export function sandboxesSuite(name: string, create: SubjectFactory): void {
  const check = (title: string, body: (client: Containerd, other: Containerd) => Promise<void>) =>
    test(`${name}: sandboxes: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject.client("a"), subject.client("b"));
    });

  check("create, get, list, delete", async ({ sandboxes }, other) => {
    const made = await sandboxes.create({
      id: "p1",
      runtime: { name: "io.containerd.runt.v2", options: { typeUrl: "o", value: new Uint8Array([0, 255]) } },
      spec: { typeUrl: SPEC_TYPE_URL, value: text("{}") },
      labels: { app: "web" },
      extensions: { ext: { typeUrl: "t", value: new Uint8Array([1, 2]) } },
      sandboxer: SHIM_SANDBOXER,
    });
    assert.equal(made.createdAt, made.updatedAt);
    const read = await sandboxes.get("p1");
    assert.deepEqual(
      [read.runtime.name, read.labels, read.sandboxer, read.createdAt, read.spec?.typeUrl],
      ["io.containerd.runt.v2", { app: "web" }, SHIM_SANDBOXER, made.createdAt, SPEC_TYPE_URL],
    );
    assert.deepEqual([...read.runtime.options!.value], [0, 255]);
    assert.deepEqual([...read.extensions.ext!.value], [1, 2]);
    await rejects(sandboxes.create({ id: "p1" }), "AlreadyExists");
    await rejects(other.sandboxes.get("p1"), "NotFound");
    await sandboxes.create({ id: "p2" });
    const ids = async (...filters: string[]) => (await sandboxes.list(filters)).map(({ id }) => id);
    assert.deepEqual(await ids(), ["p1", "p2"]);
    assert.deepEqual(await ids("id==p2"), ["p2"]);
    assert.deepEqual(await ids("labels.app==web"), ["p1"]);
    await sandboxes.delete("p1");
    await rejects(sandboxes.delete("p1"), "NotFound");
    await rejects(sandboxes.get("p1"), "NotFound");
    for (const id of ["", "a b", "x".repeat(77)]) await rejects(sandboxes.create({ id }), "InvalidArgument");
    await rejects(sandboxes.create({ id: "p3", labels: { a: "x".repeat(4096) } }), "InvalidArgument");
  });

  check("update takes the fields named", async ({ sandboxes }) => {
    const runtime = { name: "io.containerd.runt.v2" };
    const ext = { typeUrl: "t", value: new Uint8Array([1]) };
    const made = await sandboxes.create({ id: "p1", runtime, labels: { a: "1" }, extensions: { one: ext } });
    const labelled = await sandboxes.update({ id: "p1", labels: { b: "2" } }, ["labels.b"]);
    assert.deepEqual([labelled.labels, labelled.createdAt], [{ a: "1", b: "2" }, made.createdAt]);
    assert.ok(labelled.updatedAt > made.updatedAt);
    const extended = await sandboxes.update({ id: "p1", extensions: { two: ext } }, ["extensions.two"]);
    assert.deepEqual(Object.keys(extended.extensions), ["one", "two"]);
    await rejects(sandboxes.update({ id: "p1", sandboxer: "x" }, ["sandboxer"]), "InvalidArgument");
    await rejects(sandboxes.update({ id: "p1", runtime: { name: "other.x.v1" } }), "InvalidArgument");
    const moved = await sandboxes.update({ id: "p1", runtime: { name: "other.x.v1" } }, ["runtime"]);
    assert.equal(moved.runtime.name, "other.x.v1");
    const whole = await sandboxes.update({ id: "p1", runtime: moved.runtime });
    assert.deepEqual([whole.labels, whole.extensions, whole.spec], [{}, {}, undefined]);
    await rejects(sandboxes.update({ id: "none" }), "NotFound");
  });

  check("a sandbox's labels keep what they name", async (client) => {
    const kept = await put(client.content, text("kept"));
    await client.sandboxes.create({ id: "p1", labels: { "containerd.io/gc.ref.content.x": kept.digest } });
    await collectGarbage(client);
    await client.content.info(kept.digest);
    await client.sandboxes.delete("p1");
    await collectGarbage(client);
    await rejects(client.content.info(kept.digest), "NotFound");
  });

  check("a controller says what is not there", async (client) => {
    await rejects((async () => await client.sandboxController("none").start("p1"))(), "NotFound");
    await rejects((async () => await client.sandboxController("").start("p1"))(), "InvalidArgument");
    const controller = client.sandboxController(SHIM_SANDBOXER);
    const calls = [
      controller.create({ id: "p1" }),
      controller.start("p1"),
      controller.platform("p1"),
      controller.wait("p1"),
      controller.shutdown("p1"),
      controller.metrics("p1"),
      controller.update("p1", { id: "p1" }, []),
    ];
    await Promise.all(calls.map((call) => rejects(call, "NotFound")));
    await controller.stop("p1");
    const status = await controller.status("p1");
    assert.deepEqual([status.pid, status.state, status.exitedAt !== undefined], [0, "", true]);
    await rejects(
      controller.create({ id: "p1", sandbox: { id: "p1", runtime: { name: "io.x.nothing.v9" } } }),
      "NotFound",
    );
    await rejects(controller.create({ id: "a b" }), "InvalidArgument");
  });

  check("so does podsandbox, for which one that is gone is shut down", async (client) => {
    const controller = client.sandboxController(PODSANDBOX_SANDBOXER);
    const calls = [
      controller.create({ id: "p1" }),
      controller.start("p1"),
      controller.stop("p1"),
      controller.wait("p1"),
      controller.status("p1"),
      controller.metrics("p1"),
      controller.update("p1", { id: "p1" }, []),
    ];
    await Promise.all(calls.map((call) => rejects(call, "NotFound")));
    await controller.shutdown("p1");
    assert.equal((await controller.platform("p1")).os, "linux");
    await rejects(controller.create({ id: "a b" }), "InvalidArgument");
    // Nothing here holds namespaces.
    await rejects(controller.create({ id: "p1", sandbox: { id: "p1" } }), "FailedPrecondition");
  });
}
