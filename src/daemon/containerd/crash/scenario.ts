/**
 * What a killed daemon was doing: the child process of crash.test.ts. Each step is acknowledged on standard output when the
 * core says it is done, which is from when on it must not be lost.
 */

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { armFailpoints } from "../../store/failpoints.ts";
import { SPEC_TYPE_URL } from "../api/containers.ts";
import type { Containerd } from "../api.ts";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { bytesOf, collectGarbage, put, sha256 } from "../conformance/harness.ts";
import { createCore } from "../core.ts";

export const SMALL = bytesOf(1000, 1);
export const LARGE = bytesOf(700_000, 2);
export const MANIFEST = bytesOf(500, 3);
const REFERENCES = {
  "containerd.io/gc.ref.content.config": sha256(SMALL),
  "containerd.io/gc.ref.content.l.0": sha256(LARGE),
  "containerd.io/gc.ref.snapshot.overlayfs": "chain2",
};

/** Pull an image, make a container of it, remove both. Steps begun by an earlier run are taken up again. */
export async function scenario(client: Containerd, done: (step: string) => void): Promise<void> {
  const step = async (name: string, body: () => Promise<unknown>) => {
    await body();
    done(name);
  };
  const lease = await client.leases.create();
  const held = client.withLease(lease.id);
  await step("small", () => put(held.content, SMALL));
  await step("large", () => put(held.content, LARGE));
  await step("manifest", () => put(held.content, MANIFEST, REFERENCES));
  for (const [name, parent] of [
    ["chain1", ""],
    ["chain2", "chain1"],
  ] as const) {
    await step(name, async () => {
      await held.snapshots().prepare(`extract ${name}`, parent);
      await held.snapshots().commit(name, `extract ${name}`);
    });
  }
  const target = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(MANIFEST),
    size: MANIFEST.length,
  };
  await step("image", () => client.images.create({ name: "image", target }));
  await step("container", async () => {
    await held.snapshots().prepare("c1", "chain2");
    const spec = { typeUrl: SPEC_TYPE_URL, value: new TextEncoder().encode("{}") };
    const snapshot = { snapshotter: "overlayfs", snapshotKey: "c1" };
    await client.containers.create({ id: "c1", runtime: { name: "io.x.y" }, spec, ...snapshot });
  });
  await step("released", () => client.leases.delete(lease.id, { sync: true }));
  await step("container-removed", async () => {
    // in the order of containerd's clients: the other way round a collection may be faster than we are
    await client.snapshots().remove("c1");
    await client.containers.delete("c1");
  });
  await step("image-removed", () => client.images.delete("image", { sync: true }));
  await collectGarbage(client);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [root, state] = process.argv.slice(2);
  armFailpoints();
  const core = await createCore({ root: root!, state: state!, agent: new FakeAgent() });
  await scenario(core.namespace("a"), (name) => writeSync(1, `${name}\n`));
  await core[Symbol.asyncDispose]();
}
