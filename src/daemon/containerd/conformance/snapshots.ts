/** The contract of Snapshotter, as far as it shows without mounting. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Snapshotter } from "../api/snapshots.ts";
import { collect, rejects, type SubjectFactory, skipped } from "./harness.ts";

/** What the snapshotter `native` has no need to pass. */
export const NATIVE_EXCEPT = {
  "layers are mounted nearest first": "a copy has no layers",
  "a parent can be given at the commit": "a copy is made of its parent at once",
};

/** @param snapshotter its name; the default one's where it is left out */
export function snapshotsSuite(name: string, create: SubjectFactory, snapshotter?: string): void {
  const check = (title: string, body: (snapshots: Snapshotter, other: Snapshotter) => Promise<void>) =>
    test(`${name}: snapshots: ${title}`, skipped(create, title), async () => {
      await using subject = await create();
      const client = subject.client("a");
      // Nothing here refers to anything: a lease keeps it.
      const lease = await client.leases.create();
      await body(client.withLease(lease.id).snapshots(snapshotter), subject.client("b").snapshots(snapshotter));
    });
  const layer = async (snapshots: Snapshotter, name: string, parent: string) => {
    await snapshots.prepare(`extract ${name}`, parent);
    await snapshots.commit(name, `extract ${name}`, { usage: { size: 10, inodes: 1 } });
  };

  check("prepare, commit and prepare on top", async (snapshots) => {
    const [base] = await snapshots.prepare("p", "", { labels: { a: "1" } });
    assert.ok(base && (base.type === "bind" || base.type === "overlay"));
    assert.ok(!base.options.includes("ro"));
    const active = await snapshots.stat("p");
    assert.deepEqual([active.kind, active.name, active.parent, active.labels], ["active", "p", "", { a: "1" }]);
    assert.deepEqual(await snapshots.mounts("p"), [base]);
    await snapshots.commit("one", "p", { labels: { b: "2" }, usage: { size: 4096, inodes: 3 } });
    await rejects(snapshots.stat("p"), "NotFound");
    const committed = await snapshots.stat("one");
    assert.deepEqual([committed.kind, committed.parent, committed.labels], ["committed", "", { b: "2" }]);
    assert.deepEqual(await snapshots.usage("one"), { size: 4096, inodes: 3 });
    await snapshots.prepare("q", "one");
    assert.equal((await snapshots.stat("q")).parent, "one");
  });

  check("a view is read-only and cannot be committed", async (snapshots) => {
    await layer(snapshots, "one", "");
    await layer(snapshots, "two", "one");
    for (const parent of ["", "one", "two"]) {
      const mounts = await snapshots.view(`v${parent}`, parent);
      const writable = mounts.some(
        ({ options }) => options.includes("rw") || options.some((o) => o.startsWith("upperdir=")),
      );
      assert.equal(writable, false, parent);
      assert.equal((await snapshots.stat(`v${parent}`)).kind, "view");
      await rejects(snapshots.commit(`c${parent}`, `v${parent}`), "FailedPrecondition");
    }
  });

  check("layers are mounted nearest first", async (snapshots) => {
    await layer(snapshots, "one", "");
    await layer(snapshots, "two", "one");
    await layer(snapshots, "three", "two");
    const [mount] = await snapshots.prepare("top", "three");
    const lower = mount?.options
      .find((option) => option.startsWith("lowerdir="))
      ?.slice(9)
      .split(":");
    assert.equal(lower?.length, 3);
    const sources = [];
    for (const [key, parent] of [
      ["v3", "three"],
      ["v2", "two"],
    ] as const) {
      const [view] = await snapshots.view(key, parent);
      sources.push(
        view?.options
          .find((option) => option.startsWith("lowerdir="))
          ?.slice(9)
          .split(":"),
      );
    }
    assert.deepEqual(sources[0], lower);
    assert.deepEqual(sources[1], lower?.slice(1));
  });

  check("names are taken once", async (snapshots, other) => {
    await layer(snapshots, "one", "");
    await snapshots.prepare("p", "one");
    await rejects(snapshots.prepare("p", ""), "AlreadyExists");
    await rejects(snapshots.view("one", ""), "AlreadyExists");
    await rejects(snapshots.commit("one", "p"), "AlreadyExists");
    assert.equal((await snapshots.stat("p")).kind, "active");
    await other.prepare("p", "");
    await rejects(other.stat("one"), "NotFound");
  });

  check("a target that is there need not be prepared", async (snapshots) => {
    await layer(snapshots, "sha256:chain", "");
    const labels = { "containerd.io/snapshot.ref": "sha256:chain" };
    await rejects(snapshots.prepare("extract", "", { labels }), "AlreadyExists");
    await rejects(snapshots.stat("extract"), "NotFound");
  });

  check("parents must be there and committed", async (snapshots) => {
    await rejects(snapshots.prepare("p", "none"), "NotFound");
    await snapshots.prepare("active", "");
    await rejects(snapshots.prepare("p", "active"), "InvalidArgument");
    await rejects(snapshots.mounts("none"), "NotFound");
    await layer(snapshots, "one", "");
    await rejects(snapshots.mounts("one"), "FailedPrecondition");
    await rejects(snapshots.commit("two", "one"), "FailedPrecondition");
    await rejects(snapshots.commit("two", "none"), "NotFound");
    await rejects(snapshots.commit("one", "none"), "AlreadyExists");
    await rejects(snapshots.prepare("", ""), "InvalidArgument");
  });

  check("a parent can be given at the commit", async (snapshots) => {
    await layer(snapshots, "one", "");
    await snapshots.prepare("p", "");
    await rejects(snapshots.commit("two", "p", { parent: "none" }), "NotFound");
    await snapshots.commit("two", "p", { parent: "one", usage: { size: 1, inodes: 1 } });
    assert.equal((await snapshots.stat("two")).parent, "one");
    await rejects(snapshots.remove("one"), "FailedPrecondition");
  });

  check("removal goes from the top and frees the name", async (snapshots) => {
    await layer(snapshots, "one", "");
    await layer(snapshots, "two", "one");
    await snapshots.prepare("p", "two");
    await rejects(snapshots.remove("two"), "FailedPrecondition");
    await snapshots.remove("p");
    await snapshots.prepare("p", "one");
    await snapshots.remove("p");
    await snapshots.remove("two");
    await snapshots.remove("one");
    await rejects(snapshots.remove("one"), "NotFound");
    await snapshots.cleanup();
    assert.deepEqual(await collect(snapshots.walk()), []);
  });

  check("what is not counted at the commit is measured", async (snapshots) => {
    await snapshots.prepare("p", "");
    const active = await snapshots.usage("p");
    assert.ok(active.inodes >= 1);
    await snapshots.commit("one", "p");
    assert.ok((await snapshots.usage("one")).inodes >= 1);
    await rejects(snapshots.usage("none"), "NotFound");
  });

  check("labels are updated", async (snapshots) => {
    await snapshots.prepare("p", "", { labels: { a: "1", b: "2" } });
    const info = await snapshots.update({ name: "p", labels: { a: "x" } }, ["labels.a", "labels.b"]);
    assert.deepEqual(info.labels, { a: "x" });
    await rejects(snapshots.update({ name: "p", labels: {} }, ["parent"]), "InvalidArgument");
    await rejects(snapshots.update({ name: "none", labels: {} }), "NotFound");
  });

  check("a walk is filtered", async (snapshots) => {
    await layer(snapshots, "one", "");
    await snapshots.prepare("p", "one", { labels: { mine: "yes" } });
    await snapshots.view("v", "one");
    const names = async (...filters: string[]) => (await collect(snapshots.walk(filters))).map((info) => info.name);
    assert.deepEqual(await names(), ["one", "p", "v"]);
    assert.deepEqual(await names("kind==active"), ["p"]);
    assert.deepEqual(await names("parent==one"), ["p", "v"]);
    assert.deepEqual(await names("labels.mine", "name==one"), ["one", "p"]);
  });
}
