/** The contract of LeaseManager, and what garbage collection keeps and takes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type { Containerd } from "../api.ts";
import {
  bytesOf,
  collect,
  collectGarbage,
  put,
  readAll,
  rejects,
  type SubjectFactory,
  sha256,
  skipped,
} from "./harness.ts";

const spec = { typeUrl: SPEC_TYPE_URL, value: new TextEncoder().encode("{}") };
const usage = { size: 0, inodes: 0 };

export function leasesSuite(name: string, create: SubjectFactory): void {
  const check = (title: string, body: (a: Containerd, b: Containerd) => Promise<void>) =>
    test(`${name}: leases: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      await body(subject.client("a"), subject.client("b"));
    });
  /** Names of what is there: blobs by their number, snapshots and images by name. */
  const present = async (client: Containerd): Promise<string[]> => {
    const blobs = new Map(Array.from({ length: 10 }, (_, i) => [sha256(blob(i)), `blob${i}`]));
    const names = (await collect(client.content.walk())).map(({ digest }) => blobs.get(digest)!);
    names.push(...(await collect(client.snapshots().walk())).map((info) => info.name));
    names.push(...(await client.images.list()).map((image) => image.name));
    return names.sort();
  };
  const blob = (number: number) => bytesOf(100, number + 1);
  const snapshot = async (client: Containerd, key: string, parent: string, labels = {}) => {
    await client.snapshots().prepare(`extract-${key}`, parent);
    await client.snapshots().commit(key, `extract-${key}`, { usage, labels });
  };

  check("create, list, resources, delete", async ({ leases }, other) => {
    const lease = await leases.create({ id: "l1", labels: { k: "v" } });
    await rejects(leases.create({ id: "l1" }), "AlreadyExists");
    const random = await leases.create();
    assert.notEqual(random.id, "");
    assert.deepEqual(
      (await leases.list(["labels.k==v"])).map(({ id }) => id),
      ["l1"],
    );
    assert.equal((await leases.list()).length, 2);
    assert.deepEqual(await other.leases.list(), []);
    await leases.addResource("l1", { id: "key", type: "snapshots/overlayfs" });
    await leases.addResource("l1", { id: "key", type: "snapshots/overlayfs" });
    await leases.addResource("l1", { id: sha256(blob(0)), type: "content" });
    assert.deepEqual(await leases.listResources("l1"), [
      { id: sha256(blob(0)), type: "content" },
      { id: "key", type: "snapshots/overlayfs" },
    ]);
    await leases.deleteResource("l1", { id: "key", type: "snapshots/overlayfs" });
    assert.equal((await leases.listResources("l1")).length, 1);
    await rejects(leases.addResource("l1", { id: "x", type: "pods" }), "Unimplemented");
    for (const [id, type] of [
      ["x", "content"],
      ["", "images"],
      ["x", "content/y"],
      ["x", "snapshots"],
      ["x", "snapshots/"],
      ["x", "snapshots/overlayfs/y"],
    ] as const) {
      await rejects(leases.addResource("l1", { id, type }), "InvalidArgument");
      await rejects(leases.deleteResource("l1", { id, type }), "InvalidArgument");
    }
    await rejects(leases.addResource("none", { id: "x", type: "pods" }), "NotFound");
    await rejects(leases.listResources("none"), "NotFound");
    await leases.delete(lease.id);
    await rejects(leases.delete(lease.id), "NotFound");
  });

  check("what nothing refers to is taken, what an image refers to is kept", async (a) => {
    const lease = await a.leases.create();
    const held = a.withLease(lease.id);
    const config = await put(held.content, blob(0));
    await snapshot(held, "chain1", "");
    await snapshot(held, "chain2", "chain1");
    const manifest = await put(held.content, blob(1), {
      "containerd.io/gc.ref.content.config": config.digest,
      "containerd.io/gc.ref.snapshot.overlayfs": "chain2",
    });
    await put(held.content, blob(2));
    await snapshot(held, "stray", "chain1");
    await collectGarbage(a);
    assert.equal((await present(a)).length, 6);
    await a.images.create({ name: "image", target: manifest });
    await a.leases.delete(lease.id, { sync: true });
    assert.deepEqual(await present(a), ["blob0", "blob1", "chain1", "chain2", "image"]);
    await a.images.delete("image", { sync: true });
    assert.deepEqual(await present(a), []);
  });

  check("an empty value takes a label away, and what it kept with it", async (a) => {
    const lease = await a.leases.create({ labels: { full: "1", empty: "" } });
    assert.deepEqual(lease.labels, { full: "1" });
    const held = a.withLease(lease.id);
    const root = "containerd.io/gc.root";
    const both = { [root]: "x", empty: "" };
    const { digest } = await put(held.content, blob(0), both);
    await put(held.content, blob(1), { [root]: "" });
    await snapshot(held, "s", "", both);
    assert.deepEqual((await a.content.info(digest)).labels, { [root]: "x" });
    assert.deepEqual((await a.snapshots().stat("s")).labels, { [root]: "x" });
    await a.leases.delete(lease.id, { sync: true });
    assert.deepEqual(await present(a), ["blob0", "s"]);
    const info = await a.content.update({ digest, labels: { [root]: "" } }, [`labels.${root}`]);
    assert.deepEqual(info.labels, {});
    const { labels } = await a.snapshots().update({ name: "s", labels: { [root]: "", other: "1" } }, ["labels"]);
    assert.deepEqual(labels, { other: "1" });
    await collectGarbage(a);
    assert.deepEqual(await present(a), []);
    const target = { mediaType: "m", digest, size: 1 };
    assert.deepEqual((await a.images.create({ name: "i", target, labels: both })).labels, { [root]: "x" });
    assert.deepEqual((await a.images.update({ name: "i", target, labels: { [root]: "" } })).labels, {});
    const runtime = { name: "io.containerd.runc.v2" };
    const made = await a.containers.create({ id: "c", runtime, spec, labels: { full: "1", empty: "" } });
    assert.deepEqual(made.labels, { full: "1" });
    assert.deepEqual((await a.containers.update({ id: "c", labels: { full: "" } }, ["labels.full"])).labels, {});
  });

  check("a lease gets what its client makes, and must be there", async (a) => {
    const lease = await a.leases.create({ id: "l" });
    const held = a.withLease(lease.id);
    await put(held.content, blob(0));
    await put(a.content, blob(1));
    await rejects(held.content.writer({ ref: "r", digest: sha256(blob(1)) }), "AlreadyExists");
    await (await held.content.writer({ ref: "ingest" })).close();
    await held.snapshots().prepare("p", "");
    assert.deepEqual(await a.leases.listResources("l"), [
      ...[0, 1].map((n) => ({ id: sha256(blob(n)), type: "content" })).sort((x, y) => (x.id < y.id ? -1 : 1)),
      { id: "ingest", type: "ingests" },
      { id: "p", type: "snapshots/overlayfs" },
    ]);
    await held.snapshots().remove("p");
    assert.equal((await a.leases.listResources("l")).length, 3);
    const stale = a.withLease("none");
    await rejects(stale.snapshots().prepare("q", ""), "NotFound");
    await rejects(a.snapshots().stat("q"), "NotFound");
  });

  check("gc.root and an expiry to come keep, an expiry that has passed does not", async (a) => {
    const future = { "containerd.io/gc.expire": new Date(Date.now() + 3_600_000).toISOString() };
    const past = { "containerd.io/gc.expire": new Date(Date.now() - 1000).toISOString() };
    await put(a.content, blob(0), { "containerd.io/gc.root": "x" });
    await put(a.content, blob(1), future);
    await put(a.content, blob(2), past);
    await snapshot(a, "rooted", "", { "containerd.io/gc.root": "x" });
    const target = (n: number) => ({ mediaType: "m", digest: sha256(blob(n)), size: 100 });
    await a.images.create({ name: "expired", target: target(3), labels: past });
    await a.images.create({ name: "lasting", target: target(3), labels: future });
    const lease = await a.leases.create({ labels: past });
    await a.leases.addResource(lease.id, { type: "content", id: sha256(blob(2)) });
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["blob0", "blob1", "lasting", "rooted"]);
    assert.deepEqual(await a.leases.list(), []);
  });

  check("a lease that expires is collected by itself", async (a) => {
    // it has to be there still once it has something to hold, however slow the machine
    for (let ms = 1500; ; ms *= 2) {
      const expire = { "containerd.io/gc.expire": new Date(Date.now() + ms).toISOString() };
      const lease = await a.leases.create({ labels: expire });
      const { digest } = await put(a.withLease(lease.id).content, blob(0));
      if ((await a.leases.list()).some(({ id }) => id === lease.id)) break;
      await a.content.delete(digest).catch(() => {});
    }
    for (let i = 0; i < 1200 && (await present(a)).length > 0; i++) await new Promise((r) => setTimeout(r, 50));
    assert.deepEqual(await present(a), []);
  });

  check("a flat lease holds without references", async (a) => {
    const lease = await a.leases.create({ labels: { "containerd.io/gc.flat": "true" } });
    const child = await put(a.withLease(lease.id).content, blob(0));
    await put(a.withLease(lease.id).content, blob(1), { "containerd.io/gc.ref.content.0": child.digest });
    await a.leases.deleteResource(lease.id, { type: "content", id: child.digest });
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["blob1"]);
  });

  check("back references keep their object with the one they name", async (a) => {
    const root = await put(a.content, blob(0), { "containerd.io/gc.root": "x" });
    await put(a.content, blob(1), { "containerd.io/gc.bref.content": root.digest });
    await put(a.content, blob(2), { "containerd.io/gc.bref.content": sha256(blob(9)) });
    await snapshot(a, "kept", "", { "containerd.io/gc.bref.content.x": sha256(blob(1)) });
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["blob0", "blob1", "kept"]);
    await a.content.delete(root.digest);
    await collectGarbage(a);
    assert.deepEqual(await present(a), []);
  });

  check("a container keeps its snapshot and what its labels name", async (a) => {
    await snapshot(a, "base", "");
    await a.snapshots().prepare("c1", "base");
    const { digest } = await put(a.content, blob(0));
    await a.containers.create({
      id: "c1",
      runtime: { name: "io.x.y" },
      spec,
      snapshotter: "overlayfs",
      snapshotKey: "c1",
      labels: { "containerd.io/gc.ref.content": digest },
    });
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["base", "blob0", "c1"]);
    await a.containers.delete("c1");
    await collectGarbage(a);
    assert.deepEqual(await present(a), []);
  });

  check("an image whose time has run out stays as long as something that is kept names it", async (a) => {
    const labels = { "containerd.io/gc.expire": new Date(Date.now() - 1000).toISOString() };
    const target = (n: number) => ({ mediaType: "m", digest: sha256(blob(n)), size: 100 });
    const keeper = await put(a.content, blob(0), {
      "containerd.io/gc.root": "x",
      "containerd.io/gc.ref.image": "named",
      "containerd.io/gc.ref.image.also": "named-too",
    });
    for (const name of ["named", "named-too", "other"]) await a.images.create({ name, target: target(3), labels });
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["blob0", "named", "named-too"]);
    await a.content.delete(keeper.digest);
    await collectGarbage(a);
    assert.deepEqual(await present(a), []);
  });

  check("namespaces are collected by themselves", async (a, b) => {
    const target = await put(a.content, blob(0));
    await a.images.create({ name: "i", target });
    await put(b.content, blob(0));
    await collectGarbage(a);
    assert.deepEqual(await present(a), ["blob0", "i"]);
    assert.deepEqual(await present(b), []);
    assert.equal((await readAll(a.content.reader(target))).length, 100);
  });

  check("an ingest outlives its writer only by a lease or for a while", async (a) => {
    const lease = await a.leases.create();
    await (await a.withLease(lease.id).content.writer({ ref: "leased" })).close();
    await (await a.content.writer({ ref: "free" })).close();
    await collectGarbage(a);
    assert.deepEqual(
      (await a.content.listStatuses()).map(({ ref }) => ref),
      ["free", "leased"],
    );
    await a.leases.delete(lease.id, { sync: true });
    assert.deepEqual(
      (await a.content.listStatuses()).map(({ ref }) => ref),
      ["free"],
    );
  });

  check("collections beside writers take nothing that is in use", async (a) => {
    let running = true;
    const collecting = (async () => {
      while (running) await collectGarbage(a);
    })();
    const names: string[] = [];
    for (let i = 0; i < 40; i++) {
      const lease = await a.leases.create();
      const held = a.withLease(lease.id);
      const child = await put(held.content, bytesOf(50, 1000 + i));
      await snapshot(held, `chain${i}`, "");
      const labels = {
        "containerd.io/gc.ref.content.0": child.digest,
        "containerd.io/gc.ref.snapshot.overlayfs": `chain${i}`,
      };
      const target = await put(held.content, bytesOf(60, 2000 + i), labels);
      await a.images.create({ name: `image${i}`, target });
      await a.leases.delete(lease.id);
      names.push(`image${i}`);
    }
    running = false;
    await collecting;
    await collectGarbage(a);
    assert.equal((await collect(a.content.walk())).length, 80);
    assert.equal((await collect(a.snapshots().walk())).length, 40);
    for (const image of names) await a.images.delete(image);
    await collectGarbage(a);
    assert.equal((await collect(a.content.walk())).length, 0);
    assert.equal((await collect(a.snapshots().walk())).length, 0);
  });
}
