import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { createCore } from "../core.ts";

test("cleanup() deletes what could not be deleted when its snapshot was removed", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "cleanup-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const agent = new FakeAgent();
  const remove = agent.remove.bind(agent);
  agent.remove = () => Promise.reject(new Error("not now"));
  const [root, state] = [join(dir, "root"), join(dir, "state")];
  await using core = await createCore({ root, state, agent, log: () => {} });
  const client = core.namespace("a");
  for (const [name, folder] of [
    ["overlayfs", "snapshots"],
    ["native", "native"],
  ] as const) {
    const snapshots = client.snapshots(name);
    await snapshots.prepare("p", "");
    await snapshots.remove("p");
    await snapshots.cleanup();
    const left = () => readdirSync(join(root, folder), { recursive: true });
    assert.notDeepEqual(left(), [], name);
    agent.remove = remove;
    await snapshots.cleanup();
    assert.deepEqual(left(), [], name);
    agent.remove = () => Promise.reject(new Error("not now"));
  }
  agent.remove = remove;
});
